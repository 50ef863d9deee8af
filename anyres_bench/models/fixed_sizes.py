"""Generators that make a few sizes only, as generators of any canvas.

A canvas that is no size of the model is made at the next larger one and resized (from the largest
one if there is none larger); the id says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from anyres_bench.core.errors import GeneratorError, UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.precision import single_precision
from anyres_bench.models.generator import Canvases
from anyres_bench.models.interpolation import find_filter, resample
from anyres_bench.models.labels import refuse_labels

FILTER = "lanczos"


class Renderer(Protocol):
    """Makes whole images of a few sizes."""

    @property
    def id(self) -> str: ...

    @property
    def sizes(self) -> tuple[Size, ...]:
        """All sizes, which have one aspect, the smallest first."""
        ...

    def latent(self, seed: int) -> Any:
        """The latent of a seed."""
        ...

    def render(self, latent: Any, size: Size) -> Tensor:
        """One whole image of one of the sizes: (1, 3, h, w) float32 RGB, nominally [-1, 1]."""
        ...

    def n_parameters(self, size: Size) -> int:
        """Weights that take part in an image of one of the sizes."""
        ...


@runtime_checkable
class LabelledRenderer(Renderer, Protocol):
    """A renderer that can be asked for a class."""

    def labelled(self, seed: int, label: int) -> Any:
        """The latent of a seed and a class."""
        ...


@dataclass(frozen=True)
class FixedSizes:
    """A generator of a few sizes.

    Attributes:
        renderer: makes them.
        exact: refuse any other canvas instead of resizing.
    """

    renderer: Renderer
    exact: bool = False

    @property
    def id(self) -> str:
        return self.renderer.id if self.exact else f"{self.renderer.id}+resized-{FILTER}"

    @property
    def native(self) -> Size:
        return self.renderer.sizes[-1]

    @property
    def canvases(self) -> Canvases:
        return self.renderer.sizes if self.exact else "any"

    @property
    def makes_in_words(self) -> str:
        """Its own canvases, and how others are made."""
        height, width = self.native
        shape = "" if self.exact else f", and by resizing canvases of {width}:{height}"
        return f"{', '.join(map(str, self.renderer.sizes))}{shape}"

    def makes(self, canvas: Size) -> bool:
        """Whether a canvas is one of its own, or of their aspect where others are resized."""
        height, width = self.native
        resized = not self.exact and canvas.height * width == canvas.width * height
        return resized or canvas in self.renderer.sizes

    @torch.inference_mode()
    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> list[Any]:
        """One latent a seed, of its label where labels are given.

        Raises:
            UsageError: labels are not wanted, too many or unknown.
        """
        if labels is not None and isinstance(self.renderer, LabelledRenderer):
            if len(labels) != len(seeds):
                raise UsageError(f"{len(labels)} labels for {len(seeds)} seeds; give one a seed")
            pairs = zip(seeds, labels, strict=True)
            return [self.renderer.labelled(seed, label) for seed, label in pairs]
        refuse_labels(self.id, labels)
        return [self.renderer.latent(seed) for seed in seeds]

    @single_precision()
    @torch.inference_mode()
    def sample(self, z: list[Any], regions: Sequence[Region]) -> Tensor:
        """Windows of whole images; images are made one by one, so none depends on its batch.

        Raises:
            GeneratorError: a canvas of another aspect, or no size of an exact generator.
        """
        pairs = zip(z, regions, strict=True)
        return torch.cat([self._window(latent, region) for latent, region in pairs])

    def n_parameters(self, canvas: Size) -> int:
        """Weights that take part in images of a canvas."""
        return self.renderer.n_parameters(self._made_at(canvas))

    def _window(self, latent: Any, region: Region) -> Tensor:
        check_inside(self.id, region)
        size = self._made_at(region.canvas)
        image = self.renderer.render(latent, size)
        box = region.box
        if size == region.canvas:
            return image[:, :, box.top : box.bottom, box.left : box.right]
        return resample(image, size, Box.whole(size), region, find_filter(FILTER))

    def _made_at(self, canvas: Size) -> Size:
        if not self.makes(canvas):
            raise GeneratorError(f"{self.id} makes {self.makes_in_words}; it cannot make {canvas}")
        sizes = self.renderer.sizes
        if canvas in sizes:
            return canvas
        return next((size for size in sizes if size.height >= canvas.height), sizes[-1])


def check_inside(generator_id: str, region: Region) -> None:
    """Refuse a window that reaches outside its canvas.

    Raises:
        GeneratorError: it does.
    """
    if not region.box.fits(region.canvas):
        raise GeneratorError(
            f"{generator_id} makes windows inside the canvas; {region.box} is not inside "
            f"{region.canvas}"
        )
