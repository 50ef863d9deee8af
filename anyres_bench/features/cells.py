"""`cells:N:EXTRACTOR`: an image at its own pixels, cut into N x N cells, each through an extractor.

The vectors stand one behind the other, row by row of the grid, so what lies where is kept. Cells
are as large as fits N times; rows and columns that are left at the far ends are dropped.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.features.extractor import ExtractorSpec, FeatureExtractor, extractor_from

_ARGUMENT = re.compile(r"([2-9]|1\d):(.+)", re.DOTALL)


def build(spec: ExtractorSpec) -> CellExtractor:
    """The extractor of `cells:N:EXTRACTOR`.

    Raises:
        UsageError: N (2 to 19) or EXTRACTOR is missing, or EXTRACTOR sees several views.
    """
    match = _ARGUMENT.fullmatch(spec.argument)
    if match is None:
        raise UsageError(
            f"extractor cells:{spec.argument} is not cells:N:EXTRACTOR with N from 2 to 19, such "
            "as cells:4:builtin"
        )
    base = extractor_from(match[2], device=spec.device, accept_licence=spec.accept_licence)
    if base.n_views != 1:
        raise UsageError(f"{base.id} compares views, and a cell has one: choose another for cells")
    return CellExtractor(base, int(match[1]))


class CellExtractor:
    """Vectors of all cells of an image; see the module.

    Args:
        base: of the cells.
        n: cells along each axis.
    """

    n_views = 1
    is_fid = False

    def __init__(self, base: FeatureExtractor, n: int) -> None:
        self.base, self.n = base, n

    @property
    def id(self) -> str:
        """The rule and the extractor's id."""
        return f"cells:{self.n}:{self.base.id}"

    @property
    def dim(self) -> int:
        """The extractor's, times the number of cells."""
        return self.n * self.n * self.base.dim

    def __call__(self, images: Tensor) -> Tensor:
        """Features of a batch, (n, 3, h, w) uint8 to (n, dim) float32.

        Raises:
            UsageError: the cells are too small for the extractor.
        """
        height, width = (side // self.n for side in images.shape[2:])
        places = [(y * height, x * width) for y in range(self.n) for x in range(self.n)]
        cells = [images[:, :, y : y + height, x : x + width].contiguous() for y, x in places]
        return torch.cat([self.base(cell) for cell in cells], dim=1)
