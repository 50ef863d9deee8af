"""The battery that every metric passes, ours or a plug-in's.

from anyres_bench.metrics.contract import check_metric
check_metric(MyMetric(), identical={"mine": 0.0})
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.metrics.metric import Batch, Metric, Side

# What no floating-point sum can promise, for states that keep sums and not rows.
_ROUNDING = 1e-9


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
    metric: Metric[Any], identical: Mapping[str, float] | None = None, sample: Sample = Sample()
) -> None:
    """Hold a metric against its contract.

    States add, and values depend on no batch order, batch size, rank or earlier call; they are
    finite, and those of two identical sets are known; arguments are left alone; nothing at all is
    refused.

    Args:
        identical: values of the metric when the fake set equals the real one, where known.

    Raises:
        MetricError: what the metric promised and did not keep.
    """
    _check_description(metric)
    real, fake = (_rows(metric, side, sample) for side in ("real", "fake"))
    expected = _finish(metric, [real], [fake])
    _check_values(metric, expected)
    _same(metric, "the same call twice", expected, _finish(metric, [real], [fake]))
    for name, cut in _CUTS.items():
        _same(metric, name, expected, _finish(metric, cut(real), cut(fake)))
    ranks = _finish(metric, [real], [fake], n_ranks=3)
    _same(metric, "three ranks added", expected, ranks)
    if identical is not None:
        mirrored = _finish(metric, [real], [dataclasses.replace(real, side="fake")])
        for value, want in identical.items():
            if not abs(mirrored[value] - want) <= _ROUNDING * max(1.0, abs(want)):
                raise _broken(metric, f"{value} of identical sets is {mirrored[value]}, not {want}")
    _check_refuses_nothing(metric)


def _check_description(metric: Metric[Any]) -> None:
    if not isinstance(metric, Metric):
        raise _broken(metric, "it lacks an attribute of the Metric protocol")
    if not metric.id.startswith(metric.name) or any(c in metric.id for c in "/@ "):
        raise _broken(
            metric, f"id {metric.id!r} must start with {metric.name!r}, without / @ space"
        )
    if not metric.higher_is_better:
        raise _broken(metric, "no value has a direction")


def _check_values(metric: Metric[Any], values: Mapping[str, float]) -> None:
    missing = metric.higher_is_better.keys() - values.keys()
    if missing:
        raise _broken(metric, f"finish does not return {sorted(missing)}")
    for name, value in values.items():
        if type(value) is not float or not math.isfinite(value):
            raise _broken(metric, f"{name} is {value!r}, expected a finite float")


def _check_refuses_nothing(metric: Metric[Any]) -> None:
    nothing = metric.needs.start()
    try:
        values = metric.finish(nothing if metric.needs_real else None, nothing, stream(0))
    except MetricError:
        return
    raise _broken(metric, f"it makes {values} of no images at all, expected a MetricError")


def _rows(metric: Metric[Any], side: Side, sample: Sample) -> Batch:
    n, dim = sample.n, metric.dim or sample.dim
    rng = stream(0, "metric contract", side)
    features = rng.normal((n, dim)) + (0.5 if side == "fake" else 0.0)
    index = np.arange(n)
    return Batch(side, index, index // 2, features.astype(np.float32))


def _finish(
    metric: Metric[Any], real: Iterable[Batch], fake: Iterable[Batch], n_ranks: int = 1
) -> dict[str, float]:
    sides = []
    for batches in (real, fake):
        states = [metric.needs.start() for _ in range(n_ranks)]
        for batch in batches:
            for rank in range(n_ranks):
                part = _take(batch, np.arange(rank, len(batch.index), n_ranks))
                states[rank] = metric.needs.update(states[rank], part)
        total = states[0]
        for state in states[1:]:
            total = total + state
        sides.append(total)
    values = metric.finish(sides[0] if metric.needs_real else None, sides[1], stream(1, metric.id))
    return dict(values)


def _take(batch: Batch, rows: NDArray[np.int64]) -> Batch:
    """Some rows of a batch, in arrays that may not be written to."""
    part = Batch(batch.side, batch.index[rows], batch.group[rows], batch.features[rows])
    for array in (part.index, part.group, part.features):
        array.flags.writeable = False
    return part


def _in_sevens(batch: Batch) -> list[Batch]:
    n = len(batch.index)
    return [_take(batch, np.arange(start, min(start + 7, n))) for start in range(0, n, 7)]


_CUTS: Mapping[str, Callable[[Batch], list[Batch]]] = {
    "batches of seven": _in_sevens,
    "batches in reverse order": lambda batch: _in_sevens(batch)[::-1],
    "rows in reverse order": lambda batch: [_take(batch, np.arange(len(batch.index))[::-1])],
}


def _same(
    metric: Metric[Any], what: str, want: Mapping[str, float], got: Mapping[str, float]
) -> None:
    """Equal bit for bit where rows are kept, to rounding where sums are."""
    allowed = 0.0 if metric.needs.key == "feature-bank" else _ROUNDING
    for name in want:
        if not abs(got[name] - want[name]) <= allowed * max(1.0, abs(want[name])):
            raise _broken(metric, f"{what}: {name} is {got[name]!r}, was {want[name]!r}")


def _broken(metric: Metric[Any], what: str) -> MetricError:
    return MetricError(f"metric {getattr(metric, 'id', metric)!r} breaks its contract: {what}")
