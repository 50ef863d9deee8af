"""Rotary positions: relative, stretched, interleaved."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.tilers import rope


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
