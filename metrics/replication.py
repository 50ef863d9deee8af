"""Variance of a value over images and latents, of one model or of one less another.

Three ways, by what the metric says of itself:

- Values that change little with each row (`smooth`): leave out one part of a side at a time, and
  two parts at once to see what is not additive. A sum over pairs of rows moves by its own variance
  at both of its rows, so the jackknife counts it twice: of the distance of two equal sets, which
  has no other terms, it finds twice the variance. What the pairs of parts show is taken off.
- Values that are means over the rows of one side (`Averaging`): see `averaging`.
- Others: balanced half-samples of each side.

Source: Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9, 1981, section
4; Kott, "The delete-a-group jackknife", Journal of Official Statistics 17, 2001.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from anyres_bench.core.errors import MetricError
from anyres_bench.core.files import sha256_text
from anyres_bench.features.stats import FeatureBank, digest_of
from anyres_bench.metrics import variances
from anyres_bench.metrics.averaging import Averaging, averages
from anyres_bench.metrics.sampling import (
    Kept,
    Parts,
    RowParts,
    Values,
    half_samples,
    leave_one_out,
)
from anyres_bench.metrics.study import Replicated, Side, Study
from anyres_bench.metrics.variances import Floats, Spread

_FEWEST_PAIRS = 3  # of parts, to see what is not additive


@runtime_checkable
class Replicable(Protocol):
    """A metric that has a faster way to its values on subsets than to start again for each."""

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> Values | None:
        """Ranking values of subsets that keep whole parts of both sides; None if it has no way."""
        ...


def replicate(study: Study, values: Mapping[str, float]) -> dict[str, Replicated]:
    """The variance of every value that has an interval.

    Args:
        values: of all rows.

    Raises:
        MetricError: the metric is not defined on the rows that are left.
    """
    metric = study.metric
    if isinstance(metric, Averaging) and study.real is not None:
        return averages(study, metric, study.real)
    return _jackknife(study, values) if metric.smooth else _halves(study)


def _jackknife(study: Study, values: Mapping[str, float]) -> dict[str, Replicated]:
    parts = {side: study.parts(side) for side in study.sides}
    plan = _jackknife_plan(parts)
    found = plan.values(_subset_values(study, parts, plan.subsets), study.names)
    spreads = {}
    for name, of in found.items():
        sides = [
            variances.of_replicates(of[side], leave_one_out(len(own)), own)
            for side, own in parts.items()
        ]
        spreads[name] = variances.total(sides, _not_additive(values[name], of, parts))
    method = "delete-a-group jackknife less what pairs of groups share"
    return {name: _replicated(parts, spread, method) for name, spread in spreads.items()}


def _jackknife_plan(parts: Mapping[Side, Parts]) -> _Plan:
    """Subsets without one part, and without two where there are enough parts for that."""
    plan = _Plan({side: len(of) for side, of in parts.items()})
    for side, of in parts.items():
        for part in range(len(of)):
            plan.add(side, {side: [part]})
    for side, of in parts.items():
        if len(of) >= 2 * _FEWEST_PAIRS:
            for one in range(0, len(of) - 1, 2):
                plan.add(f"two {side}", {side: [one, one + 1]})
    if len(parts) == 2:
        for one in range(0, min(map(len, parts.values())) - 1, 2):
            plan.add("one each", {side: [one] for side in parts})
    return plan


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
    found = plan.values(_subset_values(study, parts, plan.subsets), study.names)
    spreads = {
        name: variances.total(
            [variances.of_replicates(of[side], keep[side], own) for side, own in parts.items()]
        )
        for name, of in found.items()
    }
    method = "balanced half-samples of each side"
    return {name: _replicated(parts, spread, method) for name, spread in spreads.items()}


def _replicated(parts: Mapping[Side, Parts], spread: Spread, method: str) -> Replicated:
    folds: dict[str, int] = {side: len(of) for side, of in parts.items()}
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

    def values(self, found: Values, names: Sequence[str]) -> dict[str, dict[str, Floats]]:
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
    sums = [dict.fromkeys(study.names, 0.0) for _ in subsets]
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
    compute = functools.partial(_computed, study, fake, (of_real, of_fake), subsets)
    if study.kept is None:
        return compute()
    return study.kept(_key(study, fake, (of_real, of_fake), subsets), compute)


def _computed(study: Study, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]) -> Values:
    real, (of_real, of_fake) = study.real, parts
    if isinstance(study.metric, Replicable):
        found = study.metric.subset_values(real, fake, parts, subsets)
        if found is not None:
            return found
    return [
        study.value(
            real.subset(in_real[of_real]) if real is not None else None,
            fake.subset(in_fake[of_fake]),
        )
        for in_real, in_fake in subsets
    ]


def _key(study: Study, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]) -> str:
    """Digest of all that values of subsets depend on."""
    banks = [bank.digest if bank is not None else None for bank in (study.real, fake)]
    kept = [digest_of(of_side) for of_side in zip(*subsets, strict=True)]
    return sha256_text(json.dumps([study.metric.id, study.seed, banks, digest_of(parts), kept]))
