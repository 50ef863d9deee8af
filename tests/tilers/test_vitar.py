"""ViTAR's merger and its fuzzy positions."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.geometry import Size
from anyres_bench.tilers.fixed import VITAR, kernel
from anyres_bench.tilers.vitar import FuzzyPositions, TokenMerger


@pytest.fixture
def merger() -> TokenMerger:
    torch.manual_seed(0)
    return TokenMerger(8, 2, Size(3, 2)).eval()


@pytest.mark.parametrize("grid", [(3, 2), (6, 4), (7, 9), (23, 5), (2, 9), (1, 1), (40, 2)])
def test_any_grid_becomes_the_target(merger: TokenMerger, grid: tuple[int, int]) -> None:
    x = torch.randn(2, *grid, 8)
    merged, real = merger(x)
    assert merged.shape == (2, 3, 2, 8)
    rows, columns = (-(-n // kernel(n, t)) for n, t in zip(grid, (3, 2), strict=True))
    assert real.sum() == min(rows, 3) * min(columns, 2)
    assert torch.equal(merged.abs().sum(-1)[0] > 0, real)
    alone, _ = merger(x[:1])
    assert torch.allclose(alone, merged[:1], atol=1e-6)


def test_a_cell_sees_its_own_tokens_alone(merger: TokenMerger) -> None:
    x = torch.randn(1, 11, 7, 8)
    ky, kx = kernel(11, 3), kernel(7, 2)
    before, _ = merger(x)
    x[:, :ky, :kx] += 1.0
    after, _ = merger(x)
    changed = (after - before).abs().amax(-1)[0] > 1e-6
    assert changed.tolist() == [[True, False], [False, False], [False, False]]


def test_the_merger_learns(merger: TokenMerger) -> None:
    x = torch.randn(1, 5, 5, 8, requires_grad=True)
    merger.train()(x)[0].square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in merger.parameters())
    assert (x.grad.abs().sum(-1) > 0).all()


def test_tokens_of_the_plan_are_the_cells_of_the_merger() -> None:
    plan = VITAR.plan(Size(1120, 480))
    rows, columns = plan.grids[0].rows, plan.grids[0].columns
    assert (rows.cell, columns.cell) == (16 * kernel(70, 14), 16 * kernel(30, 14))
    real = TokenMerger(4, 1, Size(14, 14)).eval()(torch.zeros(1, 70, 30, 4))[1]
    seen = rows.edges()[:, 0] < plan.resized.height
    assert real.any(1).tolist() == seen.tolist()


def test_fuzzy_positions_are_exact_in_evaluation_and_near_in_training() -> None:
    positions = FuzzyPositions(Size(5, 7), 3)
    table = positions.table.detach().permute(1, 2, 0)
    positions.eval()
    assert torch.allclose(positions(Size(5, 7)), table, atol=1e-6)
    assert positions(Size(9, 4)).shape == (9, 4, 3)
    positions.train()
    draws = [positions(Size(5, 7), torch.Generator().manual_seed(k)) for k in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.allclose(draws[0], draws[2])
    ramp = torch.arange(7.0).expand(3, 5, 7)
    with torch.no_grad():
        positions.table.copy_(ramp)
    near = positions(Size(5, 7), torch.Generator().manual_seed(2))[..., 0] - ramp[0]
    assert near.abs().max() <= 0.5
    assert near.abs().max() > 0.2
