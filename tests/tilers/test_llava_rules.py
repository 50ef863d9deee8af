"""LLaVA's arithmetic: one size and many agree, and what is kept fits."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.tilers.llava_rules import (
    UNPAD,
    Unpad,
    fit,
    fit_many,
    pool,
    pool_many,
    unpad,
    unpad_many,
)

IMAGES = stream(0, "images").integers(1, 5000, (300, 2)).astype(np.int64)
GRIDS = stream(0, "grids").integers(1, 3, (300, 2)).astype(np.int64)


def test_one_side_fills_the_canvas_and_none_leaves_it() -> None:
    many = fit_many(IMAGES[:, 0], IMAGES[:, 1], GRIDS * 336)
    for image, grid, row in zip(IMAGES, GRIDS * 336, many, strict=True):
        size, decision = fit(Size(*map(int, image)), Size(*map(int, grid)))
        assert list(size) == row.tolist()
        filled = row == grid
        assert filled[1 if decision.branch == "width fills" else 0]
        assert (row >= 1).all()
        assert (row <= grid).all()


@pytest.mark.parametrize("rule", UNPAD)
def test_what_is_kept_lies_in_the_middle_and_has_the_canvas_parity(rule: Unpad) -> None:
    features = GRIDS * 24
    many = unpad_many(IMAGES[:, 0], IMAGES[:, 1], features, rule)
    for image, canvas, row in zip(IMAGES, features, many, strict=True):
        kept, top, left, _ = unpad(Size(*map(int, image)), Size(*map(int, canvas)), rule)
        assert list(kept) == row.tolist()
        assert (kept.height + 2 * top, kept.width + 2 * left) == tuple(canvas)


def test_the_rules_part_where_a_double_falls_short_of_a_whole_number() -> None:
    assert 55 * (24 / 88) < 15  # rows of the image in features, exactly 15
    kept = {rule: unpad(Size(55, 88), Size(24, 24), rule)[0].height for rule in UNPAD}
    assert kept == {"floor": 14, "round7": 16, "integer": 16}


def test_nothing_is_pooled_below_a_tenth_too_much() -> None:
    assert pool(Size(24 * 9, 24), 24, None) == (Size(216, 24), ())
    assert pool(Size(72, 72), 24, 9)[0] == Size(72, 72)
    assert pool(Size(79, 79), 24, 9)[0] == Size(79, 79)  # 1.097 times
    assert pool(Size(80, 80), 24, 9)[0] == Size(71, 71)  # 80 // (80 / 72) in doubles, as published
    kept = IMAGES // 20 + 1
    many = pool_many(kept, 24, 4)
    assert many.tolist() == [list(pool(Size(*map(int, row)), 24, 4)[0]) for row in kept]
