"""Evaluate a model: every image decoded once, every sample rendered once, for all metrics."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from anyres_bench.core import distributed
from anyres_bench.core.errors import DataError, MetricError, UsageError
from anyres_bench.core.files import cache_dir
from anyres_bench.core.quoting import from_shell
from anyres_bench.core.reporting import say, tracked
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import EvalProtocol, protocol_from
from anyres_bench.data.reading import check_files
from anyres_bench.data.splits import HALF, reference_and_held_out
from anyres_bench.evaluation.banks import FeatureRun, feature_banks
from anyres_bench.evaluation.costs import render_cost
from anyres_bench.evaluation.kept_numbers import kept_replicates
from anyres_bench.evaluation.metadata import (
    dataset_record,
    devices_of,
    images_record,
    n_copies,
    versions,
)
from anyres_bench.evaluation.queries import on_half
from anyres_bench.evaluation.report_samples import keep_samples
from anyres_bench.evaluation.sample_sets import SampleSet, model_samples, reference_samples
from anyres_bench.evaluation.shared_images import Wanted, extract_together, key_text
from anyres_bench.evaluation.strata import (
    HELD_OUT,
    SIDES,
    joined,
    real_side,
    side_of,
    sides_of,
    state_name,
    strata_of,
)
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import FeatureStore
from anyres_bench.metrics.measuring import measure
from anyres_bench.metrics.metric import metric_from
from anyres_bench.models.controls import HeldOut
from anyres_bench.models.generator import Generator, ImageGenerator
from anyres_bench.results import (
    CostRecord,
    DeviceRecord,
    ExtractorRecord,
    FeaturesRecord,
    ModelRecord,
    Result,
    StoredResult,
    Task,
    read_stored,
    result_key,
    result_path,
    write_result,
)


@dataclass(frozen=True, kw_only=True)
class EvaluationPlan:
    """What to evaluate, and how.

    Attributes:
        model: a generator, or what becomes one with the held-out images.
        spec: how the model was asked for.
        dataset: where the reference comes from.
        tasks: complete.
        extractors: by id; every extractor of the tasks.
        out: folder of the results.
        seed: of views and latents.
        batch_size: samples at a time; changes speed and memory only. None: as `FeatureRun` has it.
        n_workers: threads that decode images.
        fresh: whether what earlier runs have kept is computed again.
    """

    model: Generator | HeldOut
    spec: str
    dataset: Dataset
    tasks: Sequence[Task]
    extractors: Mapping[str, FeatureExtractor]
    out: Path
    seed: int = 0
    batch_size: int | None = None
    n_workers: int = 0
    fresh: bool = False

    @functools.cached_property
    def digest(self) -> str:
        """The dataset's, worked out once."""
        return self.dataset.digest


@dataclass
class EvaluationOutcome:
    """What came of a plan.

    Attributes:
        results: of every task that has numbers, those that were there before included.
        failures: task id -> why it has none.
        kept: ids of the tasks whose results an earlier run has computed.
        n_unsealed: how many of those were written before records had a seal.
        extractors: id -> spec by which it was asked for.
    """

    results: list[Result] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    n_unsealed: int = 0
    extractors: Mapping[str, str] = field(default_factory=dict)

    def keep(self, found: Iterable[StoredResult]) -> None:
        """Take results of an earlier run."""
        for stored in found:
            self.results.append(stored.result)
            self.kept.add(stored.result.task)
            self.n_unsealed += not stored.sealed

    def check(self) -> None:
        """Raise MetricError, which names every task without a number, where there is one."""
        if self.failures:
            lines = [f"  {task}: {reason}" for task, reason in self.failures.items()]
            raise MetricError("these tasks have no number:\n" + "\n".join(lines))


def run_plan(plan: EvaluationPlan) -> EvaluationOutcome:
    """Run a plan; tasks whose result is there already are not run again.

    Every rank computes its share of the features; the first one finishes and writes.

    Raises:
        UsageError: a task is about another dataset, or has no held-out images for such a model.
        DatasetError, ImageError: the images cannot be had, or too few are large enough.
        GeneratorError: the model broke its contract.
        CacheError, DataError: something on disk is damaged or cannot be written.
    """
    outcome = EvaluationOutcome()
    runs: list[tuple[Comparison, list[Task]]] = []
    for comparison, tasks in comparisons(plan):
        done = [comparison.finished(task) for task in tasks]
        outcome.keep(stored for stored in done if stored)
        if remaining := [task for task, stored in zip(tasks, done, strict=True) if not stored]:
            runs.append((comparison, remaining))
    _share_images(runs, plan.n_workers)
    while runs:  # a comparison that is over frees the items of its samples
        comparison, remaining = runs.pop(0)
        comparison.run(remaining, outcome)
    return outcome


def _share_images(runs: Sequence[tuple[Comparison, list[Task]]], n_workers: int) -> None:
    """Compute the features of images that several protocols look at, each image decoded once."""
    wanted: dict[str, Wanted] = {}
    for comparison, tasks in runs:
        comparison.drawn = comparison.sides(tasks)
        for samples, extractors in comparison.drawn.values():
            known = wanted.get(key_text(samples))
            both = {**extractors, **(known.extractors if known else {})}
            run = comparison.feature_run(samples)
            wanted[key_text(samples)] = Wanted(samples, both, run)
    seconds = extract_together(wanted, n_workers)
    for comparison, _ in runs:
        comparison.shared = seconds


