"""Evaluate a model against a file of reference statistics or images, without a dataset."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyres_bench.core import distributed
from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.files import cache_dir
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import EvalProtocol, protocol_from
from anyres_bench.data.records import Manifest
from anyres_bench.evaluation.banks import FeatureRun, feature_banks
from anyres_bench.evaluation.costs import render_cost
from anyres_bench.evaluation.evaluate import EvaluationOutcome, by_view, kept_result
from anyres_bench.evaluation.metadata import devices_of, images_record, versions
from anyres_bench.evaluation.reference_plans import Part, reference_record, used_part
from anyres_bench.evaluation.report_samples import keep_samples
from anyres_bench.evaluation.sample_sets import SampleSet, Views, model_samples
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.features.references import Reference, ReferenceBatch
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import FeatureStore
from anyres_bench.metrics.fixed_reference import FrechetToFile
from anyres_bench.metrics.frechet import Frechet
from anyres_bench.metrics.measuring import measure
from anyres_bench.metrics.metric import metric_from
from anyres_bench.models.generator import Generator, ImageGenerator
from anyres_bench.results import (
    UNKNOWN,
    DatasetRecord,
    DeviceRecord,
    ExtractorRecord,
    FeaturesRecord,
    ModelRecord,
    Result,
    SizeHistogram,
    StoredResult,
    Task,
    result_key,
    write_result,
)

if TYPE_CHECKING:
    from anyres_bench.results import CostRecord

_ROWS = 16  # images of a batch that are read at a time
_NOTHING = Dataset("none", Path(), Manifest([]))


@dataclass(frozen=True, kw_only=True)
class ReferencePlan:
    """What to evaluate against a file.

    Attributes:
        model, spec, extractors, out, seed, batch_size, fresh: as `EvaluationPlan` has them.
        reference: of the file.
        part: what of the file is compared, where it holds both; None: its moments for the Fréchet
            distance, its images for everything else.
        tasks: complete.
    """

    model: Generator
    spec: str
    reference: Reference
    part: Part | None
    tasks: Sequence[Task]
    extractors: Mapping[str, FeatureExtractor]
    out: Path
    seed: int = 0
    batch_size: int | None = None
    fresh: bool = False


def evaluate_against(plan: ReferencePlan) -> EvaluationOutcome:
    """Run a plan; tasks whose result is there already are not run again.

    Raises:
        UsageError: a model that renders windows of images that nobody has.
        GeneratorError, CacheError, DataError: as for `evaluate`.
    """
    outcome = EvaluationOutcome()
    for (_, protocol_id, n), tasks in by_view(plan.tasks):
        protocol = protocol_from(protocol_id)
        if protocol.fake_needs_reals and not isinstance(plan.model, ImageGenerator):
            raise UsageError(
                f"{protocol.id} renders the windows of its reference images, whose sizes no file "
                "holds; use --dataset, or a protocol of whole images"
            )
        _Run(plan, protocol, n).run(tasks, outcome)
    return outcome


@dataclass
class _Run:
    """One protocol of a plan."""

    plan: ReferencePlan
    protocol: EvalProtocol
    n: int

    def run(self, tasks: Sequence[Task], outcome: EvaluationOutcome) -> None:
        """Features of the model's samples, then every task on them."""
        plan = self.plan
        kept = [self._kept(task) for task in tasks]
        outcome.keep(stored for stored in kept if stored)
        remaining = [task for task, stored in zip(tasks, kept, strict=True) if not stored]
        if not remaining:
            return
        fake = model_samples(plan.model, _NOTHING, self.protocol, self.n, plan.seed)
        names = dict.fromkeys(task.extractor for task in remaining)
        start = time.perf_counter()
        banks = self._banks(fake, names, plan.model.id)
        seconds = time.perf_counter() - start
        real = self._real_banks(remaining)
        if not distributed.is_main():
            return
        cost = self._cost()
        for task in remaining:
            try:
                result = self._measure(task, fake, banks, real, seconds, cost)
            except MetricError as error:
                outcome.failures[task.id] = str(error)
                continue
            write_result(plan.out, result)
            outcome.results.append(result)

    def _kept(self, task: Task) -> StoredResult | None:
        found = None
        if distributed.is_main() and not self.plan.fresh:
            digest = self._dataset(task).digest
            key = result_key(task, self.plan.model.id, digest, self.plan.seed)
            found = kept_result(self.plan.out, task, self.plan.model.id, key)
        return distributed.gather(found)[0]

    def _banks(
        self, samples: SampleSet, names: Mapping[str, None], who: str
    ) -> dict[str, FeatureBank]:
        run = FeatureRun(
            store=FeatureStore(cache_dir() / "features"),
            batch_size=self.plan.batch_size,
            title=f"{self.protocol.id} {who}",
            show=keep_samples,
            fresh=self.plan.fresh,
        )
        return feature_banks(samples, {name: self.plan.extractors[name] for name in names}, run)

    def _real_banks(self, tasks: Sequence[Task]) -> dict[str, FeatureBank]:
        """Features of the images of a batch, by extractor, where a task compares with them."""
        names = dict.fromkeys(t.extractor for t in tasks if self._used(t) == "images")
        if not names or self.plan.reference.images is None:
            return {}
        return self._banks(batch_samples(self.plan.reference.images), names, "reference")

    def _used(self, task: Task) -> Part:
        return used_part(self.plan.reference, metric_from(task.metric), self.plan.part)

    def _cost(self) -> CostRecord | None:
        if isinstance(self.plan.model, ImageGenerator):
            return None
        view = self.protocol.fake(Manifest([]), self.n, self.plan.seed)[0].views[0]
        return render_cost(self.plan.model, view.rendered(self.plan.model.native))

    def _measure(
        self,
        task: Task,
        fake: SampleSet,
        banks: Mapping[str, FeatureBank],
        real_banks: Mapping[str, FeatureBank],
        seconds: float,
        cost: CostRecord | None,
    ) -> Result:
        plan, used = self.plan, self._used(task)
        metric, real = metric_from(task.metric), real_banks.get(task.extractor)
        if used == "moments" and isinstance(metric, Frechet) and plan.reference.gaussian:
            metric, real = FrechetToFile(metric, plan.reference.gaussian), None
        start = time.perf_counter()
        measured = measure(metric, real, banks[task.extractor], plan.seed)
        native, extractor = plan.model.native, plan.extractors[task.extractor]
        about = reference_record(plan.reference, used)
        return Result(
            task=task.id,
            model=ModelRecord(plan.model.id, plan.spec, (native.height, native.width), cost),
            values=measured.values,
            intervals=measured.intervals,
            higher_is_better=dict(metric.higher_is_better),
            dataset=self._dataset(task),
            fake=images_record(plan.model, _NOTHING, self.protocol),
            extractor=ExtractorRecord(task.extractor, extractor.dim, extractor.is_fid),
            seed=plan.seed,
            n_real=about.n or 0,
            n_fake=len(banks[task.extractor]),
            device=DeviceRecord(devices_of(plan.model), devices_of(extractor)),
            seconds={"fake": seconds, "metric": time.perf_counter() - start},
            versions=versions(),
            states={"fake": FeaturesRecord(dict(fake.key), len(fake))},
            reference=about,
        )

    def _dataset(self, task: Task) -> DatasetRecord:
        """The images as far as they are known."""
        reference, used = self.plan.reference, self._used(task)
        if reference.origin is not None:
            return reference.origin.dataset
        about = reference_record(reference, used)
        n = about.n or 0
        side = reference.images.size.shorter if used == "images" and reference.images else 1
        return DatasetRecord(
            id=task.dataset,
            digest=about.digest,
            recipe_id=UNKNOWN,
            reference_digest=about.digest,
            n_images=n,
            n_reference=n,
            n_survivors=n,
            sizes=SizeHistogram((side, side + 1), (n if used == "images" else 0,)),
        )


def batch_samples(images: ReferenceBatch) -> SampleSet:
    """The images of a reference batch, one after the other."""

    def batches(parts: Sequence[Sequence[int]]) -> Iterator[Views]:
        import torch

        rows = enumerate(itertools.chain.from_iterable(images.blocks(_ROWS)))
        for part in parts:
            wanted, shown = set(part), []
            while wanted:
                i, pixels = next(rows)
                if i in wanted:
                    wanted.remove(i)
                    shown.append(torch.from_numpy(pixels.transpose(2, 0, 1).copy()))
            yield (torch.stack(shown),)

    return SampleSet(
        side="real",
        key={"side": "real", "batch": images.digest, "n": images.n},
        groups=range(images.n),
        licences=[UNKNOWN] * images.n,
        order=range(images.n),
        batches=batches,
    )
