"""Smart resize: multiples within a budget, and where its published copies differ."""

from __future__ import annotations

import pytest

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.tilers.qwen import Qwen

SIZES = [Size(*map(int, pair)) for pair in stream(0, "qwen").integers(28, 3000, (60, 2))]


def test_sides_are_multiples_within_the_budget() -> None:
    tiler = Qwen()
    for size in SIZES:
        resized = tiler.plan(size).resized
        assert all(side % 28 == 0 for side in resized)
        assert tiler.min_pixels <= resized.pixels <= tiler.max_pixels


def test_halves_go_to_the_even_neighbour_or_up() -> None:
    tall = Size(42, 70 + 280)  # 1.5 and 12.5 tokens
    assert Qwen().plan(tall).resized == Size(56, 336)
    assert Qwen(rounding="half-up").plan(tall).resized == Size(56, 364)


def test_copies_differ_where_a_side_is_below_a_token() -> None:
    small = Size(20, 300)
    with pytest.raises(ImageError, match="no side below 28 px"):
        Qwen(flavour="transformers-4.49").plan(small)
    for flavour in ("transformers-5", "qwen-vl-utils"):
        assert Qwen(flavour=flavour).plan(small).resized.height >= 28


def test_copies_differ_where_shrinking_leaves_nothing() -> None:
    thin = Size(31, 639)
    gone = Qwen(flavour="qwen-vl-utils", max_pixels=15680).plan(thin)
    assert 0 in gone.resized
    assert (gone.tokens, gone.regions) == (0, ())
    assert min(Qwen(max_pixels=15680).plan(thin).resized) == 28


def test_an_aspect_over_the_limit_is_refused() -> None:
    assert Qwen().plan(Size(28, 200 * 28)).tokens > 0
    with pytest.raises(ImageError, match="no aspect over 200"):
        Qwen().plan(Size(28, 200 * 28 + 1))


def test_windows_hold_every_patch() -> None:
    plan = Qwen(window=112).plan(Size(500, 700))
    assert sum(plan.windows) == plan.encoder_tokens
    assert max(plan.windows) == (112 // 14) ** 2
