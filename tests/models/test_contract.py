"""The contract battery: what it renders, and that small disagreements are measured."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.contract import SEEDS, check_contract, default_canvas, render
from tests.fakes import Tiled, Waves


class Moved(Waves):
    """A window differs from the crop of the whole by a little."""

    def sample(self, z: list[int], regions: Sequence[Region]) -> torch.Tensor:
        shift = torch.tensor([0.0 if region.is_whole else 3e-4 for region in regions])
        return super().sample(z, regions) * 0.9 + shift[:, None, None, None]


def test_windows_that_fit_everywhere_differ_by_nothing() -> None:
    report = check_contract(Waves())
    assert (report.generator, report.canvas) == ("waves", Size(64, 64))
    assert report.off_grid_max < 1e-5


def test_windows_off_the_own_grid_are_measured() -> None:
    report = check_contract(Tiled())
    assert 0 < report.off_grid_rms <= report.off_grid_max


def test_the_tolerance_is_the_largest_difference() -> None:
    with pytest.raises(GeneratorError, match=r"is not the crop; .* 0\.0003"):
        check_contract(Moved())
    assert check_contract(Moved(), tolerance=1e-3).off_grid_max == pytest.approx(3e-4, rel=0.01)


def test_a_canvas_is_twice_the_native_size_or_the_largest_there_is() -> None:
    assert default_canvas(Waves(native=Size(8, 20))) == Size(16, 40)
    assert default_canvas(Waves(canvases=(Size(8, 8), Size(9, 30), Size(16, 16)))) == Size(9, 30)


def test_one_window_a_seed() -> None:
    images = render(Waves(), SEEDS, Region(Size(64, 64), 1, 2, Size(5, 6)))
    assert images.shape == (3, 3, 5, 6)
