"""Whole images, bands, paths through latent space: what people ask of any generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.generator import Generator, check_output

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class StreamingGenerator(Protocol):
    """A generator that knows how to cut a canvas into bands without rendering anything twice."""

    def bands(self, z: Any, canvas: Size) -> Iterator[Tensor]:
        """Consecutive (3, h, width) bands of the canvas, from the top; `z` is one latent."""
        ...


@runtime_checkable
class InterpolableGenerator(Protocol):
    """A generator whose latents can be mixed."""

    def interpolate(self, a: Any, b: Any, t: float) -> Any:
        """Latents on the way from `a` (t = 0) to `b` (t = 1)."""
        ...


def bands(generator: Generator, z: Any, region: Region) -> Iterator[Tensor]:
    """Render one window of one latent from the top, a band of rows at a time.

    Args:
        generator: any generator that can render the window.
        z: one latent.
        region: window of any size; memory is needed for a band, not for the window.

    Yields:
        (3, h, region.size.width) float32, consecutive from the top.
    """
    if region.is_whole and isinstance(generator, StreamingGenerator):
        yield from generator.bands(z, region.canvas)
        return
    step = generator.native.height
    for top in range(0, region.size.height, step):
        height = min(step, region.size.height - top)
        part = region.crop(Box(top, 0, height, region.size.width))
        images = generator.sample(z, [part])
        check_output(generator.id, images, 1, part.size)
        yield images[0]


def check_canvas(generator: Generator, canvas: Size) -> None:
    """Refuse a canvas that the generator cannot render.

    Raises:
        UsageError: with the sizes that it can render.
    """
    if isinstance(generator.canvases, tuple) and canvas not in generator.canvases:
        sizes = ", ".join(str(size) for size in generator.canvases)
        raise UsageError(f"{generator.id} renders {sizes} only, not {canvas}")
    if generator.canvases == "per-image":
        raise UsageError(f"{generator.id} is a set of images; it renders no canvas of {canvas}")


def latent_path(generator: Generator, seeds: Sequence[int], n_frames: int) -> Iterator[Any]:
    """Latents of a closed walk through `seeds`, `n_frames` from each one to the next.

    Raises:
        UsageError: fewer than two seeds, or the generator's latents cannot be mixed.
    """
    if len(seeds) < 2:
        raise UsageError(f"an interpolation needs at least two seeds, got {list(seeds)}")
    if not isinstance(generator, InterpolableGenerator):
        raise UsageError(f"{generator.id} cannot interpolate: its latents cannot be mixed")
    for start, end in zip(seeds, [*seeds[1:], seeds[0]], strict=True):
        a, b = generator.latents([start]), generator.latents([end])
        for frame in range(n_frames):
            yield generator.interpolate(a, b, frame / n_frames)


def zoom_path(window: Size, largest: Size, n_frames: int) -> list[Region]:
    """Windows of one size at the centre of canvases that grow from the window to `largest`.

    The canvas grows by the same factor from frame to frame, so the zoom has a constant speed.
    Windows lie at whole pixels.

    Raises:
        UsageError: the largest canvas is smaller than the window.
    """
    if largest.height < window.height or largest.width < window.width:
        raise UsageError(f"a zoom ends on a canvas of at least {window}, got {largest}")
    regions = []
    for frame in range(n_frames):
        t = frame / max(n_frames - 1, 1)
        height = round(window.height * (largest.height / window.height) ** t)
        width = round(window.width * (largest.width / window.width) ** t)
        top, left = (height - window.height) // 2, (width - window.width) // 2
        regions.append(Region(Size(height, width), top, left, window))
    return regions
