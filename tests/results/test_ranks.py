"""Ranks: ties share one, and what is not known has none."""

from __future__ import annotations

from anyres_bench.results import tied_ranks


def test_ties_share_the_rank_of_their_first() -> None:
    values = [1.0, 1.1, 1.4, 3.0, 3.2, 9.0]
    assert tied_ranks(6, lambda i, j: values[j] - values[i] > 0.5) == [1, 1, 1, 4, 4, 6]
    assert tied_ranks(3, lambda i, j: True) == [1, 2, 3]
    assert tied_ranks(0, lambda i, j: True) == []


def test_what_is_not_known_has_no_rank() -> None:
    known = {(0, 1): False, (0, 2): None, (0, 3): True}
    assert tied_ranks(4, lambda i, j: known[i, j]) == [1, 1, None, 4]
