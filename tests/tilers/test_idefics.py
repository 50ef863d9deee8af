"""Idefics3 and SmolVLM: two resizes, then tiles and the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.tilers.idefics import IDEFICS3, SMOLVLM, Idefics

SIZES = [Size(*map(int, pair)) for pair in stream(0, "idefics").integers(1, 3000, (40, 2))]


@pytest.mark.parametrize("tiler", [IDEFICS3, SMOLVLM], ids=lambda tiler: tiler.name)
def test_the_longer_side_has_its_length_and_the_other_is_even(tiler: Idefics) -> None:
    for size in SIZES:
        (first,) = tiler.plan(size).layers[-1].via[:1]
        assert first.longer == tiler.longest_edge
        assert first.shorter % 2 == 0
        assert abs(first.shorter - tiler.longest_edge * size.shorter / size.longer) < 2


def test_tiles_come_first_and_then_the_whole_image_squashed() -> None:
    plan = IDEFICS3.plan(Size(1000, 1456))
    assert plan.grid == Size(3, 4)
    assert len(plan.regions) == 3 * 4 + 1
    assert plan.layers[-1].role == "overview"
    assert plan.tokens == 13 * 13**2
    assert plan.markers == 3 * (2 * 4 + 1) + 4  # a place before and a break after every tile's row


def test_an_unsplit_image_is_one_picture() -> None:
    tiler = Idefics(split=False)
    plan = tiler.plan(Size(1000, 1456))
    assert (len(plan.regions), plan.tokens) == (1, tiler.side**2)


def test_no_picture_is_longer_than_4096_px_before_it_is_split() -> None:
    plan = Idefics(longest_edge=8008).plan(Size(20, 4000))
    assert plan.layers[-1].via[0] == Size(20, 4096)
    listing = Idefics(longest_edge=8008).listing(np.array([20]), np.array([4000]))
    assert listing.canvas.tolist() == [list(plan.canvas)]
