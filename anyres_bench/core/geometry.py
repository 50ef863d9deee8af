"""Where a patch lies on a canvas of any size: the one geometry of the package.

Integers are the truth and floats are derived from them, so seams and hashes are exact. Order is
(y, x) and (height, width) everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from anyres_bench.core.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


class Size(NamedTuple):
    """Height and width in pixels."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def shorter(self) -> int:
        """The shorter side in pixels."""
        return min(self)

    @property
    def longer(self) -> int:
        """The longer side in pixels."""
        return max(self)

    @classmethod
    def square(cls, side: int) -> Size:
        """A square of `side` pixels."""
        return cls(side, side)

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read "512" (a square) or "HEIGHTxWIDTH".

        Raises:
            UsageError: the text is neither, or a side is zero.

        >>> Size.parse("640x1024")
        Size(height=640, width=1024)
        """
        match = re.fullmatch(r"\s*(\d{1,7})(?:\s*[xX×]\s*(\d{1,7}))?\s*", text)
        if not match or int(match[1]) == 0 or int(match[2] or 1) == 0:
            raise UsageError(f"size {text!r} is neither 512 nor HEIGHTxWIDTH, such as 640x1024")
        return cls(int(match[1]), int(match[2] or match[1]))


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels inside some image: its first row and column, and its size."""

    top: int
    left: int
    height: int
    width: int

    @property
    def size(self) -> Size:
        """Height and width."""
        return Size(self.height, self.width)

    @property
    def bottom(self) -> int:
        """One past the last row."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """One past the last column."""
        return self.left + self.width

    def fits(self, size: Size) -> bool:
        """Whether the box is not empty and lies inside an image of `size`."""
        starts_inside = self.top >= 0 and self.left >= 0
        ends_inside = self.bottom <= size.height and self.right <= size.width
        return starts_inside and ends_inside and self.height > 0 and self.width > 0

    @classmethod
    def whole(cls, size: Size) -> Box:
        """All of an image."""
        return cls(0, 0, size.height, size.width)


@dataclass(frozen=True, slots=True)
class Region:
    """A window of pixels on a canvas; the window may reach outside the canvas.

    Attributes:
        canvas: size of the whole virtual image.
        top, left: first row and column of the window on the canvas.
        size: size of the window.
    """

    canvas: Size
    top: int
    left: int
    size: Size

    @classmethod
    def whole(cls, canvas: Size) -> Region:
        """The window that is the whole canvas."""
        return cls(canvas, 0, 0, canvas)

    @classmethod
    def parse(cls, text: str | None, canvas: Size) -> Region:
        """Read "TOP,LEFT,HEIGHT,WIDTH" as a window of the canvas; None is the whole canvas.

        Raises:
            UsageError: the text is nothing like it, or the window does not lie inside.

        >>> Region.parse("0,8,16,16", Size(32, 32)).box
        Box(top=0, left=8, height=16, width=16)
        """
        if text is None:
            return cls.whole(canvas)
        try:
            box = Box(*(int(part) for part in text.split(",")))
        except (ValueError, TypeError):
            raise UsageError(f"region {text!r} is not TOP,LEFT,HEIGHT,WIDTH in pixels") from None
        if not box.fits(canvas):
            raise UsageError(f"region {text} does not lie inside the canvas of {canvas}")
        return cls.whole(canvas).crop(box)

    @property
    def box(self) -> Box:
        """The window as a box of canvas pixels."""
        return Box(self.top, self.left, self.size.height, self.size.width)

    @property
    def is_whole(self) -> bool:
        """Whether the window is the whole canvas."""
        return self == Region.whole(self.canvas)

    def crop(self, box: Box) -> Region:
        """The part `box` of this window, as a window on the same canvas."""
        return Region(self.canvas, self.top + box.top, self.left + box.left, box.size)

    def cell(self) -> tuple[float, float]:
        """Extent of one pixel in the [-1, 1] coordinates of the canvas, (y, x)."""
        return 2.0 / self.canvas.height, 2.0 / self.canvas.width

    def coords(self) -> Tensor:
        """Pixel centres (y, x) in the canvas' [-1, 1] coordinates.

        Returns:
            (h, w, 2) float64. A float64 grid cut from the whole equals the grid of the part bit
            for bit; models convert to their own precision.

        Source: the pixel-centre convention of LIIF (Chen et al., CVPR 2021).
        """
        import torch

        y = (torch.arange(self.size.height, dtype=torch.float64) + self.top) * 2 + 1
        x = (torch.arange(self.size.width, dtype=torch.float64) + self.left) * 2 + 1
        y, x = y / self.canvas.height - 1, x / self.canvas.width - 1
        return torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1)

    def affine(self) -> Tensor:
        """Matrix that takes the window's picture to the canvas' picture, in (x, y, 1) columns.

        A picture spans [-1/2, 1/2] along its longer side; the other side is shorter in
        proportion, so both axes are divided by the longer side and nothing is stretched.

        Returns:
            (3, 3) float64: diag(a, a, 1) with a = longer(window) / longer(canvas) and the offset of
            the window's centre from the canvas' centre in the last column. For a square window of
            p pixels at (y, x) on a square canvas of S: a = p/S and (x + p/2)/S - 1/2.

        Source: the patch transform of AnyRes-GAN (ECCV 2022, section 3), in StyleGAN3's convention.
        """
        import torch

        longer = self.canvas.longer
        centre_y = (2 * self.top + self.size.height - self.canvas.height) / (2 * longer)
        centre_x = (2 * self.left + self.size.width - self.canvas.width) / (2 * longer)
        a = self.size.longer / longer
        return torch.tensor([[a, 0, centre_x], [0, a, centre_y], [0, 0, 1]], dtype=torch.float64)


def tiles(canvas: Size, tile: Size) -> Iterator[Region]:
    """Windows of size `tile` that cover `canvas`, row by row.

    The last row and column are shifted inwards until they fit, so every window is full-size; they
    then overlap their neighbours. A tile larger than the canvas reaches outside it.

    >>> [(t.top, t.left) for t in tiles(Size(500, 256), Size(256, 256))]
    [(0, 0), (244, 0)]
    """
    for top in range(0, canvas.height, tile.height):
        for left in range(0, canvas.width, tile.width):
            y = max(0, min(top, canvas.height - tile.height))
            x = max(0, min(left, canvas.width - tile.width))
            yield Region(canvas, y, x, tile)
