"""Evaluate a model: every image decoded once, every sample rendered once, for all metrics."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyres_bench.core import distributed
from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.files import cache_dir
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.views import Protocol, protocol_from
from anyres_bench.evaluation.costs import render_cost
from anyres_bench.evaluation.facts import dataset_facts, image_facts, model_facts, versions
from anyres_bench.evaluation.pairs import measure
from anyres_bench.evaluation.results import (
    Result,
    read_result,
    result_key,
    result_path,
    write_result,
)
from anyres_bench.evaluation.samples import keep_samples
from anyres_bench.evaluation.sides import (
    FeatureRun,
    Progress,
    Side,
    fake_side,
    feature_banks,
    real_side,
)
from anyres_bench.evaluation.tasks import Task, reference_and_held_out
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import StateStore
from anyres_bench.metrics.metric import metric_from
from anyres_bench.models.controls import HeldOut
from anyres_bench.models.generator import Generator, ImageGenerator


class Silent:
    """A progress bar that shows nothing."""

    def update(self, n: int) -> None:
        """n more items are done."""

    def close(self) -> None:
        """The last item is done."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to evaluate, and how.

    Attributes:
        model: a generator, or what becomes one with the held-out images.
        spec: how the model was asked for.
        dataset: where the reference comes from.
        tasks: complete.
        extractors: by id; every extractor of the tasks.
        out: folder of the results.
        seed: of views and latents.
        batch_size: items at a time; changes speed and memory only.
        n_workers: threads that decode images.
        device: of the extractors, for the records; the models say their own.
        progress: makes a progress bar of a title, a total and what is done already.
        say: is told what people should know.
    """

    model: Generator | HeldOut
    spec: str
    dataset: Dataset
    tasks: Sequence[Task]
    extractors: Mapping[str, FeatureExtractor]
    out: Path
    seed: int = 0
    batch_size: int = 16
    n_workers: int = 0
    device: str = "cpu"
    progress: Callable[[str, int, int], Progress] = lambda title, total, done: Silent()
    say: Callable[[str], None] = lambda text: None

    @functools.cached_property
    def digest(self) -> str:
        """The dataset's, worked out once."""
        return self.dataset.digest


@dataclass
class Outcome:
    """What came of a plan.

    Attributes:
        results: of every task that has numbers, those that were there before included.
        failures: task id -> why it has none.
    """

    results: list[Result] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def evaluate(plan: Plan) -> Outcome:
    """Run a plan; tasks whose result is there already are not run again.

    Every rank computes its share of the features; the first one finishes and writes.

    Raises:
        UsageError: a task is about another dataset, or has no held-out images for such a model.
        DatasetError, ImageError: the images cannot be had, or too few are large enough.
        GeneratorError: the model broke its contract.
        CacheError, DataError: something on disk is damaged or cannot be written.
    """
    outcome = Outcome()
    for (part, protocol_id, n), tasks in _by_view(plan.tasks):
        protocol = protocol_from(protocol_id)
        reference, held_out = reference_and_held_out(plan.dataset, part, protocol)
        generator = _generator(plan.model, held_out, part)
        comparison = _Comparison(plan, reference, generator, protocol, n)
        done = [comparison.finished(task) for task in tasks]
        outcome.results += [result for result in done if result]
        if remaining := [task for task, result in zip(tasks, done, strict=True) if not result]:
            comparison.run(remaining, outcome)
    return outcome


def _by_view(tasks: Iterable[Task]) -> Iterator[tuple[tuple[str, str, int], list[Task]]]:
    """Tasks that look at the same pixels, together, in the order in which they were asked for."""

    def view(task: Task) -> tuple[str, str, int]:
        return task.dataset, task.protocol, task.n

    order = {key: i for i, key in enumerate(dict.fromkeys(map(view, tasks)))}
    ordered = sorted(dict.fromkeys(tasks), key=lambda task: order[view(task)])
    return ((key, list(group)) for key, group in itertools.groupby(ordered, view))


def _generator(model: Generator | HeldOut, held_out: Dataset | None, part: str) -> Generator:
    if not isinstance(model, HeldOut):
        return model
    if held_out is None:
        raise UsageError(
            f"{model.id} shows images that the reference does not hold, and {part} takes every "
            f"image as reference; use tasks of {part}:half"
        )
    return model.on(held_out)


