"""Metrics on tensors: the number that `evaluate` gives, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import DatasetError, GeneratorError, MetricError, UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.api import evaluate
from anyres_bench.evaluation.sample_sets import latent_seed
from anyres_bench.evaluation.task_metric import PatchFrechet, PatchKID, TaskMetric
from anyres_bench.models.adapters import Pipeline
from tests.fakes import write_dataset

CANVAS = Size(64, 64)
N = 12


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_dataset(tmp_path_factory.mktemp("photos"), [(70, 80)] * N)


def draw(seed: int, size: Size) -> np.ndarray:
    return np.random.default_rng(seed % 2**32).integers(0, 256, (*size, 3), np.uint8)


def test_what_a_training_loop_is_told_is_what_evaluate_says(
    photos: Dataset, tmp_path: Path
) -> None:
    model = Pipeline(draw, native=CANVAS)
    [record] = evaluate(model, photos, "patch32-at64/frechet", n=N, out=tmp_path)
    seeds = [latent_seed(0, i) for i in range(N)]
    whole = model.sample(model.latents(seeds), [Region.whole(CANVAS)] * N)
    metric = PatchFrechet(photos, window=32, at=64, n=N)
    for part in whole.split(5):
        metric.update(part)
    assert metric.compute() == record.values["frechet"]
    assert metric.task.id == record.task
    assert not metric.higher_is_better
    metric.reset()
    metric.update(whole[:5])
    with pytest.raises(MetricError, match=f"{N} images and 5 came"):
        metric.compute()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 3, 48, 48), "canvases of 64x64 or windows of 32x32"),
        (torch.zeros(1, 1, 64, 64), r"got \(1, 1, 64, 64\)"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.int32), "expected floats"),
        ([1], "got list"),
    ],
)
def test_what_is_no_batch(photos: Dataset, images: torch.Tensor, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PatchKID(photos, window=32, at=64, n=N).update(images)


@pytest.mark.parametrize(
    ("scaled", "message"),
    [
        (lambda x: (x + 1) / 2, r"looks like \[0, 1\]"),
        (lambda x: (x + 1) * 127.5, r"looks like \[0, 255\]"),
        (lambda x: torch.where(x > 0.99, torch.inf, x), "NaN or infinite"),
    ],
)
def test_values_of_another_range_are_told(
    photos: Dataset, scaled: Callable[[torch.Tensor], torch.Tensor], message: str
) -> None:
    """As `evaluate` tells them; batches of one image are seen together."""
    batch = scaled(torch.linspace(-1, 1, N * 3 * 64 * 64).reshape(N, 3, 64, 64)[torch.randperm(N)])
    metric = PatchFrechet(photos, window=32, at=64, n=N)
    with pytest.raises(GeneratorError, match=message):
        for image in batch:
            metric.update(image[None])
    metric.reset()
    metric.update(torch.linspace(-1, 1, N * 3 * 64 * 64).reshape(N, 3, 64, 64))


def test_the_reference_is_what_its_records_say(tmp_path: Path) -> None:
    photos = write_dataset(tmp_path / "photos", [(70, 80)] * N)
    batch = torch.linspace(-1, 1, N * 3 * 64 * 64).reshape(N, 3, 64, 64)
    for edited in (False, True):
        metric = PatchFrechet(photos, window=32, at=64, n=N)
        metric.update(batch)
        if not edited:
            metric.compute()
            for record in photos.manifest:
                path = photos.path(record)
                path.write_bytes(path.read_bytes() + b"more")
            continue
        with pytest.raises(DatasetError, match="is not the file that was collected"):
            metric.compute()


@pytest.mark.parametrize("n", [0, 1, 8.5, "8", True])
def test_numbers_of_no_task_are_refused(photos: Dataset, n: Any) -> None:
    with pytest.raises(UsageError, match=f"n is {n!r}; expected"):
        PatchFrechet(photos, window=32, at=64, n=n)


def test_items_of_several_views_are_for_evaluate(photos: Dataset) -> None:
    with pytest.raises(UsageError, match="changes what a model renders"):
        TaskMetric.of("ar1-shrunk32-at40/kid", photos, n=N)
    with pytest.raises(UsageError, match="looks at each latent 2 times"):
        TaskMetric.of("pair-at32and64/consistency", photos, n=N)
