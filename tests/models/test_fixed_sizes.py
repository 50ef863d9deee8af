"""Generators of a few sizes: exact ones refuse other canvases, others resize the next larger."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.contract import check_contract
from anyres_bench.models.fixed_sizes import FixedSizes
from anyres_bench.models.interpolation import find_filter, resample
from tests.fakes import Waves


@dataclass(frozen=True)
class Two:
    """Waves in two sizes; the larger has twice the weights."""

    id: str = "two"
    sizes: tuple[Size, ...] = (Size(16, 24), Size(32, 48))

    def latent(self, seed: int) -> int:
        return seed

    def render(self, latent: int, size: Size) -> Tensor:
        assert size in self.sizes
        return Waves().picture(latent, Region.whole(size))[None]

    def n_parameters(self, size: Size) -> int:
        return size.height


def test_the_contract_is_kept_at_and_between_the_sizes() -> None:
    for canvas in (Size(32, 48), Size(20, 30)):
        check_contract(FixedSizes(Two()), canvas)
    check_contract(FixedSizes(Two(), exact=True))


def test_a_canvas_between_is_made_at_the_next_larger_and_resized() -> None:
    region = Region.whole(Size(20, 30))
    made = FixedSizes(Two()).sample([5], [region])
    large = Two().render(5, Size(32, 48))
    want = resample(large, Size(32, 48), Box.whole(Size(32, 48)), region, find_filter("lanczos"))
    assert torch.equal(made, want)
    generator = FixedSizes(Two())
    counts = [generator.n_parameters(Size(2 * n, 3 * n)) for n in (4, 8, 10, 16, 40)]
    assert counts == [16, 16, 32, 32, 32]


def test_ids_tell_exact_from_resized() -> None:
    assert FixedSizes(Two()).id == "two+resized-lanczos"
    assert FixedSizes(Two(), exact=True).id == "two"
    assert FixedSizes(Two(), exact=True).canvases == Two().sizes


@pytest.mark.parametrize(
    ("exact", "region", "message"),
    [
        (True, Region.whole(Size(20, 30)), "16x24, 32x48; it cannot make 20x30"),
        (False, Region.whole(Size(32, 32)), "canvases of 48:32; it cannot make 32x32"),
        (False, Region(Size(32, 48), 30, 0, Size(4, 4)), "is not inside 32x48"),
    ],
)
def test_other_canvases_are_refused(exact: bool, region: Region, message: str) -> None:
    with pytest.raises(GeneratorError, match=message):
        FixedSizes(Two(), exact).sample([0], [region])
