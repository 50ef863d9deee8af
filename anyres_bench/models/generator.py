"""The one interface that a model must offer, and the checks that hold it to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from anyres_bench.data.dataset import Dataset
    from anyres_bench.data.pixels import Pixels

MIN_FOR_RANGE = 4  # images; see `check_range`

Canvases = Literal["any", "per-image"] | tuple[Size, ...]
"""Any size, a discrete list, or whatever each image of a folder is."""

GENERATORS = Registry(
    "generator",
    {
        "constant": "anyres_bench.models.controls:constant",
        "folder": "anyres_bench.models.controls:folder",
        "houses": "anyres_bench.models.worlds:houses",
        "paired": "anyres_bench.models.controls:paired",
        "real": "anyres_bench.models.controls:real",
        "resample": "anyres_bench.models.controls:resample",
        "scenes": "anyres_bench.models.worlds:scenes",
    },
    entry_points="anyres_bench.generators",
)
"""Spec head -> factory: `name` or `name:rest`; see `anyres_bench.models.loading`."""


@runtime_checkable
class Generator(Protocol):
    """Renders windows of canvases of any size.

    Attributes:
        id: everything that changes a pixel: architecture, checkpoint digest, psi, precision,
            assembly of tiles, quantisation of a wrapped base.
        native: the size that the model was made for.
        canvases: which canvas sizes it can render.
    """

    @property
    def id(self) -> str: ...
    @property
    def native(self) -> Size: ...
    @property
    def canvases(self) -> Canvases: ...

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> Any:
        """Opaque latents; item i depends on seeds[i] (and labels[i]) only."""
        ...

    def sample(self, z: Any, regions: Sequence[Region]) -> Tensor:
        """Render one window a latent.

        Args:
            z: what `latents` gave, n items.
            regions: n windows of one size, on any canvases.

        Returns:
            (n, 3, h, w) float32 RGB, nominally in [-1, 1], not clamped. Noise, if there is any,
            depends on the seed and the absolute position on the canvas, so a region is the crop
            of the whole.
        """
        ...


@runtime_checkable
class SelectiveGenerator(Generator, Protocol):
    """A generator of "any" canvas that does not make all of them, such as one of one aspect."""

    @property
    def makes_in_words(self) -> str:
        """The canvases that it makes."""
        ...

    def makes(self, canvas: Size) -> bool:
        """Whether it makes a canvas."""
        ...


@runtime_checkable
class SourceSizedGenerator(Generator, Protocol):
    """A generator that can be told how large a picture was before it was shrunk to its canvas.

    Shrinking sharpens; a model of pictures that were shrunk by known factors can do the same.
    """

    def sample_from(self, z: Any, regions: Sequence[Region], source_sides: Sequence[int]) -> Tensor:
        """As `sample`; `source_sides` are the shorter sides before pictures were shrunk, px."""
        ...


@runtime_checkable
class MovableGenerator(Generator, Protocol):
    """A generator whose input can be moved, such as the Fourier features of StyleGAN3."""

    def sample_moved(self, z: Any, transforms: Tensor) -> Tensor:
        """Whole pictures of the native size under transforms of the input.

        Args:
            z: what `latents` gave, n items.
            transforms: (n, 3, 3) from the places of a picture to those of the input, in (x, y, 1)
                columns; the picture spans [-1/2, 1/2], y down. The identity changes nothing.

        Returns:
            As `sample`.
        """
        ...


@runtime_checkable
class ImageGenerator(Generator, Protocol):
    """A generator that is a finite set of images.

    Its latents are image numbers: `latents([i])` is image i of `images`, modulo their count. The
    views are drawn on its own images by the protocol's rule for real images, downscaling only.
    """

    @property
    def images(self) -> Dataset: ...

    def pixels(self, index: int) -> Pixels:
        """Image `index` whole, (h, w, 3) uint8, of the size that its record states."""
        ...


@runtime_checkable
class FiniteGenerator(Generator, Protocol):
    """A generator of as many pictures as a set of images has, such as one that enlarges them.

    `latents([i])` is picture i, modulo their number; different views of one picture are not
    independent.
    """

    @property
    def n_pictures(self) -> int: ...


def check_members(name: str, generator: Generator) -> None:
    """Whether id, native and canvases are what the contract says.

    Args:
        name: what messages call the generator.
        generator: has these members, of whatever type.

    Raises:
        GeneratorError: one of them is not.
    """
    known, native, canvases = generator.id, generator.native, generator.canvases
    if not isinstance(known, str) or not known.isprintable() or not known:
        raise GeneratorError(f"{name} has the id {known!r:.80}; expected a line of text")
    if not isinstance(native, Size) or min(native) < 1:
        raise GeneratorError(
            f"{name} has native = {native!r:.80}; expected the size that it was made for, px: "
            "anyres_bench.Size(height, width)"
        )
    sizes = canvases if isinstance(canvases, tuple) else ()
    if canvases not in ("any", "per-image") and (
        not sizes or not all(isinstance(size, Size) and min(size) > 0 for size in sizes)
    ):
        raise GeneratorError(
            f'{name} has canvases = {canvases!r:.80}; expected "any", or a tuple of '
            "anyres_bench.Size(height, width)"
        )


def check_output(generator_id: str, images: Tensor, n: int, size: Size) -> None:
    """Hold one batch of samples to the contract of `Generator.sample`.

    Raises:
        GeneratorError: wrong type, shape or dtype, values that are not finite, or values that
            look like [0, 1] or [0, 255] instead of [-1, 1].
    """
    check_images(generator_id, images, n, size)
    check_range(generator_id, float(images.min()), float(images.max()), n)


def check_images(generator_id: str, images: Tensor, n: int, size: Size) -> None:
    """Type, shape, dtype and finite values of one batch of samples.

    Raises:
        GeneratorError: one of them is wrong.
    """
    import torch

    expected = (n, 3, size.height, size.width)
    if not isinstance(images, torch.Tensor) or images.dtype != torch.float32:
        got = images.dtype if isinstance(images, torch.Tensor) else type(images).__name__
        raise GeneratorError(f"{generator_id} returned {got}; expected a float32 tensor")
    check_pixels(generator_id, images)
    if tuple(images.shape) != expected:
        raise GeneratorError(
            f"{generator_id} returned shape {tuple(images.shape)}; expected {expected}: "
            "(n, channels, height, width)"
        )
    if not bool(torch.isfinite(images).all()):
        bad = int((~torch.isfinite(images)).sum())
        raise GeneratorError(f"{generator_id} returned {bad} values that are NaN or infinite")


def check_pixels(name: str, images: Tensor) -> None:
    """Whether a tensor has a number for every pixel.

    Raises:
        GeneratorError: it is sparse, or on the device "meta".
    """
    import torch

    if images.layout != torch.strided or images.is_meta:
        raise GeneratorError(
            f"{name} returned a tensor of {images.layout} on {images.device}, which has no number "
            "for every pixel; expected a dense one: return images.to_dense(), of a network that "
            "was not made on the device meta"
        )


def check_range(generator_id: str, low: float, high: float, n_images: int) -> None:
    """Whether samples look like [-1, 1], from the extremes of `n_images` of them.

    One bright window may well lie in [0, 1]; several images that all do are a mistake.

    Raises:
        GeneratorError: they look like [0, 1] or [0, 255].
    """
    if high > 16:
        raise GeneratorError(
            f"{generator_id} returned values up to {high:.4g}, which looks like [0, 255]; "
            "expected [-1, 1]: return images / 127.5 - 1"
        )
    if n_images >= MIN_FOR_RANGE and low >= 0 and 0.5 < high <= 1.001 and low < 0.5 * high:
        raise GeneratorError(
            f"{generator_id} returned values from {low:.3g} to {high:.3g}, which looks like "
            "[0, 1]; expected [-1, 1]: return images * 2 - 1"
        )
