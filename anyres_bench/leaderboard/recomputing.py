"""Values of a submission computed again: all from features, Frechet distances from moments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from anyres_bench.core.counts import counted
from anyres_bench.core.errors import DataError, MetricError
from anyres_bench.evaluation.strata import joined, real_side
from anyres_bench.features.stats import FeatureBank, Moments
from anyres_bench.leaderboard.feature_files import (
    agree,
    check_header,
    feature_stem,
    float16_slack,
    read_features,
)
from anyres_bench.leaderboard.moment_files import follows, moment_stem, moment_values, read_moments
from anyres_bench.leaderboard.rules import NotSaid, SubmittedFolder, refuse
from anyres_bench.leaderboard.submission import FEATURES, MOMENTS
from anyres_bench.metrics.measuring import measure
from anyres_bench.metrics.metric import metric_from
from anyres_bench.results import FeaturesRecord, Interval, Result, Task, cautions_of


def values_of_features(folder: SubmittedFolder) -> str:
    """Compute every value and interval that has features again.

    Raises:
        DataError: one is another, or features are damaged or of no record.
        NotSaid: a record has none.
    """
    if not folder.of(FEATURES):
        raise NotSaid("no features, so its values and intervals cannot be computed again")
    used: set[str] = set()
    without = 0
    for name, result in folder.some().items():
        banks, precision = _banks(folder, result, used)
        if banks is None:
            without += 1
        else:
            refuse(_differences(name, result, banks, precision))
    refuse(f"{name} belongs to no record" for name in folder.of(FEATURES) if name not in used)
    if without:
        raise NotSaid(f"{without} of {len(folder.records)} records have no features of every side")
    return f"{counted(len(folder.records), 'record')} computed again"


def _banks(
    folder: SubmittedFolder, result: Result, used: set[str]
) -> tuple[dict[str, FeatureBank] | None, str]:
    """Features of both sides of a record and their type; None where a side has none."""
    banks, precision = {}, "float32"
    for side, state in result.states.items():
        stem = feature_stem(state.key, result.extractor.id)
        names = [name for name in folder.of(FEATURES) if name.startswith(stem)]
        if not names:
            return None, precision
        if not used.issuperset(names):
            for name in names:
                check_header(folder.inside, name, state.key, result.extractor.id)
        used.update(names)
        banks[side], kept = read_features(folder.inside, names)
        precision = "float16" if "float16" in (kept, precision) else "float32"
        _check_shape(side, state, result, len(banks[side]), banks[side].dim)
    if result.reference is not None and metric_from(Task.parse(result.task).metric).needs_real:
        return None, precision  # a file stood for the real images, and is not enclosed
    return banks, precision


def _check_shape(side: str, state: FeaturesRecord, result: Result, n: int, dim: int) -> None:
    if (n, dim) != (state.n, result.extractor.dim):
        raise DataError(
            f"{n} features of {dim} dimensions on the {side} side; the record says {state.n} of "
            f"{result.extractor.dim}"
        )


def _differences(
    name: str, result: Result, banks: dict[str, FeatureBank], precision: str
) -> Iterator[str]:
    metric = metric_from(Task.parse(result.task).metric)
    sides = joined(banks)
    try:
        again = measure(metric, real_side(sides), sides["fake"], result.seed)
    except (MetricError, KeyError) as error:
        yield f"{name}: its features have no {metric.id}: {error}"
        return
    for value, number in result.values.items():
        spread = _spread(value, again.intervals.get(value), again.values)
        found = again.values.get(value)
        if found is None or not agree(number, found, spread, precision):
            yield f"{name}: {value} is {number!r}, and {found!r} by its features"
    for value, said in result.intervals.items():
        found_interval = again.intervals.get(value)
        yield from _interval_differences(f"{name}: {value}", said, found_interval, precision)


def _spread(value: str, interval: Interval | None, found: Mapping[str, float]) -> float:
    """Standard error of a value; of the ends of a null band, that of the value under chance."""
    name, null, _ = value.rpartition("_null_")
    low, high = (found.get(f"{name}_null_{end}") for end in ("low", "high"))
    if null and low is not None and high is not None:
        return (high - low) / (2 * 1.96)  # a band of 95 %
    return interval.standard_error if interval else 0.0


def _interval_differences(
    what: str, said: Interval, found: Interval | None, precision: str
) -> Iterator[str]:
    """An interval against the one of its features; methods may get better, numbers may not move."""
    if found is None:
        if "earlier-method" not in cautions_of(said):
            yield f"{what} has an interval, and none by its features"
        return
    if said.method != found.method:
        return
    if said.confidence != found.confidence:
        yield f"{what} has an interval of {said.confidence}, and of {found.confidence} here"
    slack = 1e-3 * (found.high - found.low) + 1e-6 * max(1.0, abs(found.low), abs(found.high))
    if precision == "float16":
        slack = max(slack, *(float16_slack(end, found.standard_error) for end in _ends(found)))
    moved = max(abs(a - b) for a, b in zip(_ends(said), _ends(found), strict=True))
    if max(moved, abs(said.standard_error - found.standard_error)) > slack:
        yield (
            f"{what} lies in [{said.low!r}, {said.high!r}] with a standard error of "
            f"{said.standard_error!r}, and in [{found.low!r}, {found.high!r}] with "
            f"{found.standard_error!r} by its features"
        )


def _ends(of: Interval) -> tuple[float, float]:
    return of.low, of.high


def values_of_moments(folder: SubmittedFolder) -> str:
    """Compute every Frechet distance that has moments again, and say what moments cannot prove.

    Raises:
        DataError: one is another, or moments are damaged or of no record.
        NotSaid: there are none.
    """
    if not folder.of(MOMENTS):
        raise NotSaid("no moments")
    used: set[str] = set()
    read: dict[str, Moments] = {}
    proven: list[str] = []
    unproven: list[str] = []
    for name, result in folder.some().items():
        found = _moments(folder, result, used, read)
        if found is None:
            unproven += result.values
            continue
        again = moment_values(metric_from(Task.parse(result.task).metric), found)
        refuse(
            f"{name}: {value} is {number!r}, and {again.get(value)!r} by its moments"
            for value, number in result.values.items()
            if not agree(number, again.get(value, float("nan")), 0.0, "float32")
        )
        proven += result.values
    refuse(f"{name} belongs to no record" for name in folder.of(MOMENTS) if name not in used)
    rest = f", nor {', '.join(dict.fromkeys(unproven))}" if unproven else ""
    return f"{counted(len(proven), 'value')} computed again; moments prove no interval{rest}"


def _moments(
    folder: SubmittedFolder, result: Result, used: set[str], read: dict[str, Moments]
) -> dict[str, Moments] | None:
    """Moments of every side and stratum of a record; None where its values follow from none."""
    if result.reference is not None or not follows(metric_from(Task.parse(result.task).metric)):
        return None
    found = {}
    for side, state in result.states.items():
        stem = moment_stem(state.key, result.extractor.id)
        names = [name for name in folder.of(MOMENTS) if name.startswith(stem)]
        if not names:
            return None
        if stem not in read:
            for name in names:
                check_header(folder.inside, name, state.key, result.extractor.id)
            read[stem] = read_moments(folder.inside, names)
            used.update(names)
        found[side] = read[stem]
        _check_shape(side, state, result, found[side].count, len(found[side].shift))
    return found
