"""The embedded benchmark: committed numbers that any machine can make again, without a download.

`anyres_bench/results/scenes/` holds `benchmark.toml` and a folder of records for every system. A
system is added by a line there and the folder of records that `leaderboard reproduce scenes` wrote.
"""

from __future__ import annotations

import functools
import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.rules import Rules
from anyres_bench.collectors import COLLECTORS
from anyres_bench.core.errors import DataError, UnknownNameError
from anyres_bench.core.registry import nearest
from anyres_bench.core.reporting import say
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.pairs import Difference
from anyres_bench.evaluation.requests import Request
from anyres_bench.evaluation.running import EvaluationOptions, run_request
from anyres_bench.results import Interval, Result, read_result
from anyres_bench.results.plain import Plain, from_plain

SCENES = Path(__file__).resolve().parent.parent / "results" / "scenes"
BENCHMARK = "benchmark.toml"
PICTURES = SCENES / "samples"
"""Rows of pictures of some committed records, by the names that they have in the cache."""
DIFFERENCES = SCENES.parent / "scenes_differences.json"
"""Paired differences of committed records, as the features that they come from are not kept."""


@dataclass(frozen=True)
class CommittedSystem:
    """One row of the benchmark.

    Attributes:
        name: of its folder of records.
        spec: that asks for it.
        options: of the model.
        further: whether it is measured by the further tasks too.
    """

    name: str
    spec: str
    options: Mapping[str, str] = field(default_factory=dict)
    further: bool = False


@dataclass(frozen=True)
class CommittedTolerance:
    """How far a number that was made again may lie from the committed one: the larger of both.

    Attributes:
        relative: share of the number.
        standard_errors: share of its standard error, where it has an interval.
    """

    relative: float
    standard_errors: float

    def of(self, value: float, interval: Interval | None) -> float:
        """The tolerance of one number."""
        spread = interval.standard_error if interval else 0.0
        return max(self.relative * abs(value), self.standard_errors * spread, 1e-9)


@dataclass(frozen=True)
class CommittedBenchmark:
    """What `benchmark.toml` says.

    Attributes:
        dataset: id.
        digest: of the dataset where the numbers were made.
        collector: that draws the images.
        collect: its settings.
        n: fakes of each number.
        seed: of windows and latents.
        tasks: PROTOCOL/METRIC of the numbers of every system.
        further: of those that some systems have besides.
        tolerance: of numbers that are made again.
        systems: rows.
    """

    dataset: str
    digest: str
    collector: str
    collect: Mapping[str, Plain]
    n: int
    seed: int
    tasks: tuple[str, ...]
    further: tuple[str, ...]
    tolerance: CommittedTolerance
    systems: tuple[CommittedSystem, ...]

    def tasks_of(self, system: CommittedSystem) -> tuple[str, ...]:
        """PROTOCOL/METRIC of its numbers."""
        return self.tasks + (self.further if system.further else ())


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


def read_benchmark(folder: Path = SCENES) -> CommittedBenchmark:
    """What the benchmark is.

    Raises:
        DataError: its file cannot be read.
    """
    path = folder / BENCHMARK
    try:
        return from_plain(CommittedBenchmark, tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def committed_records(system: CommittedSystem, folder: Path = SCENES) -> dict[str, Result]:
    """Task -> the committed record of a system.

    Raises:
        DataError: one is damaged.
    """
    found = (read_result(path) for path in sorted((folder / system.name).rglob("*.json")))
    return {result.task: result for result in found}


@functools.cache
def _committed_differences() -> Mapping[tuple[str, str], Mapping[str, Difference]]:
    """Seals of two committed records -> the values of the first minus those of the second."""
    found = {}
    for row in json.loads(DIFFERENCES.read_text(encoding="utf-8"))["differences"]:
        one, other = (row["seals"][side] for side in ("a", "b"))
        values = {
            name: Difference(value, low, high, tuple(cautions))
            for name, (value, low, high, cautions) in row["values"].items()
        }
        found[one, other] = values
        found[other, one] = {name: -of for name, of in values.items()}
    return found


def committed_difference(a: Result, b: Result) -> Mapping[str, Difference] | None:
    """The values of `a` minus those of `b`; None unless both are, to the letter, committed."""
    return _committed_differences().get((a.seal, b.seal))


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
    for name, value in committed.values.items():
        was, now = committed.intervals.get(name), made.intervals.get(name)
        slack = benchmark.tolerance.of(value, was)
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
