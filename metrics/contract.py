"""The battery that every metric passes, ours or a plug-in's.

from anyres_bench.metrics.contract import check_metric
check_metric(MyMetric(), identical={"mine": 0.0})
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.measuring import Measurement, measure, ranking_values
from anyres_bench.metrics.metric import Metric, StrataKind, needs_held_out, strata_kind

_ROUNDING = 1e-9
_SEED = 1
# Standard errors that a value may move when every row comes twice. Values of our smooth metrics
# move by 0.75 at most; of those that count neighbours, one at least moves by 2.9 to 6.4.
_MOST_MOVED = 1.5


@dataclass(frozen=True)
class Sample:
    """What the battery feeds to a metric.

    Attributes:
        n: rows of each side; groups hold two rows.
        dim: length of a row, where the metric takes any.
    """

    n: int = 120
    dim: int = 6


def check_metric(
    metric: Metric, identical: Mapping[str, float] | None = None, sample: Sample = Sample()
) -> None:
    """Hold a metric against its contract, on the path that `evaluate` takes.

    Values and intervals depend on no batch order, batch size, rank or earlier call; they are finite
    and within the stated bounds, and those of two identical sets are known; a metric that counts
    neighbours says so; nothing at all is refused.

    Args:
        identical: values of the metric when the fake set equals the real one, where known.

    Raises:
        MetricError: what the metric promised and did not keep.
    """
    check_description(metric)
    real, fake = (_bank(metric, side, sample) for side in ("real", "fake"))
    expected = measure(metric, real, fake, _SEED)
    if missing := sorted(metric.higher_is_better.keys() - expected.intervals.keys()):
        raise _broken(metric, f"no interval of {', '.join(missing)} can be made")
    for name, arrange in _ARRANGEMENTS.items():
        _same(metric, name, expected, measure(metric, arrange(real), arrange(fake), _SEED))
    _check_smooth(metric, expected, real, fake)
    if identical is not None:
        values = measure(metric, fake, fake, _SEED).values
        for value, want in identical.items():
            if not abs(values[value] - want) <= _ROUNDING * max(1.0, abs(want)):
                raise _broken(metric, f"{value} of identical sets is {values[value]}, not {want}")
    _check_refuses_nothing(metric)


def check_description(metric: object) -> None:
    """Hold what a metric says of itself against the protocol.

    Raises:
        MetricError: an attribute is missing or is no description.
    """
    if not isinstance(metric, Metric):
        names = ("name", "id", "needs_real", "dim", "smooth", "bounds", "higher_is_better")
        lacks = [name for name in names if not hasattr(metric, name)]
        raise _broken(metric, f"it lacks {', '.join(lacks) or 'finish'} of the Metric protocol")
    if not metric.id.startswith(metric.name) or any(c in metric.id for c in "/@ "):
        raise _broken(
            metric, f"id {metric.id!r} must start with {metric.name!r}, without / @ space"
        )
    if not metric.higher_is_better:
        raise _broken(metric, "no value has a direction")
    for name in metric.higher_is_better:
        low, high = metric.bounds.get(name, (np.nan, np.nan))
        if not low < high:
            raise _broken(metric, f"the bounds of {name} are {low} to {high}")


def _check_smooth(metric: Metric, whole: Measurement, real: FeatureBank, fake: FeatureBank) -> None:
    """Whether a metric that says that it is smooth counts neighbours nevertheless.

    Where every row comes twice, in the group that it is in, a row's nearest neighbour is its copy.
    What does not look at single neighbours moves by no more than chance moves it.
    """
    if not metric.smooth:
        return
    doubled = ranking_values(metric, _doubled(real), _doubled(fake), _SEED)
    for name, interval in whole.intervals.items():
        moved = abs(doubled[name] - whole.values[name])
        if moved > _MOST_MOVED * interval.standard_error + _ROUNDING * abs(whole.values[name]):
            raise _broken(
                metric,
                f"{name} goes from {whole.values[name]:.6g} to {doubled[name]:.6g} where every row "
                "comes twice, so single neighbours count: say smooth = False",
            )


def _check_refuses_nothing(metric: Metric) -> None:
    nothing = FeatureBank.empty()
    try:
        values = measure(metric, nothing, nothing, 0).values
    except MetricError:
        return
    raise _broken(metric, f"it makes {values} of no images at all, expected a MetricError")


def _bank(metric: Metric, side: Literal["real", "fake"], sample: Sample) -> FeatureBank:
    n, dim = sample.n, metric.dim or sample.dim
    rng = stream(0, "metric contract", side)
    features = rng.normal((n, dim)) + (0.5 if side == "fake" else 0.0)
    index = np.arange(n)

    def stratum(scale: float) -> FeatureBank:
        return FeatureBank(index, index // 2, (scale * features).astype(np.float32))

    labels = _STRATA[strata_kind(metric)]
    if side == "real" and needs_held_out(metric):
        others = FeatureBank(index, n + index // 2, rng.normal((n, dim)).astype(np.float32))
        return FeatureBank.of_strata({"real": stratum(1.0), "held-out": others})
    if not labels:
        return stratum(1.0)
    step = 0.3 if side == "fake" else 0.0
    return FeatureBank.of_strata({label: stratum(1 + step * k) for k, label in enumerate(labels)})


_STRATA: Mapping[StrataKind, tuple[str, ...]] = {
    "": (),
    "sizes": ("64", "91", "128"),
    "aspects": ("1x3", "1x1", "16x9"),
}


def _sum(bank: FeatureBank, parts: list[NDArray[np.int64]]) -> FeatureBank:
    """The bank again, added up from parts of its rows in the order given."""
    return functools.reduce(operator.add, map(bank.subset, parts), FeatureBank.empty())


def _doubled(bank: FeatureBank) -> FeatureBank:
    copies = (
        FeatureBank(part.index + bank.index.max() + 1, part.group, part.features(), label)
        for label, part in bank.strata().items()
    )
    return functools.reduce(operator.add, copies, bank)


def _in_sevens(bank: FeatureBank) -> list[NDArray[np.int64]]:
    rows = np.arange(len(bank))
    return [rows[start : start + 7] for start in range(0, len(rows), 7)]


_ARRANGEMENTS: Mapping[str, Callable[[FeatureBank], FeatureBank]] = {
    "the same call twice": lambda bank: bank,
    "batches of seven": lambda bank: _sum(bank, _in_sevens(bank)),
    "batches in reverse order": lambda bank: _sum(bank, _in_sevens(bank)[::-1]),
    "rows in reverse order": lambda bank: _sum(bank, [np.arange(len(bank))[::-1]]),
    "three ranks added": lambda bank: _sum(bank, [np.arange(r, len(bank), 3) for r in range(3)]),
}


def _same(metric: Metric, what: str, want: Measurement, got: Measurement) -> None:
    """Equal bit for bit."""
    for name in want.values:
        if got.values[name] != want.values[name]:
            raise _broken(
                metric, f"{what}: {name} is {got.values[name]!r}, was {want.values[name]!r}"
            )
    if got.intervals != want.intervals:
        raise _broken(metric, f"{what}: intervals are others")


def _broken(metric: object, what: str) -> MetricError:
    return MetricError(f"metric {getattr(metric, 'id', metric)!r} breaks its contract: {what}")
