"""Any generator or folder of images, enlarged to any canvas: `liif:BASE`, `realesrgan:BASE`, ...

The base image is rounded to 8 bits first, as a stored image would be; the id says so. Only the part
of it that a window depends on is made. Nothing is stretched: a canvas has the base's aspect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from anyres_bench.core.errors import GeneratorError, UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.precision import each_in_single_precision, single_precision
from anyres_bench.data.pixels import to_float, to_uint8
from anyres_bench.models.fixed_sizes import check_inside
from anyres_bench.models.generator import (
    Canvases,
    FiniteGenerator,
    Generator,
    ImageGenerator,
    SelectiveGenerator,
    check_output,
)
from anyres_bench.models.interpolation import find_filter, resample, source_window
from anyres_bench.models.loading import load


class Upscaler(Protocol):
    """Makes parts of enlarged images."""

    @property
    def id(self) -> str:
        """Everything that changes a pixel."""
        ...

    def source_window(self, image: Size, region: Region) -> Box:
        """The pixels of an image of a size that a region of the canvas depends on."""
        ...

    def __call__(self, pixels: Tensor, image: Size, window: Box, region: Region) -> Tensor:
        """Enlarge.

        Args:
            pixels: (1, 3, h, w) in [-1, 1], the pixels `window` of an image.
            image: size of the whole image.
            window: at least `source_window`.
            region: what to make, on a canvas that stands for the whole image.

        Returns:
            (1, 3, region.size.height, region.size.width), nominally in [-1, 1].
        """
        ...

    def bands(self, pixels: Tensor, canvas: Size) -> Iterator[Tensor]:
        """Consecutive bands (1, 3, any, width) of the canvas, from a whole image."""
        ...


@dataclass(frozen=True)
class Filtered:
    """Plain interpolation by a named filter."""

    name: str

    @property
    def id(self) -> str:
        return self.name

    def source_window(self, image: Size, region: Region) -> Box:
        return source_window(image, region, find_filter(self.name))

    def __call__(self, pixels: Tensor, image: Size, window: Box, region: Region) -> Tensor:
        return resample(pixels, image, window, region, find_filter(self.name))

    def bands(self, pixels: Tensor, canvas: Size) -> Iterator[Tensor]:
        image = Size(*pixels.shape[2:])
        for region in band_regions(canvas):
            window = self.source_window(image, region)
            yield self(cut(pixels, window), image, window, region)


def band_regions(canvas: Size, rows: int = 64) -> Iterator[Region]:
    """A canvas from the top, a band of rows at a time."""
    whole = Region.whole(canvas)
    for top in range(0, canvas.height, rows):
        yield whole.crop(Box(top, 0, min(rows, canvas.height - top), canvas.width))


def cut(pixels: Tensor, box: Box) -> Tensor:
    """A part of (n, c, h, w), as a view."""
    return pixels[:, :, box.top : box.bottom, box.left : box.right]


@dataclass(frozen=True)
class Upscaled:
    """A base generator, enlarged.

    Attributes:
        base: any generator, a folder of images included.
        upscaler: enlarges.
        quantised: round the base image to 8 bits first.
    """

    base: Generator
    upscaler: Upscaler
    quantised: bool = True

    @property
    def id(self) -> str:
        return f"{self.upscaler.id}({self.base.id};{'u8' if self.quantised else 'f32'})"

    @property
    def native(self) -> Size:
        return self.base.native

    @property
    def canvases(self) -> Canvases:
        return "any"

    @property
    def makes_in_words(self) -> str:
        """The canvases that it makes."""
        return f"canvases of the shapes that {self.base.id} makes"

    def makes(self, canvas: Size) -> bool:
        """Whether the base makes the shape of a canvas; each image of a set has one of its own."""
        if isinstance(self.base, ImageGenerator):
            return True
        try:
            size = self.base_size(None, canvas)
        except GeneratorError:
            return False
        return not isinstance(self.base, SelectiveGenerator) or self.base.makes(size)

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> list[Any]:
        """The base's latents, one by one."""
        if labels is None:
            return [self.base.latents([seed]) for seed in seeds]
        return [
            self.base.latents([seed], [label]) for seed, label in zip(seeds, labels, strict=True)
        ]

    @single_precision()
    @torch.inference_mode()
    def sample(self, z: list[Any], regions: Sequence[Region]) -> Tensor:
        """Windows of enlarged images, made one by one.

        Raises:
            GeneratorError: a canvas has an aspect that the base cannot make.
        """
        pairs = zip(z, regions, strict=True)
        return torch.cat([self._window(latent, region) for latent, region in pairs])

    def _window(self, latent: Any, region: Region) -> Tensor:
        check_inside(self.id, region)
        image = self.base_size(latent, region.canvas)
        window = self.upscaler.source_window(image, region)
        return self.upscaler(self._pixels(latent, image, window), image, window, region)

    @torch.inference_mode()
    def bands(self, z: list[Any], canvas: Size) -> Iterator[Tensor]:
        """Consecutive (3, h, width) bands of the canvas of one latent."""
        [latent] = z
        image = self.base_size(latent, canvas)
        pixels = self._pixels(latent, image, Box.whole(image))
        with single_precision():
            bands = self.upscaler.bands(pixels, canvas)
        yield from (band[0] for band in each_in_single_precision(bands))

    def _pixels(self, latent: Any, image: Size, window: Box) -> Tensor:
        pixels = self.base.sample(latent, [Region.whole(image).crop(window)])
        check_output(self.base.id, pixels, 1, window.size)  # rounding would hide another range
        return to_float(to_uint8(pixels)) if self.quantised else pixels

    def base_size(self, latent: Any, canvas: Size) -> Size:
        """The size of the base image that a canvas is made from.

        A folder's image has its own size. Of a discrete list the size nearest to the native one
        is taken, of a base of any size the one whose shorter side is the native one.

        Raises:
            GeneratorError: nothing that the base makes has the canvas' aspect.
        """
        base, native = self.base, self.base.native
        if isinstance(base, ImageGenerator):
            sizes = [base.images.manifest[int(latent[0])].size]
        elif isinstance(base.canvases, tuple):
            sizes = sorted(base.canvases, key=lambda size: abs(size.pixels - native.pixels))
        else:
            scale = native.shorter / canvas.shorter
            sizes = [Size(round(canvas.height * scale), round(canvas.width * scale))]
        for size in sizes:
            # the canvas is the enlarged image, rounded to whole pixels
            if abs(canvas.height * size.width - canvas.width * size.height) <= size.longer:
                return size
        raise GeneratorError(
            f"{self.id}: a canvas of {canvas} would stretch the base's images of "
            f"{', '.join(map(str, sizes))}; choose a canvas of their aspect"
        )


