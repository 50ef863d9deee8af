"""Cells of an image through another extractor."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.features.cells import CellExtractor
from anyres_bench.features.contract import check_contract, pictures
from anyres_bench.features.extractor import extractor_from
from anyres_bench.metrics.scaleinv import spatial_features
from tests.fakes import Pooled


def test_the_contract_of_extractors() -> None:
    check_contract(extractor_from("cells:2:spectrum"), (Size(64, 64), Size(70, 67)))


def test_cells_stand_row_by_row() -> None:
    images, base = pictures(2, Size(33, 48)), Pooled()
    rows = CellExtractor(base, 2)(images)
    assert rows.shape == (2, 4 * base.dim)
    third = base(images[:, :, 16:32, :24].contiguous())
    assert torch.equal(rows[:, 2 * base.dim : 3 * base.dim], third)


def test_cells_of_four_are_infinitygans_spatial_features() -> None:
    images, base = pictures(2, Size(35, 35)), Pooled()
    levels = images.float() / 127.5 - 1

    def of_cell(shown: torch.Tensor) -> torch.Tensor:
        return base((255 * shown).round().to(torch.uint8))

    assert torch.equal(CellExtractor(base, 4)(images), spatial_features(levels, of_cell))


def test_the_id_holds_the_grid_and_the_extractor() -> None:
    assert extractor_from("cells:4:builtin").id == "cells:4:builtin-v1"


@pytest.mark.parametrize("spec", ["cells:builtin", "cells:1:builtin", "cells:20:builtin"])
def test_what_is_no_grid_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="cells:N:EXTRACTOR"):
        extractor_from(spec)
    with pytest.raises(UsageError, match="a cell has one"):
        extractor_from("cells:4:pair")
    with pytest.raises(UnknownNameError, match="builtin"):
        extractor_from("cells:4:buildin")
