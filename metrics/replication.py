"""Variance of a value over images and latents, of one model or of one less another.

Three ways, by what the metric says of itself:

- Values that change little with each row (`smooth`): leave out one part of a side at a time, and
  two parts at once to see what is not additive. A sum over pairs of rows moves by its own variance
  at both of its rows, so the jackknife counts it twice: of the distance of two equal sets, which
  has no other terms, it finds twice the variance. What the pairs of parts show is taken off.
- Values that are means over the rows of one side (`Averaging`): the variance of these rows, which
  is exact, and what the other side adds: its balanced half-samples, in which neighbours keep their
  meaning (a copy, which the bootstrap makes, would be its own neighbour). Half-samples also see
  that the averaged rows are few; that is in the first part already, so each group's own share is
  taken off.
- Others: balanced half-samples of each side.

Source: Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9, 1981, section
4; Kott, "The delete-a-group jackknife", Journal of Official Statistics 17, 2001; McCarthy, "Pseudo-
replication: half samples", Review of the International Statistical Institute 37, 1969.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics import variances
from anyres_bench.metrics.metric import Metric
from anyres_bench.metrics.sampling import (
    Average,
    Kept,
    KeptRows,
    Parts,
    RowParts,
    Values,
    half_samples,
    leave_one_out,
)
from anyres_bench.metrics.variances import Floats, Spread

Side = Literal["real", "fake"]
Masks = NDArray[np.bool_]

_FEWEST_PAIRS = 3  # of parts, to see what is not additive


@runtime_checkable
class Replicable(Protocol):
    """A metric that has a faster way to its values on subsets than to start again for each."""

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> Values | None:
        """Ranking values of subsets that keep whole parts of both sides; None if it has no way."""
        ...


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
class Replicated:
    """How far values would be elsewhere with other images.

    Attributes:
        spread: variance and its degrees of freedom.
        n_effective: independent groups that stand behind it, as if of equal size; of the averaged
            side, or of the side that has fewer.
        n_groups: independent groups of that side.
        method: in words.
        folds: side -> parts that its groups were dealt into.
        average: whether the value is a mean over images, each of which adds 0 or about 1.
    """

    spread: Spread
    n_effective: float
    n_groups: int
    method: str
    folds: Mapping[str, int]
    average: bool = False


@dataclass(frozen=True)
class Study:
    """A metric of one model, or of two with opposite signs, against one real side.

    Attributes:
        models: sign and features.
        folds: parts of a side at most.
    """

    metric: Metric
    real: FeatureBank | None
    models: Sequence[tuple[float, FeatureBank]]
    seed: int
    folds: int

    @property
    def sides(self) -> list[Side]:
        """Those that the metric looks at."""
        return ["fake"] if self.real is None else ["real", "fake"]

    def value(self, real: FeatureBank | None, fake: FeatureBank) -> dict[str, float]:
        """Values, with the same random numbers in every computation."""
        return self.metric.finish(real, fake, stream(self.seed, "value"))

    def parts(self, side: Side, halves: bool = False) -> Parts:
        """The groups of a side, those of both models together, dealt into parts."""
        banks = [self.real] if side == "real" else [fake for _, fake in self.models]
        group = np.concatenate([bank.group for bank in banks if bank is not None])
        count = min(self.folds, len(np.unique(group)))
        if halves:
            count = 1 << (count.bit_length() - 1)
        return Parts.deal(group, count, stream(self.seed, side))


def replicate(study: Study, values: Mapping[str, float]) -> dict[str, Replicated]:
    """The variance of every value that ranks.

    Args:
        values: of all rows.

    Raises:
        MetricError: the metric is not defined on the rows that are left.
    """
    metric = study.metric
    if isinstance(metric, Averaging) and study.real is not None:
        return _averages(study, metric, study.real)
    return _jackknife(study, values) if metric.smooth else _halves(study)


def _jackknife(study: Study, values: Mapping[str, float]) -> dict[str, Replicated]:
    parts = {side: study.parts(side) for side in study.sides}
    plan = _Plan({side: len(of) for side, of in parts.items()})
    for side, of in parts.items():
        for part in range(len(of)):
            plan.add(side, {side: [part]})
    for side, of in parts.items():
        for one in range(0, len(of) - 1, 2):
            plan.add(f"two {side}", {side: [one, one + 1]})
    if len(parts) == 2:
        for one in range(0, min(map(len, parts.values())) - 1, 2):
            plan.add("one each", {side: [one] for side in parts})
    found = plan.values(_subset_values(study, parts, plan.subsets), study.metric.higher_is_better)
    return {
        name: _replicated(
            parts,
            variances.total(
                [
                    variances.of_replicates(of[side], leave_one_out(len(parts[side])), parts[side])
                    for side in parts
                ],
                _not_additive(values[name], of, parts),
            ),
            "delete-a-group jackknife less what pairs of groups share",
        )
        for name, of in found.items()
    }


def _not_additive(value: float, of: Mapping[str, Floats], parts: Mapping[Side, Parts]) -> float:
    """Variance of what is a sum over pairs of rows, which the jackknife counts twice.

    What two parts add together beyond what they add alone is nothing for a mean.
    """
    shared = 0.0
    for side, own in parts.items():
        both, one, n = of.get(f"two {side}", np.zeros(0)), of[side], len(own)
        if len(both) >= _FEWEST_PAIRS:
            first, second = one[0 : 2 * len(both) : 2], one[1 : 2 * len(both) : 2]
            excess = value + ((n - 2) * both - (n - 1) * (first + second)) / n
            shared += n * (n - 1) / 2 * float(excess.var(ddof=1))
    both = of.get("one each", np.zeros(0))
    if len(both) >= _FEWEST_PAIRS:
        real, fake = (of[side][0 : 2 * len(both) : 2] for side in ("real", "fake"))
        excess = value - real - fake + both
        shared += len(parts["real"]) * len(parts["fake"]) * float(excess.var(ddof=1))
    return shared


def _halves(study: Study) -> dict[str, Replicated]:
    parts = {side: study.parts(side, halves=True) for side in study.sides}
    keep = {side: half_samples(len(of)) for side, of in parts.items()}
    plan = _Plan({side: len(of) for side, of in parts.items()})
    for side, subsets in keep.items():
        for kept in subsets:
            plan.add(side, {side: np.flatnonzero(~kept).tolist()})
    found = plan.values(_subset_values(study, parts, plan.subsets), study.metric.higher_is_better)
    return {
        name: _replicated(
            parts,
            variances.total(
                [variances.of_replicates(of[side], keep[side], parts[side]) for side in parts]
            ),
            "balanced half-samples of each side",
        )
        for name, of in found.items()
    }


def _replicated(parts: Mapping[Side, Parts], spread: Spread, method: str) -> Replicated:
    folds = {side: len(of) for side, of in parts.items()}
    fewest = min(parts.values(), key=lambda of: of.n_effective)
    return Replicated(spread, fewest.n_effective, len(fewest.groups), method, folds)


class _Plan:
    """Subsets to compute, each of a kind."""

    def __init__(self, n_parts: Mapping[Side, int]) -> None:
        self._n_parts = n_parts
        self._kinds: list[str] = []
        self.subsets: list[Kept] = []

    def add(self, kind: str, left_out: Mapping[Side, Sequence[int]]) -> None:
        """One more subset, without these parts."""
        self._kinds.append(kind)
        real, fake = (
            ~np.isin(np.arange(self._n_parts.get(side, 0)), left_out.get(side, ()))
            for side in ("real", "fake")
        )
        self.subsets.append((real, fake))

    def values(self, found: Values, names: Mapping[str, object]) -> dict[str, dict[str, Floats]]:
        """What was found, by value and kind."""
        kinds = np.array(self._kinds)
        columns = {name: np.array([each[name] for each in found]) for name in names}
        for name, column in columns.items():
            if not np.isfinite(column).all():
                raise MetricError(
                    f"{name} of some of the images is not finite, so it has no interval"
                )
        return {
            name: {kind: column[kinds == kind] for kind in dict.fromkeys(self._kinds)}
            for name, column in columns.items()
        }


def _subset_values(study: Study, parts: Mapping[Side, Parts], subsets: Sequence[Kept]) -> Values:
    """Values with each subset, those of the models added up with their signs."""
    sums = [dict.fromkeys(study.metric.higher_is_better, 0.0) for _ in subsets]
    for sign, fake in study.models:
        for total, values in zip(sums, _of_model(study, fake, parts, subsets), strict=True):
            for name in total:
                total[name] += sign * values[name]
    return sums


def _of_model(
    study: Study, fake: FeatureBank, parts: Mapping[Side, Parts], subsets: Sequence[Kept]
) -> Values:
    real, of_fake = study.real, parts["fake"].of(fake.group)
    of_real = parts["real"].of(real.group) if real is not None else np.zeros(0, np.int64)
    if isinstance(study.metric, Replicable):
        found = study.metric.subset_values(real, fake, (of_real, of_fake), subsets)
        if found is not None:
            return found
    return [
        study.value(
            real.subset(in_real[of_real]) if real is not None else None,
            fake.subset(in_fake[of_fake]),
        )
        for in_real, in_fake in subsets
    ]


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
    keep: Masks
    names: Sequence[str]
    first: int


def _averages(study: Study, metric: Averaging, real: FeatureBank) -> dict[str, Replicated]:
    """Variances of values that are means over the rows of one side."""
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