@dataclass
class _Comparison:
    """One model, one protocol: two sides, and all metrics on them."""

    plan: Plan
    reference: Dataset
    generator: Generator
    protocol: Protocol
    n: int

    def finished(self, task: Task) -> Result | None:
        """The result that an earlier run has written, as the first rank sees it."""
        key = result_key(task, self.generator.id, self.plan.digest, self.plan.seed)
        path = result_path(self.plan.out, task, self.generator.id, key)
        found = read_result(path) if distributed.is_main() and path.is_file() else None
        return distributed.gather(found)[0]

    def run(self, tasks: Sequence[Task], outcome: Outcome) -> None:
        """Features of both sides, then every metric."""
        plan = self.plan
        how = (self.reference, self.protocol, self.n, plan.seed, plan.n_workers)
        sides = [real_side(*how), fake_side(self.generator, *how)]
        self._say_survivors()
        extractors = {task.extractor: plan.extractors[task.extractor] for task in tasks}
        banks: dict[str, dict[str, FeatureBank]] = {}
        seconds: dict[str, float] = {}
        for side in sides:
            start = time.perf_counter()
            banks[side.name] = feature_banks(side, extractors, self._feature_run(side))
            seconds[side.name] = time.perf_counter() - start
        if not distributed.is_main():
            return
        cost = self._cost()
        for task in tasks:
            try:
                result = self._measure(task, sides, banks, seconds, cost)
            except MetricError as error:
                outcome.failures[task.id] = str(error)
                continue
            write_result(plan.out, result)
            outcome.results.append(result)

    def _say_survivors(self) -> None:
        """Tell which images were left out, because they are too small or cannot be read."""
        name = self.protocol.id
        facts = dataset_facts(self.plan.dataset, self.reference, self.protocol)
        if facts["n_survivors"] < facts["n_reference"]:
            self.plan.say(
                f"{name}: {facts['n_survivors']} of {facts['n_reference']} reference images are "
                f"large enough ({self.protocol.rule.needs} px)"
            )
        facts = image_facts(self.generator, self.reference, self.protocol)
        if facts and facts["n_survivors"] < facts["n_images"]:
            self.plan.say(
                f"{name}: {facts['n_survivors']} of {facts['n_images']} images of "
                f"{self.generator.id} are large enough"
            )
        for reason, n_files in facts.get("rejects", {}).items():
            self.plan.say(f"{self.generator.id}: {n_files} files left out: {reason}")
        if n_known := facts.get("n_in_reference", 0):
            self.plan.say(f"{self.generator.id}: {n_known} images are in the reference too")

    def _feature_run(self, side: Side) -> FeatureRun:
        plan = self.plan
        who = "reference" if side.name == "real" else self.generator.id
        return FeatureRun(
            store=StateStore(cache_dir() / "features"),
            batch_size=plan.batch_size,
            progress=functools.partial(plan.progress, f"{self.protocol.id} {who}"),
            show=keep_samples,
        )

    def _cost(self) -> dict[str, Any]:
        """What the first window of the fake side takes to render; empty for sets of images."""
        if isinstance(self.generator, ImageGenerator):
            return {}
        _, view = self.protocol.fake(self.reference.manifest, self.n, self.plan.seed)[0]
        return render_cost(self.generator, view.rendered(self.generator.native))

    def _measure(
        self,
        task: Task,
        sides: Sequence[Side],
        banks: Mapping[str, Mapping[str, FeatureBank]],
        seconds: Mapping[str, float],
        cost: Mapping[str, Any],
    ) -> Result:
        plan, metric = self.plan, metric_from(task.metric)
        extractor = plan.extractors[task.extractor]
        start = time.perf_counter()
        real, fake = (banks[side.name][task.extractor] for side in sides)
        measured = measure(metric, real, fake, plan.seed)
        return Result(
            task=task.id,
            model={**model_facts(self.generator, plan.spec), "cost": dict(cost)},
            values=measured.values,
            intervals=measured.intervals,
            higher_is_better=dict(metric.higher_is_better),
            dataset=dataset_facts(plan.dataset, self.reference, self.protocol),
            fake=image_facts(self.generator, self.reference, self.protocol),
            extractor={
                "id": task.extractor,
                "dim": extractor.dim,
                "is_fid": extractor.is_fid,
                "device": plan.device,
            },
            seed=plan.seed,
            n_real=len(real),
            n_fake=len(fake),
            device=plan.device,
            seconds={**seconds, "metric": time.perf_counter() - start},
            versions=versions(),
            states={side.name: {"key": dict(side.key), "n": len(side)} for side in sides},
        )
