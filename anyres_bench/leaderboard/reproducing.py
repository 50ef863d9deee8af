"""The embedded benchmark made again: its images drawn, its systems measured, all compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.rules import Rules
from anyres_bench.collectors import COLLECTORS
from anyres_bench.core.errors import UnknownNameError
from anyres_bench.core.registry import nearest
from anyres_bench.core.reporting import say
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.requests import Request
from anyres_bench.evaluation.running import EvaluationOptions, run_request
from anyres_bench.leaderboard.committed import (
    SCENES,
    CommittedBenchmark,
    CommittedSystem,
    committed_records,
    read_benchmark,
)
from anyres_bench.metrics.metric import metric_from
from anyres_bench.results import Result, Task
from anyres_bench.results.plain import Plain


@dataclass(frozen=True)
class CommittedRun:
    """How the benchmark is run.

    Attributes:
        out: folder of images and results; an earlier run goes on there.
        device: of models and extractors.
        fraction: of the numbers, drawn by `seed`.
        seed: of the draw.
        fresh: whether what is there is computed again.
        only: names of systems; empty for all.
    """

    out: Path
    device: str
    fraction: float = 1.0
    seed: int = 0
    fresh: bool = False
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReproducedNumber:
    """A committed number and the one that was made again.

    Attributes:
        system, task, name: which.
        committed, made: values.
        tolerance: by which they may differ.
    """

    system: str
    task: str
    name: str
    committed: float
    made: float
    tolerance: float

    @property
    def within(self) -> bool:
        """Whether they agree."""
        return abs(self.made - self.committed) <= self.tolerance


@dataclass(frozen=True)
class Reproduction:
    """What came of it.

    Attributes:
        numbers: all that were made again.
        new: names of systems without committed records.
        same_images: whether every image came out as where the numbers were made.
    """

    numbers: tuple[ReproducedNumber, ...]
    new: tuple[str, ...]
    same_images: bool

    @property
    def fits(self) -> bool:
        """Whether there are numbers and all of them agree."""
        return bool(self.numbers) and all(number.within for number in self.numbers)


def reproduce(run: CommittedRun, folder: Path = SCENES) -> Reproduction:
    """Draw the images, measure every system, compare with what is committed.

    Args:
        run: how.
        folder: of the benchmark.

    Raises:
        DataError: a committed record is damaged.
        UnknownNameError: there is no system of a name that was asked for.
        UsageError, DatasetError, ModelError, MetricError: something cannot be measured.
    """
    benchmark = read_benchmark(folder)
    systems = _chosen(benchmark, run.only)
    dataset = _images(benchmark, run.out / "data")
    same = dataset.digest == benchmark.digest
    if not same:
        say(f"the images are not bit for bit those of {benchmark.dataset}; numbers may differ more")
    new, numbers = [], list[ReproducedNumber]()
    chosen = _sample(benchmark, systems, run)
    for system in systems:
        committed = committed_records(system, folder)
        if not committed:
            new.append(system.name)
        if tasks := chosen.get(system.name):
            made = _measured(system, tasks, benchmark, dataset, run)
            for result in made:
                numbers += _compared(system.name, committed.get(result.task), result, benchmark)
    return Reproduction(tuple(numbers), tuple(new), same)


def _images(benchmark: CommittedBenchmark, folder: Path) -> Dataset:
    settings = {name: _setting(value) for name, value in benchmark.collect.items()}
    collector = COLLECTORS.get(benchmark.collector)(**settings)
    rules = Rules(measure="header", near_duplicates="keep")
    return build(Order(collector, folder, benchmark.dataset, rules)).dataset


def _setting(value: Plain) -> object:
    return tuple(value) if isinstance(value, list) else value


def _chosen(benchmark: CommittedBenchmark, only: Sequence[str]) -> list[CommittedSystem]:
    known = [system.name for system in benchmark.systems]
    for name in only:
        if name not in known:
            raise UnknownNameError(f"no system is called {name!r}; {nearest(name, known)}")
    return [system for system in benchmark.systems if not only or system.name in only]


def _sample(
    benchmark: CommittedBenchmark, systems: Sequence[CommittedSystem], run: CommittedRun
) -> dict[str, list[str]]:
    """System -> its tasks that are measured: all, or a seeded part of all pairs."""
    pairs = [(system.name, task) for system in systems for task in benchmark.tasks_of(system)]
    n = min(len(pairs), max(1, math.ceil(run.fraction * len(pairs))))
    drawn = sorted(stream(run.seed, "reproduce").choice(len(pairs), n).tolist())
    found: dict[str, list[str]] = {}
    for i in drawn:
        found.setdefault(pairs[i][0], []).append(pairs[i][1])
    return found


def _measured(
    system: CommittedSystem,
    tasks: Sequence[str],
    benchmark: CommittedBenchmark,
    dataset: Dataset,
    run: CommittedRun,
) -> list[Result]:
    say(f"{system.name}: {system.spec}")
    outcome = run_request(
        system.spec,
        dataset,
        Request(tasks, n=benchmark.n, device=run.device),
        system.options,
        EvaluationOptions(run.out / "results" / system.name, benchmark.seed, fresh=run.fresh),
    )
    outcome.check()
    return outcome.results


def _compared(
    system: str, committed: Result | None, made: Result, benchmark: CommittedBenchmark
) -> Iterator[ReproducedNumber]:
    """Every value of a record, and both ends of its interval."""
    if committed is None:
        return
    bounds = metric_from(Task.parse(made.task).metric).bounds
    for name, value in committed.values.items():
        was, now = committed.intervals.get(name), made.intervals.get(name)
        of_images = made.n_fake if bounds.get(name) == (0, 1) else None
        slack = benchmark.tolerance.of(value, was, of_images)
        got = made.values.get(name, math.nan)
        yield ReproducedNumber(system, made.task, name, value, got, slack)
        if was is not None:
            low, high = (now.low, now.high) if now else (math.nan, math.nan)
            yield ReproducedNumber(system, made.task, f"{name} low", was.low, low, slack)
            yield ReproducedNumber(system, made.task, f"{name} high", was.high, high, slack)


def reproduction_text(found: Reproduction) -> str:
    """A line a number, and what was compared with nothing."""
    lines = []
    for number in found.numbers:
        verdict = "ok" if number.within else "differs"
        lines.append(
            f"{verdict:<8}{number.system:<14} {number.name:<15} {number.made:<12.6g} committed "
            f"{number.committed:<12.6g} within {number.tolerance:.2g}  {number.task}"
        )
    lines += [f"measured, nothing committed: {name}" for name in found.new]
    agree = sum(number.within for number in found.numbers)
    images = "the same images" if found.same_images else "images that differ in their bits"
    lines.append(f"{agree} of {len(found.numbers)} numbers agree, on {images}")
    return "\n".join(lines)
