"""Ranks with ties: who is not told apart shares one."""

from __future__ import annotations

from collections.abc import Callable


def tied_ranks(n: int, apart: Callable[[int, int], bool | None]) -> list[int | None]:
    """Rank of each of `n` models that are sorted, the best first.

    The first of a group of ties is held against all that follow. Who is apart from it is the first
    of the next group, and its rank is its place; so ranks after a tie are left out, as in sports.

    Args:
        apart: whether the difference of two, by their places from 0, is told from zero; None where
            that is not known here.

    Returns:
        None for a model whose difference to the first of its group is not known.

    >>> tied_ranks(4, lambda first, other: other >= 2 > first)
    [1, 1, 3, 3]
    """
    ranks: list[int | None] = []
    first = 0
    for place in range(n):
        told = place > first and apart(first, place)
        if told:
            first = place
        ranks.append(None if told is None else first + 1)
    return ranks
