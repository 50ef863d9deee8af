"""InternVL's dynamic tiles: which grids there are, and which one is chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyres_bench.core.geometry import Size
from anyres_bench.tilers.internvl import INTERNVL, InternVL, grids_up_to


def test_grids_are_all_of_at_most_so_many_tiles_by_tiles_and_columns() -> None:
    grids = grids_up_to(12)
    assert len(grids) == len(set(grids)) == sum(12 // n for n in range(1, 13))
    assert grids == sorted(grids, key=lambda grid: (grid.pixels, grid.width))
    assert max(grid.pixels for grid in grids) == 12


def test_no_grid_is_nearer_than_the_chosen_one() -> None:
    for size in (Size(300, 1000), Size(37, 23), Size(999, 1001), Size(1, 700)):
        chosen = INTERNVL.plan(size).grid
        aspect = size.width / size.height
        least = min(abs(aspect - grid.width / grid.height) for grid in INTERNVL.grids)
        assert abs(aspect - chosen.width / chosen.height) == least


@pytest.mark.parametrize(
    ("tie", "small", "large"),
    [
        ("area", Size(1, 1), Size(3, 3)),
        ("blocks", Size(3, 3), Size(3, 3)),
        ("first", Size(1, 1), Size(1, 1)),
    ],
)
def test_ties_go_by_their_rule(tie: str, small: Size, large: Size) -> None:
    tiler = replace(INTERNVL, tie=tie)
    assert tiler.plan(Size(400, 400)).grid == small
    assert tiler.plan(Size(4000, 4000)).grid == large


def test_a_thumbnail_follows_where_there_is_more_than_one_tile() -> None:
    assert len(INTERNVL.plan(Size(400, 400)).regions) == 1
    assert len(INTERNVL.plan(Size(448, 896)).regions) == 2 + 1
    assert len(InternVL(thumbnail=False).plan(Size(448, 896)).regions) == 2


def test_a_tile_that_the_shuffle_cannot_cut_has_tokens_but_no_layout() -> None:
    tiler = InternVL(tile=42, patch=14, merge=2)
    plan = tiler.plan(Size(42, 42))
    assert plan.grids == ()
    assert plan.tokens == tiler.tokens_per_tile == int(3**2 / 4)
