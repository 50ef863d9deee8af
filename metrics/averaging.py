"""Variances of values that are means over the rows of one side.

The variance of the averaged rows is exact. What the other side adds is seen from its balanced
half-samples, in which neighbours keep their meaning (a copy, which the bootstrap makes, would be
its own neighbour), or from leaving out parts of it. These subsets also see that the averaged rows
are few; that is in the first part already, so each group's own share is taken off.

Source: McCarthy, "Pseudo-replication: half samples", Review of the International Statistical
Institute 37, 1969.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics import variances
from anyres_bench.metrics.sampling import Average, KeptRows, Parts, half_samples, leave_one_out
from anyres_bench.metrics.study import Replicated, Side, Study
from anyres_bench.metrics.variances import Floats, Spread


@runtime_checkable
class Averaging(Protocol):
    """A metric all of whose ranking values are means over the rows of one side."""

    @property
    def averages(self) -> Mapping[str, Average]:
        """How each value is a mean."""
        ...

    def rows(
        self, real: FeatureBank, fake: FeatureBank, subsets: Sequence[KeptRows]
    ) -> list[dict[str, Floats]]:
        """What each row of its averaged side adds to a value, where subsets of the other are kept.

        Args:
            subsets: (n_real,) and (n_fake,) masks, one of which keeps all.

        Returns:
            by value, one number for each row of the averaged side, whose mean is the value.
        """
        ...


@dataclass(frozen=True)
class _Way:
    """Subsets of the side that is not averaged.

    Attributes:
        side: which.
        names: values that are told from them.
        first: number of the first of them among all subsets.
    """

    side: Side
    parts: Parts
    keep: NDArray[np.bool_]
    names: Sequence[str]
    first: int


def averages(study: Study, metric: Averaging, real: FeatureBank) -> dict[str, Replicated]:
    """The variance of every value."""
    ways = _ways(study, metric)
    dealt = {side: study.parts(side) for side in study.sides}
    sums: dict[str, Floats] = {}
    for sign, fake in study.models:
        banks: dict[Side, FeatureBank] = {"real": real, "fake": fake}
        rows = metric.rows(real, fake, _kept_rows(ways, banks))
        for way in ways:
            for name in way.names:
                side = metric.averages[name].side
                used = [rows[0], *rows[way.first : way.first + len(way.keep)]]
                each = _by_group([one[name] for one in used], banks[side], dealt[side])
                sums[name] = sums.get(name, 0.0) + sign * each
    found = {
        name: _average(sums[name], way, dealt[metric.averages[name].side])
        for way in ways
        for name in way.names
    }
    return {name: found[name] for name in metric.averages}


def _ways(study: Study, metric: Averaging) -> list[_Way]:
    groups: dict[tuple[Side, bool], list[str]] = {}
    for name, each in metric.averages.items():
        other: Side = "fake" if each.side == "real" else "real"
        groups.setdefault((other, each.smooth), []).append(name)
    ways, first = [], 1
    for (side, smooth), names in groups.items():
        parts = study.parts(side, halves=not smooth)
        keep = leave_one_out(len(parts)) if smooth else half_samples(len(parts))
        ways.append(_Way(side, parts, keep, names, first))
        first += len(keep)
    return ways


def _kept_rows(ways: Sequence[_Way], banks: Mapping[Side, FeatureBank]) -> list[KeptRows]:
    """All rows, and then each subset of each way."""
    every = {side: np.ones(len(bank), bool) for side, bank in banks.items()}
    kept = [every]
    for way in ways:
        part = way.parts.of(banks[way.side].group)
        kept += [{**every, way.side: subset[part]} for subset in way.keep]
    return [(rows["real"], rows["fake"]) for rows in kept]


def _by_group(rows: Sequence[Floats], bank: FeatureBank, parts: Parts) -> Floats:
    """(n_subsets, n_groups) what each group adds to the mean, less what it would at the mean."""
    number = np.searchsorted(parts.groups, bank.group)
    return np.stack(
        [np.bincount(number, each - rows[0].mean(), len(parts.groups)) for each in rows]
    ) / len(bank)


def _average(sums: Floats, way: _Way, averaged: Parts) -> Replicated:
    """The variance of a mean: that of its rows, and what the other side adds to it.

    Args:
        sums: (1 + n_subsets, n_groups) what each group adds to the value, first with all rows.
    """
    own = variances.of_groups(sums[0], averaged.share)
    subsets = sums[1:]
    other = variances.of_replicates(subsets.sum(axis=1), way.keep, way.parts)
    off = subsets - subsets.mean(axis=0)
    whole = float(np.square(off.sum(axis=1)).mean())
    alone = float(np.square(off).mean(axis=0).sum())  # each group's, as if no two moved together
    together = max(0.0, 1.0 - alone / whole) if whole > 0 else 0.0
    how = "leaving out groups" if len(way.keep) == len(way.parts) else "balanced half-samples"
    return Replicated(
        variances.total([own, Spread(other.variance * together, other.freedom)]),
        averaged.n_effective,
        len(averaged.groups),
        f"variance of the {_NAMES[way.side]} rows, and {how} of the {way.side} side",
        {way.side: len(way.parts)},
        average=True,
    )


_NAMES: Mapping[Side, str] = {"real": "fake", "fake": "real"}  # the averaged side