def check_samples(
    model: Generator | HeldOut, dataset: Dataset, tasks: Sequence[Task], seed: int
) -> None:
    """Draw the samples of tasks, whose extractors do not matter, and compute nothing.

    Raises:
        UsageError, DatasetError, GeneratorError: what a run would raise for want of images or
            canvases.
    """
    plan = EvaluationPlan(
        model=model, spec="", dataset=dataset, tasks=tasks, extractors={}, out=Path(), seed=seed
    )
    for comparison, found in comparisons(plan):
        comparison.sides(found)


def comparisons(plan: EvaluationPlan) -> Iterator[tuple[Comparison, list[Task]]]:
    """The plan's tasks, those that look at the same pixels together.

    Raises:
        UsageError, DatasetError: as for `evaluate`.
    """
    check_files(plan.dataset)
    for (part, protocol_id, n), tasks in by_view(plan.tasks):
        protocol = protocol_from(protocol_id)
        reference, held_out = reference_and_held_out(plan.dataset, part, protocol)
        generator = _generator(plan.model, held_out, tasks[0])
        yield Comparison(plan, part, reference, held_out, generator, protocol, n), tasks


def by_view(tasks: Iterable[Task]) -> Iterator[tuple[tuple[str, str, int], list[Task]]]:
    """Tasks that look at the same pixels, together, in the order in which they were asked for."""

    def view(task: Task) -> tuple[str, str, int]:
        return task.dataset, task.protocol, task.n

    order = {key: i for i, key in enumerate(dict.fromkeys(map(view, tasks)))}
    ordered = sorted(dict.fromkeys(tasks), key=lambda task: order[view(task)])
    return ((key, list(group)) for key, group in itertools.groupby(ordered, view))


def _generator(model: Generator | HeldOut, held_out: Dataset | None, task: Task) -> Generator:
    if not isinstance(model, HeldOut):
        return model
    if protocol_from(task.protocol).takes_all:
        raise UsageError(
            f"{task.protocol} takes every image as reference, and {model.id} shows those that the "
            "reference does not hold; use a folder of images, as paired:DIR"
        )
    if held_out is None:
        raise UsageError(
            f"{model.id} shows images that the reference does not hold, and {task.dataset} takes "
            f"every image as reference; use tasks of {task.dataset}:{HALF}, here {on_half(task)}"
        )
    return model.on(held_out)


def kept_result(out: Path, task: Task, model_id: str, key: str) -> StoredResult | None:
    """The result of that key in a folder; one that is damaged or another's is told and not used."""
    path = result_path(out, task, model_id, key)
    if not path.is_file():
        return None
    try:
        stored = read_stored(path)
    except DataError as error:
        say(f"computed again: {error}")
        return None
    if stored.result.key != key:
        say(f"computed again: {path} is the result of another task, model or seed")
        return None
    return stored


Sides: TypeAlias = "Mapping[str, tuple[SampleSet, Mapping[str, FeatureExtractor]]]"
"""Samples, and what looks at them."""


@dataclass(frozen=True)
class _Features:
    """Features of one set of samples by every extractor, and the seconds that they took."""

    samples: SampleSet
    banks: Mapping[str, FeatureBank]
    seconds: float


