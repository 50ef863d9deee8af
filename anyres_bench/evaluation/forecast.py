"""What a run would take: tasks, items, time on this machine, memory, disk, downloads.

A few items of each side are rendered and extracted to see how long they take, and metrics are timed
on a few rows; nothing is kept.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from anyres_bench.core import distributed
from anyres_bench.core.files import cache_dir
from anyres_bench.core.quoting import one_line_each
from anyres_bench.core.reporting import tracked
from anyres_bench.evaluation.banks import missing_items
from anyres_bench.evaluation.evaluate import Comparison, EvaluationPlan, comparisons
from anyres_bench.evaluation.metric_costs import MetricForecast, metric_forecast
from anyres_bench.evaluation.sample_sets import SampleSet
from anyres_bench.evaluation.strata import HELD_OUT, side_of, sides_of
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.features.store import FeatureStore
from anyres_bench.fetching.weights import WeightFile
from anyres_bench.metrics.metric import metric_from
from anyres_bench.results import Task

_N_SLOWEST = 3  # tasks that are named
_N_TIMED = 4  # items of a side, after one that warms up
_BYTES = 4  # of a feature
_RECORD_BYTES = 4096  # of a result, about


@dataclass(frozen=True)
class SetForecast:
    """One set of samples of a run.

    Attributes:
        title: protocol and whose samples.
        n: items.
        n_missing: those whose features are not in the cache.
        seconds: that a missing item takes, rendered or decoded, and seen by every extractor.
        bytes_each: of an item's features.
    """

    title: str
    n: int
    n_missing: int
    seconds: float
    bytes_each: int


@dataclass
class Forecast:
    """What a run would take.

    Attributes:
        model, dataset: in words.
        tasks: id of each task -> whether its result is there.
        open_tasks: those whose extractor is not here, by its spec.
        sides: samples, in the order of computing.
        downloads: weight files that are not here; where one is missing, more may be.
        most_dim: of a feature.
        metrics: what values and intervals of a task take that is not measured yet; None: unknown.
    """

    model: str
    dataset: str
    tasks: dict[str, bool] = field(default_factory=dict)
    open_tasks: list[str] = field(default_factory=list)
    sides: list[SetForecast] = field(default_factory=list)
    downloads: list[WeightFile] = field(default_factory=list)
    most_dim: int = 0
    metrics: dict[str, MetricForecast | None] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Of rendering, decoding and extracting, on all processes of this run."""
        return sum(side.n_missing * side.seconds for side in self.sides) / distributed.world_size()

    @property
    def metric_seconds(self) -> float:
        """Of values and intervals, on the first process, as far as they are known."""
        return sum(found.seconds for found in self.metrics.values() if found is not None)

    def text(self) -> str:
        """For people, a fact a line."""
        kept = sum(self.tasks.values())
        lines = ["a dry run: nothing is written"]
        lines += [f"model      {self.model}", f"dataset    {self.dataset}"]
        n_tasks = len(self.tasks) + len(self.open_tasks)
        lines.append(f"tasks      {n_tasks}, of which {kept} are measured already")
        lines += [f"  {task}{'  (kept)' if there else ''}" for task, there in self.tasks.items()]
        lines += [f"  {task}  (once its extractor is here)" for task in self.open_tasks]
        lines.append(f"items      {sum(side.n_missing for side in self.sides)} to compute")
        lines += [
            f"  {side.title}: {side.n}, of which {side.n - side.n_missing} are in the cache"
            + (f"; {side.seconds * 1e3:.3g} ms each" if side.n_missing else "")
            for side in self.sides
        ]
        lines += self._times()
        lines += [f"memory     {_size(self._memory())}", f"disk       {self._disk()}"]
        return one_line_each([*lines, *self._downloads()])

    def _times(self) -> Iterator[str]:
        whole = self.seconds + self.metric_seconds
        yield f"time       {_time(whole)} at the speed of a few items and rows here, now"
        yield f"  images and features: {_time(self.seconds)}"
        known = {task: found for task, found in self.metrics.items() if found is not None}
        yield f"  values and intervals: {_time(self.metric_seconds)}"
        for task, found in sorted(known.items(), key=lambda item: -item[1].seconds)[:_N_SLOWEST]:
            yield f"    {task}: {_time(found.seconds)}, from {found.n_timed} rows a side"
        if unknown := len(self.metrics) - len(known):
            yield f"    not known for {unknown} tasks, whose metrics take real features alone"

    def _memory(self) -> float:
        """Bytes: what this process has needed so far, features of one protocol, algebra."""
        by_protocol: dict[str, int] = {}
        for side in self.sides:
            protocol = side.title.split()[0]
            by_protocol[protocol] = by_protocol.get(protocol, 0) + side.n * side.bytes_each
        return peak_bytes() + 2 * max(by_protocol.values(), default=0) + 6 * 8 * self.most_dim**2

    def _disk(self) -> str:
        features = sum(side.n_missing * side.bytes_each for side in self.sides)
        records = _RECORD_BYTES * sum(not there for there in self.tasks.values())
        return f"{_size(features)} of features in {cache_dir()}, {_size(records)} of results"

    def _downloads(self) -> Iterator[str]:
        if not self.downloads:
            yield "downloads  none"
        for weights in self.downloads:
            size = _size(weights.n_bytes) if weights.n_bytes else "of unknown size"
            accept = "; needs --accept-licence" if weights.non_commercial else ""
            where = weights.url or "by hand: see convert --list " + weights.name
            yield f"downloads  {weights.name}, {size}, {weights.licence}{accept}; {where}"


