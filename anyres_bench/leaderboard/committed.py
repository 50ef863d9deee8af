"""The embedded benchmark: committed numbers that any machine can make again, without a download.

`anyres_bench/results/scenes/` holds `benchmark.toml` and a folder of records for every system. A
system is added by a line there and the folder of records that `leaderboard reproduce scenes` wrote.
"""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from anyres_bench.core.errors import DataError
from anyres_bench.evaluation.pairs import Difference
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
    """How far a number that was made again may lie from the committed one: the largest of all.

    Attributes:
        relative: share of the number.
        standard_errors: share of its standard error, where it has an interval.
        images: of n, for what is a share of images or of ranks: it moves by steps of one.
    """

    relative: float
    standard_errors: float
    images: float = 0.0

    def of(self, value: float, interval: Interval | None, n: int | None = None) -> float:
        """The tolerance of one number; `n` images are what it is a share of, if it is one."""
        spread = interval.standard_error if interval else 0.0
        steps = self.images / n if n else 0.0
        return max(self.relative * abs(value), self.standard_errors * spread, steps, 1e-9)


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