@dataclass
class Comparison:
    """One model, one protocol: samples of both, and all metrics on them.

    `drawn` holds the sides of the tasks to run, and `shared` the seconds of samples whose features
    were computed beforehand, by `key_text`.
    """

    plan: EvaluationPlan
    part: str
    reference: Dataset
    held_out: Dataset | None
    generator: Generator
    protocol: EvalProtocol
    n: int
    drawn: Sides | None = None
    shared: Mapping[str, float] = field(default_factory=dict)

    def finished(self, task: Task) -> StoredResult | None:
        """The result that an earlier run has written, as the first rank sees it."""
        looked_for = distributed.is_main() and not self.plan.fresh
        return distributed.gather(self._kept(task) if looked_for else None)[0]

    def _kept(self, task: Task) -> StoredResult | None:
        key = result_key(task, self.generator.id, self.plan.digest, self.plan.seed)
        return kept_result(self.plan.out, task, self.generator.id, key)

    def run(self, tasks: Sequence[Task], outcome: EvaluationOutcome) -> None:
        """Features of both sides, then every metric."""
        plan = self.plan
        sides = self.drawn or self.sides(tasks)
        self._say_survivors()
        features = {side: self._features(*of) for side, of in sides.items()}
        if not distributed.is_main():
            return
        cost = self._cost()
        for task in tracked(tasks, f"{self.protocol.id} values, intervals", "task"):
            try:
                result = self._measure(task, features, cost)
            except MetricError as error:
                outcome.failures[task.id] = str(error)
                continue
            write_result(plan.out, result)
            outcome.results.append(result)

    def sides(self, tasks: Sequence[Task]) -> Sides:
        """Samples of the sides that tasks look at, by stratum; nothing is computed.

        Raises:
            DatasetError: too few images are large enough.
            GeneratorError: the model cannot render what the protocol asks for.
        """
        found = {}
        for side in SIDES:
            used = [task.extractor for task in tasks if side in sides_of(metric_from(task.metric))]
            known = {name: of for name, of in self.plan.extractors.items() if name in used}
            if used:
                for label, protocol in strata_of(self.protocol).items():
                    found[state_name(side, label)] = self._samples(side, protocol), known
        return found

    def _samples(self, side: str, protocol: EvalProtocol) -> SampleSet:
        """The samples of a side, seen by one protocol."""
        how = (self.n, self.plan.seed, self.plan.n_workers)
        if side == "real":
            return reference_samples(self.reference, protocol, *how)
        if side != HELD_OUT:
            return model_samples(self.generator, self.reference, protocol, *how)
        assert self.held_out is not None  # such metrics are refused without a half
        held_out = HeldOut("real").on(self.held_out)
        return model_samples(held_out, self.reference, protocol.of_held_out, *how)

    def _say_survivors(self) -> None:
        """Tell which images were left out, because they are too small or cannot be read."""
        name, n_all = self.protocol.id, len(self.reference.manifest)
        for of in strata_of(self.protocol).values():
            n_large = len(of.survivors(self.reference.manifest))
            if n_large < n_all:
                say(f"{of.id}: {n_large} of {n_all} reference images are large enough ({of.needs})")
        images = images_record(self.generator, self.reference, self.protocol)
        if images is None:
            return
        if images.n_survivors < images.n_images:
            say(
                f"{name}: {images.n_survivors} of {images.n_images} images of "
                f"{self.generator.id} are large enough"
            )
        for reason, n_files in images.rejects.items():
            say(f"{self.generator.id}: {n_files} files left out: {reason}")
        if images.n_in_reference:
            say(f"{self.generator.id}: {images.n_in_reference} images are in the reference too")
        if n := n_copies(self.generator):
            say(
                f"{self.generator.id}: {n} of {images.n_images} images are copies of others, byte "
                "for byte; each counts, in intervals too, which are too narrow then"
            )

    def _features(
        self, samples: SampleSet, extractors: Mapping[str, FeatureExtractor]
    ) -> _Features:
        start = time.perf_counter()
        banks = feature_banks(samples, extractors, self.feature_run(samples))
        seconds = self.shared.get(key_text(samples), 0.0) + time.perf_counter() - start
        return _Features(samples, banks, seconds)

    def feature_run(self, samples: SampleSet) -> FeatureRun:
        """How the features of a side are computed; those of shared images only once."""
        plan = self.plan
        who = "reference" if samples.side == "real" else str(samples.key["model"])
        return FeatureRun(
            store=FeatureStore(cache_dir() / "features"),
            batch_size=1 if self.protocol.mixed_sizes else plan.batch_size,
            title=f"{samples.key['protocol']} {who}",
            show=keep_samples,
            fresh=plan.fresh and key_text(samples) not in self.shared,
        )

    def _cost(self) -> CostRecord | None:
        """What the first window of a model takes to render; None for sets of images."""
        if isinstance(self.generator, ImageGenerator):
            return None
        *_, largest = strata_of(self.protocol).values()
        view = largest.fake(self.reference.manifest, 1, self.plan.seed)[0].views[0]
        return render_cost(self.generator, view.rendered(self.generator.native))

    def _measure(
        self, task: Task, features: Mapping[str, _Features], cost: CostRecord | None
    ) -> Result:
        plan, metric = self.plan, metric_from(task.metric)
        extractor, native = plan.extractors[task.extractor], self.generator.native
        used = {name: of for name, of in features.items() if side_of(name) in sides_of(metric)}
        banks = joined({name: of.banks[task.extractor] for name, of in used.items()})
        start = time.perf_counter()
        kept = kept_replicates(metric)
        measured = measure(metric, real_side(banks), banks["fake"], plan.seed, kept)
        seconds = dict.fromkeys(banks, 0.0)
        for name, of in used.items():
            seconds[side_of(name)] += of.seconds
        size, spec = (native.height, native.width), from_shell(plan.spec)
        return Result(
            task=task.id,
            model=ModelRecord(self.generator.id, spec, size, cost),
            values=measured.values,
            intervals=measured.intervals,
            higher_is_better=dict(metric.higher_is_better),
            dataset=dataset_record(plan.dataset, self.reference, self.protocol),
            fake=images_record(self.generator, self.reference, self.protocol),
            extractor=ExtractorRecord(task.extractor, extractor.dim, extractor.is_fid),
            seed=plan.seed,
            n_real=len(banks["real"]) if "real" in banks else 0,
            n_fake=len(banks["fake"]),
            device=DeviceRecord(devices_of(self.generator), devices_of(extractor)),
            seconds={**seconds, "metric": time.perf_counter() - start},
            versions=versions(),
            states={
                side: FeaturesRecord(dict(of.samples.key), len(of.samples))
                for side, of in used.items()
            },
        )
