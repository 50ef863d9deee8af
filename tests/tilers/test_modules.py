"""The torch modules: ViTAR's merger and positions, NaViT's packed forward; and rotary positions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import rope
from anyres_bench.tilers.fixed import VITAR, fuse, kernel
from anyres_bench.tilers.navit import NaVit, NaVitConfig
from anyres_bench.tilers.packing import (
    Packed,
    fractional_positions,
    group,
    kept_tokens,
    report,
    resolution_at_area,
)
from anyres_bench.tilers.patches import patchify
from anyres_bench.tilers.vitar import FuzzyPositions, TokenMerger


def trace(n: int, target: int) -> list[int]:
    steps = [n]
    while steps[-1] > target:
        steps.append(fuse(steps[-1], target))
    return steps


def test_the_published_trace() -> None:
    assert trace(1120 // 16, 14) == [70, 35, 18, 14]
    assert trace(28, 14) == [28, 14]
    assert kernel(14, 14) == kernel(3, 14) == 1


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


def test_an_image_is_answered_the_same_wherever_it_is_packed() -> None:
    torch.manual_seed(0)
    for fractional in (False, True):
        config = NaVitConfig(4, 16, 2, 2, 8, 32, 3, 8, 8, fractional)
        model = NaVit(config).eval()
        a, b, c = (torch.rand(3, *size) for size in ((8, 8), (12, 4), (4, 24)))
        with torch.no_grad():
            together = model([[a, b], [c]])
            apart = torch.cat([model([[x]]) for x in (a, b, c)])
        assert torch.allclose(together, apart, atol=1e-5)


def test_positions_beyond_the_table_are_refused() -> None:
    with pytest.raises(UsageError, match="positions end at"):
        NaVit(NaVitConfig(patch=4, max_rows=2, dim=8, heads=1, depth=1))([[torch.rand(3, 16, 4)]])


def test_masks_keep_images_apart() -> None:
    packed = Packed.of([[2, 1], [4]])
    mask = packed.attention_mask()[:, 0]
    assert mask[0].astype(int).tolist() == [
        [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0],
    ]  # fmt: skip
    assert mask[1].all()
    assert packed.pooling_mask()[:, 0].astype(int).tolist() == [
        [[1, 1, 0, 0], [0, 0, 1, 0]], [[1, 1, 1, 1], [0, 0, 0, 0]],
    ]  # fmt: skip


def test_packing_says_what_it_wastes() -> None:
    lengths = [10, 6, 9, 3]
    groups = group(lengths, 16)
    assert groups == [[0, 1], [2, 3]]
    done = report(lengths, groups, 16)
    assert (done.sequences, done.efficiency) == (2, 28 / 32)
    assert (done.masked_pairs, done.needed_pairs) == (512, 226)
    with pytest.raises(UsageError, match="image 1 has 17 tokens"):
        group([3, 17], 16)


def test_dropped_tokens_depend_on_seed_and_image_alone() -> None:
    kept = kept_tokens(100, 0.75, seed=1, index=3)
    assert len(kept) == 25
    assert (np.diff(kept) > 0).all()
    assert np.array_equal(kept, kept_tokens(100, 0.75, seed=1, index=3))
    assert not np.array_equal(kept, kept_tokens(100, 0.75, seed=1, index=4))
    assert len(kept_tokens(1, 0.9, seed=0, index=0)) == 1


def test_fractional_positions_lose_the_aspect() -> None:
    wide, tall = fractional_positions(2, 4), fractional_positions(4, 2)
    assert sorted(map(tuple, wide[:, ::-1])) == sorted(map(tuple, tall))
    assert wide.max() < 1


@pytest.mark.parametrize("aspect", [0.25, 1.0, 3.0])
def test_sizes_at_constant_area(aspect: float) -> None:
    size = resolution_at_area(aspect, 256, 16)
    assert abs(size.pixels / 256 / 256 - 1) < 0.1
    assert abs(size.width / size.height / aspect - 1) < 0.15


def test_relative_positions_are_all_that_attention_sees() -> None:
    """Turned queries and keys multiply to the same where both move by the same rows and columns."""
    q, k = np.random.default_rng(0).standard_normal((2, 1, 1, 16)).astype(np.float32)
    for turn in (
        lambda y, x: rope.axial([[y, x]], 16),
        lambda y, x: rope.mrope(np.array([[0], [y], [x]]), 16, [2, 3, 3]),
        lambda y, x: rope.mrope(np.array([[0], [y], [x]]), 16, [2, 3, 3], interleaved=True),
    ):
        products = [
            float((rope.rotate(q, turn(y, x)) * rope.rotate(k, turn(y + 2, x + 5))).sum())
            for y, x in ((0, 0), (3, 1), (7, 20))
        ]
        assert np.ptp(products) < 1e-4


def test_extrapolation_leaves_the_trained_size_alone_and_slows_the_slowest() -> None:
    plain = rope.frequencies(32, 10000.0)
    for scaled in (rope.ntk_frequencies(64, 1.0), rope.yarn_frequencies(64, 1.0, 16)):
        assert np.allclose(scaled, plain)
    ntk = rope.ntk_frequencies(64, 4.0)
    assert ntk[0] == plain[0]
    assert ntk[-1] == pytest.approx(plain[-1] / 4, rel=1e-5)
    yarn = rope.yarn_frequencies(64, 4.0, trained=1024)
    assert yarn[0] == plain[0]
    assert yarn[-1] == pytest.approx(plain[-1] / 4)
    assert rope.stretch(20, 32) == 1.0
    assert rope.yarn_temperature(1.0) == 1.0
    own = rope.axial_with([[3, 4]], plain[:8], plain[:8])
    assert own.cos.shape == (1, 32)


def test_visual_positions_advance_by_their_step() -> None:
    positions = rope.v2pe_positions([("t", 3), ("i", 256), ("t", 2)], 1 / 256)
    assert positions[[0, 2, 3, 4]].tolist() == [0, 2, 2 + 1 / 256, 2 + 2 / 256]
    assert positions[-3:].tolist() == [3, 4, 5]
    assert rope.v2pe_positions([], 0.5).size == 0
    with pytest.raises(UsageError, match="at most 1"):
        rope.v2pe_positions([("i", 2)], 2.0)


def test_interleaved_sections_take_turns() -> None:
    turn = rope.mrope(np.array([[1], [0], [0]]), 16, [4, 2, 2], interleaved=True)
    still = np.isclose(turn.cos[0, :8], 1) & np.isclose(turn.sin[0, :8], 0)
    assert still.tolist() == [False, True, True, False, True, True, False, False]


def test_wrong_heads_and_sections_are_refused() -> None:
    with pytest.raises(UsageError, match="sections"):
        rope.mrope(np.zeros((3, 1), int), 16, [2, 3, 4])
    with pytest.raises(UsageError, match="4 divides"):
        rope.axial([[0, 0]], 10)
    with pytest.raises(UsageError, match="no multiples"):
        patchify(np.zeros((1, 3, 10, 8)), 4)
