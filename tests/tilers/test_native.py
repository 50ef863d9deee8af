"""One native picture by a budget: NaFlex, Pixtral and NaViT."""

from __future__ import annotations

import pytest

from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.tilers.native import NaFlex, NaViT, Pixtral

SIZES = [Size(*map(int, pair)) for pair in stream(0, "native").integers(16, 3000, (30, 2))]


@pytest.mark.parametrize("budget", [16, 256, 1000])
def test_naflex_fills_its_budget_and_keeps_to_it(budget: int) -> None:
    tiler = NaFlex(max_patches=budget)
    for size in SIZES:
        plan = tiler.plan(size)
        rows, columns = plan.resized.height // 16, plan.resized.width // 16
        assert plan.tokens == rows * columns <= budget
        # the next scale adds a row or a column or both, and would be too much
        assert (rows + 1) * (columns + 1) > budget


def test_naflex_says_where_no_scale_fits() -> None:
    (decision,) = NaFlex(max_patches=1).plan(Size(50, 70)).decisions
    assert decision.branch.startswith("no scale fits")


def test_pixtral_shrinks_to_its_longest_edge_and_never_enlarges() -> None:
    tiler = Pixtral()
    for size in SIZES:
        plan = tiler.plan(size)
        assert plan.resized.longer <= tiler.longest_edge
        assert all(side % tiler.patch == 0 for side in plan.resized)
        assert all(a < b + tiler.patch for a, b in zip(plan.resized, size, strict=True))


def test_navit_keeps_to_its_tokens() -> None:
    for size in SIZES:
        assert 1 <= NaViT(max_tokens=100).plan(size).tokens <= 100