@dataclass(frozen=True)
class UpscaledImages(Upscaled):
    """A set of images, enlarged: it has as many pictures as the set."""

    @property
    def id(self) -> str:
        stored = "u8" if self.quantised else "f32"
        # "each": every picture comes once before any comes again, which it once did not
        return f"{self.upscaler.id}({self.base.id};{stored};each)"

    @property
    def n_pictures(self) -> int:
        base = self.base
        assert isinstance(base, ImageGenerator | FiniteGenerator)
        return len(base.images.manifest) if isinstance(base, ImageGenerator) else base.n_pictures


def upscaled(base: Generator, upscaler: Upscaler, quantised: bool = True) -> Upscaled:
    """A base, enlarged; a set of images stays one."""
    finite = isinstance(base, ImageGenerator | FiniteGenerator)
    return (UpscaledImages if finite else Upscaled)(base, upscaler, quantised)


@dataclass(frozen=True)
class Base:
    """How the base of an upscaler is made.

    Attributes:
        stored: how its images are stored: "u8", rounded to 8 bits, or "f32".
        device: where it renders, as torch names it.
        accept_licence: of downloaded weights.
    """

    stored: str
    device: str
    accept_licence: bool


def over_base(name: str, rest: str, make: Callable[[], Upscaler], base: Base) -> Upscaled:
    """The upscaler over the base that a spec names.

    Args:
        name: of the upscaler, for messages.
        rest: the spec of the base.
        make: makes the upscaler, once the base is there.
        base: how the base is made.

    Raises:
        UsageError: no base is named, or its images are stored in neither way.
    """
    if not rest:
        raise UsageError(
            f"{name} enlarges a base: {name}:BASE, such as {name}:folder:PATH; "
            f"to enlarge stored images: anyres-bench upscale IN OUT --model {name}"
        )
    if base.stored not in ("u8", "f32"):
        raise UsageError(f"base {base.stored!r}; the base image is stored as u8 or f32")
    generator = load(rest, device=base.device, accept_licence=base.accept_licence)
    return upscaled(generator, make(), quantised=base.stored == "u8")
