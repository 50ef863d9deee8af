"""Two ways to run a Real-ESRGAN network on an image of any size, besides the published one.

exact       bands of rows: the result of the whole image, in memory that is a small part of the
            untiled network's and above some height, see `bands`, grows with the width only
tiled       columns of the image, each run like `exact`, with a halo of 64 px beside it: memory does
            not grow; how far neighbours disagree where they meet is measured and bounded
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from anyres_bench.baselines.realesrgan.bands import enlarged
from anyres_bench.baselines.realesrgan.network import Network
from anyres_bench.baselines.realesrgan.published import cut, grow, inside, reflect
from anyres_bench.core.errors import ConfigError, GeneratorError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.core.reporting import detail

MAX_SEAM = 0.5  # grey levels of 255 by which two columns may disagree where they meet


@dataclass(frozen=True)
class Exact:
    """The network's result on the whole image, from as much of it as the part depends on."""

    @property
    def id(self) -> str:
        """Names the way."""
        return "exact"

    def window(self, network: Network, image: Size, box: Box) -> Box:
        """The pixels of the image that a box of it depends on."""
        return grow(box, network.halo, image, network.fold)

    def __call__(
        self, network: Network, pixels: Tensor, image: Size, window: Box, box: Box
    ) -> Tensor:
        """Enlarge a box of an image.

        Args:
            network: any of the networks.
            pixels: (n, c, h, w) RGB in [0, 1], the pixels `window`.
            image: size of the whole image.
            window: at least what the method of that name says.
            box: the part to give.

        Returns:
            (n, c, box.height scale, box.width scale), not clamped.
        """
        folded = reflect_to(pixels, network.fold)
        return enlarged(network, folded, inside(box, window))


@dataclass(frozen=True)
class Tiled:
    """Columns of the image one after the other: memory does not grow with the image.

    Attributes:
        tile: width of a column in input pixels.
        halo: pixels of its neighbours that a column also sees. A network whose own halo is
            smaller is exact.
    """

    tile: int = 512
    halo: int = 64

    def __post_init__(self) -> None:
        if self.tile < 16 or self.halo < 1:
            raise ConfigError(
                f"columns of {self.tile} px with a halo of {self.halo} px; a column has at least "
                "16 px, a halo at least 1"
            )

    @property
    def id(self) -> str:
        """Names the way."""
        return f"tiled{self.tile}+{self.halo}"

    def columns(self, image: Size, box: Box) -> list[Box]:
        """The columns that a box touches, at the height of the box."""
        n = -(-image.width // self.tile)
        edges = [4 * round(i * image.width / n / 4) for i in range(n)] + [image.width]
        return [
            Box(box.top, left, box.height, right - left)
            for left, right in pairwise(edges)
            if left < box.right and right > box.left
        ]

    def seen(self, network: Network, image: Size, column: Box) -> Box:
        """The pixels that a column is made from: exact rows above and below, a halo beside."""
        tall = grow(column, network.halo, image, network.fold)
        # one more than the network's own halo, for the comparison with the neighbour
        wide = grow(column, min(self.halo, network.halo + 1), image, network.fold)
        return Box(tall.top, wide.left, tall.height, wide.width)

    def window(self, network: Network, image: Size, box: Box) -> Box:
        """The pixels of the image that a box of it depends on."""
        seen = [self.seen(network, image, column) for column in self.columns(image, box)]
        width = seen[-1].right - seen[0].left
        return Box(seen[0].top, seen[0].left, seen[0].height, width)

    def __call__(
        self, network: Network, pixels: Tensor, image: Size, window: Box, box: Box
    ) -> Tensor:
        """As `Exact`; how far columns differ where they meet is told as a detail.

        Raises:
            GeneratorError: two columns disagree by more than `MAX_SEAM` where they meet.
        """
        result, seam = self.measured(network, pixels, image, window, box)
        detail(f"columns differ by at most {seam:.3f} grey levels where they meet")
        if seam > MAX_SEAM:
            raise GeneratorError(
                f"{self.id}: two columns differ by {seam:.2f} grey levels where they meet, more "
                f"than {MAX_SEAM}; choose a larger halo, or the mode exact"
            )
        return result

    def measured(
        self, network: Network, pixels: Tensor, image: Size, window: Box, box: Box
    ) -> tuple[Tensor, float]:
        """The enlarged box, and the largest disagreement of columns in grey levels of 255.

        Both columns at a seam also make the other's last pixels. Those are nearer to the end of
        what a column sees than any pixel that is kept, so nothing that is kept is worse off.
        """
        parts, seam = [], 0.0
        previous: Tensor | None = None
        for column in self.columns(image, box):
            seen = self.seen(network, image, column)
            shown = grow(column, 1, image)  # one pixel more on each side, to compare
            shown = Box(column.top, shown.left, column.height, shown.width)
            source = reflect_to(cut(pixels, inside(seen, window)), network.fold)
            rows = enlarged(network, source, inside(shown, seen))
            if previous is not None:
                both = (previous.clamp(0, 1) - rows[..., : previous.shape[-1]].clamp(0, 1)).abs()
                seam = max(seam, 255 * float(both.max()))
            previous = rows[..., -2 * network.scale :]
            parts.append(cut(rows, inside(_overlap(column, box), shown), network.scale))
        return torch.cat(parts, 3), seam


def _overlap(column: Box, box: Box) -> Box:
    left, right = max(column.left, box.left), min(column.right, box.right)
    return Box(column.top, left, column.height, right - left)


def reflect_to(pixels: Tensor, fold: int) -> Tensor:
    """Reflected at the right and bottom until the sides are divisible."""
    return reflect(pixels, Size(*(-(-side // fold) * fold for side in pixels.shape[2:])))