def forecast(
    plan: EvaluationPlan, device: str, open_tasks: Sequence[str], downloads: Sequence[WeightFile]
) -> Forecast:
    """What a plan would take; nothing is written.

    Args:
        plan: the run.
        device: where its extractors are.
        open_tasks: what else was asked for, whose extractor is not here.
        downloads: what would be fetched for them.

    Raises:
        UsageError, DataError, ModelError: what the run itself would raise on its first items.
    """
    data = plan.dataset
    found = Forecast(
        f"{plan.model.id} on {device}",
        f"{data.id}, {len(data.manifest)} images in {data.folder}",
        open_tasks=list(open_tasks),
        downloads=list(downloads),
    )
    found.most_dim = max((one.dim for one in plan.extractors.values()), default=0)
    for comparison, tasks in tracked(list(comparisons(plan)), "timing a few items", "protocol"):
        there = {task.id: comparison.finished(task) is not None for task in tasks}
        found.tasks |= there
        if left := [task for task in tasks if not there[task.id]]:
            found.sides += _sides(comparison, left)
            found.metrics |= _metrics(comparison, left)
    return found


def _metrics(comparison: Comparison, tasks: Sequence[Task]) -> dict[str, MetricForecast | None]:
    """What values and intervals of tasks take."""
    sides = comparison.sides(tasks)
    found = {}
    for task in tasks:
        metric, dim = metric_from(task.metric), comparison.plan.extractors[task.extractor].dim
        used = {name: of for name, (of, _) in sides.items() if side_of(name) in sides_of(metric)}
        found[task.id] = metric_forecast(metric, used, dim)
    return found


def _sides(comparison: Comparison, tasks: Sequence[Task]) -> Iterator[SetForecast]:
    plan, store = comparison.plan, FeatureStore(cache_dir() / "features")
    for name, (samples, extractors) in comparison.sides(tasks).items():
        missing = missing_items(samples, extractors, store)
        if plan.fresh:
            missing = list(samples.order)
        model = str(samples.key["model"]) if samples.side != "real" else ""
        who = {"real": "reference", HELD_OUT: HELD_OUT}.get(side_of(name), model)
        yield SetForecast(
            title=f"{samples.key['protocol']} {who}",
            n=len(samples),
            n_missing=len(missing),
            seconds=_timed(samples, extractors, missing) if missing else 0.0,
            bytes_each=_BYTES * sum(extractor.dim for extractor in extractors.values()),
        )


def _timed(
    samples: SampleSet, extractors: Mapping[str, FeatureExtractor], items: Sequence[int]
) -> float:
    """Seconds an item."""
    timed = list(items[1 : 1 + _N_TIMED]) or [items[0]]
    pixels = samples.batches([[items[0]], timed])

    def once() -> None:
        views = next(pixels)
        for extractor in extractors.values():
            float(extractor(*views)[0, 0])  # waits for an accelerator

    once()
    return _seconds(once) / len(timed)


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_bytes() -> int:
    """The most memory that this process has held; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes < 90 else f"about {minutes / 60:.1f} h"


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:,.2f} GB"
