"""Sobol points: held to the published sequence, to what makes it even, and to frozen numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from anyres_bench.core.errors import UsageError
from anyres_bench.data.sobol import BITS, N_AXES, PointDraws, Sobol, directions


def test_unscrambled_points_are_those_of_joe_and_kuo() -> None:
    plain = Sobol(directions(), np.zeros(N_AXES, np.uint64))
    ours = np.array([plain.point(i) for i in range(64)]) / 2**BITS
    theirs = qmc.Sobol(N_AXES, scramble=False, bits=BITS).random(64)  # in the order of Gray codes
    np.testing.assert_array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_axis_has_one_point_in_every_part(seed: int) -> None:
    sequence = Sobol.scrambled(seed, "x")
    points = np.array([sequence.point(i) for i in range(128)])
    for axis in points.T:
        assert sorted(axis >> (BITS - 7)) == list(range(128))


def test_a_window_s_two_axes_fill_every_box_of_a_grid() -> None:
    sequence = Sobol.scrambled(5, "x")
    points = np.array([sequence.point(i)[:2] for i in range(64)])
    for rows in range(7):
        boxes = {(y >> (BITS - rows), x >> (BITS - 6 + rows)) for y, x in points.tolist()}
        assert len(boxes) == 64


def test_points_never_change() -> None:
    """Published ids stand for these positions."""
    sequence = Sobol.scrambled(7, "ar1-patch64-at128")
    assert [sequence.point(i) for i in (0, 1, 2, 1000)] == FROZEN


def test_scramblings_differ_by_seed_and_label() -> None:
    first = [Sobol.scrambled(*key).point(3) for key in ((0, "a"), (1, "a"), (0, "b"))]
    assert len(set(first)) == 3


def test_draws_are_integers_of_the_coordinates_in_turn() -> None:
    draws = PointDraws((0, (1 << BITS) - 1, 1 << (BITS - 1), 5))
    assert [draws.integer(3, 9), draws.integer(3, 9), draws.integer(4, 4)] == [3, 9, 4]
    assert draws.uniform() == 5 / 2**BITS


def test_there_are_no_points_beyond_the_sequence() -> None:
    with pytest.raises(UsageError, match="0 to 2"):
        Sobol.scrambled(0).point(1 << BITS)


FROZEN = [
    (425166646, 4044003408, 213561392, 3697608855),
    (3954270143, 1870373951, 3530113956, 2137441732),
    (2090330830, 479635283, 2883499825, 413890962),
    (31492169, 3228810411, 1555317886, 788737397),
]
