"""Statistics of a dataset's reference images as a file; see `features.own_references`."""

from __future__ import annotations

import os
from pathlib import Path

from anyres_bench.core import distributed
from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.files import cache_dir
from anyres_bench.core.seeds import checked_seed
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.reading import check_files
from anyres_bench.data.splits import reference_and_held_out
from anyres_bench.evaluation.banks import FeatureRun, feature_banks
from anyres_bench.evaluation.metadata import codec_versions, dataset_record, versions
from anyres_bench.evaluation.report_samples import keep_samples
from anyres_bench.evaluation.requests import Request, plan_tasks
from anyres_bench.evaluation.sample_sets import reference_samples
from anyres_bench.features.own_references import SUFFIXES, write_reference
from anyres_bench.features.reference_files import read_reference
from anyres_bench.features.references import Gaussian, Origin
from anyres_bench.features.store import FeatureStore
from anyres_bench.metrics.frechet import moments_of


def export_statistics(
    dataset: Dataset, request: Request, out: Path, *, seed: int = 0, n_workers: int = 0
) -> tuple[Origin, Gaussian]:
    """Write the statistics of the reference images of one task.

    Args:
        dataset: whose images.
        request: one task, whose metric plays no part; its n is the number of windows, where windows
            are compared.
        out: a name that ends in .npz or .safetensors.
        seed: of windows.
        n_workers: threads that decode.

    Returns:
        What was written.

    Raises:
        UsageError: no or several tasks, another ending, or there is a file of somebody else.
        DatasetError, WeightsError, DataError: as for `evaluate`.
    """
    seed = checked_seed(seed)
    if Path(out).suffix not in SUFFIXES:
        raise UsageError(f"{out}: expected a name that ends in {' or '.join(SUFFIXES)}")
    _check_place(out)
    check_files(dataset)
    tasks, extractors = plan_tasks(dataset, request)
    if len(tasks) != 1:
        raise UsageError(f"{len(tasks)} tasks were asked for; a file is of one: name a protocol")
    task, protocol = tasks[0], protocol_from(tasks[0].protocol)
    reference, _ = reference_and_held_out(dataset, task.dataset, protocol)
    samples = reference_samples(reference, protocol, task.n, seed, n_workers)
    store = FeatureStore(cache_dir() / "features")
    run = FeatureRun(store, None, f"{protocol.id} reference", keep_samples)
    bank = feature_banks(samples, extractors, run)[task.extractor]
    sums = moments_of(bank.features())
    origin = Origin(
        part=task.dataset,
        protocol=protocol.id,
        extractor=task.extractor,
        seed=seed,
        dataset=dataset_record(dataset, reference, protocol),
        versions=versions() | codec_versions(),
    )
    if distributed.is_main():
        write_reference(out, sums, origin)
    return origin, Gaussian.of(sums)


def as_task(text: str) -> str:
    """A protocol alone as a task of it."""
    return text if "/" in text or text.startswith("fid-") else f"{text}/frechet"


def _check_place(out: Path) -> None:
    """Refuse to replace what `stats export` has not written."""
    if not os.path.lexists(out):
        return
    try:
        ours = read_reference(out).origin is not None
    except DataError:
        ours = False
    if not ours:
        raise UsageError(
            f"{out} is there already and is none of `anyres-bench stats export`; nothing was "
            "replaced: move it away, or choose another name"
        )
