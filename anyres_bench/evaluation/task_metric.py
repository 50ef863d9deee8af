"""Metrics on tensors, for training loops: `update` with images, `compute` the number.

    distance = PatchFrechet("data/photos", window=64, at=256)
    for images in batches:           # (n, 3, 256, 256), or windows (n, 3, 64, 64), in [-1, 1]
        distance.update(images)
    print(distance.compute())

The number is that of `evaluate` on the same pixels: the same reference windows, extractor, metric
and random numbers. States add: under torch.distributed `compute` is of all ranks' images.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anyres_bench.core import distributed
from anyres_bench.core.counts import whole_number_or_none
from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.files import cache_dir
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import checked_seed
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import to_uint8
from anyres_bench.data.protocols import EvalProtocol, protocol_from
from anyres_bench.data.reading import check_files
from anyres_bench.data.splits import reference_and_held_out
from anyres_bench.data.views import Item, View
from anyres_bench.evaluation.banks import FeatureRun, feature_banks
from anyres_bench.evaluation.queries import TaskQuery
from anyres_bench.evaluation.requests import Request, plan_tasks
from anyres_bench.evaluation.sample_sets import part_of, reference_samples
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import FeatureStore
from anyres_bench.metrics.measuring import measure
from anyres_bench.metrics.metric import metric_from
from anyres_bench.models.generator import check_images, check_pixels, check_range
from anyres_bench.results import Task

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_N = 1000
_BATCH = "the loop's model"  # in messages, of batches that were given to update()


@dataclass
class TaskMetric:
    """The value of one task on images that come as tensors.

    Args:
        task: PROTOCOL/METRIC, such as "patch64-at256/frechet"; or a complete task.
        reference: a dataset, or its folder.
        extractor: where the task names none.
        n: images an epoch of the metric, where the task names no number; positions of windows and
            of reference windows are drawn for so many.
        seed: of windows.
        device: where the extractor runs.

    Attributes:
        task: complete, as results spell it.
        n_seen: images so far, of this rank.

    Raises:
        UsageError, UnknownNameError: the task cannot be read, or is one of several sizes a canvas.
        DatasetError: the reference has too few images that are large enough.
    """

    task: Task
    protocol: EvalProtocol
    extractor: FeatureExtractor
    reference: Dataset
    seed: int = 0
    n_seen: int = 0
    _fake: FeatureBank = field(default_factory=FeatureBank.empty)
    _real: FeatureBank | None = None
    _low: float = np.inf
    _high: float = -np.inf

    @classmethod
    def of(
        cls,
        task: str,
        reference: Dataset | str | Path,
        *,
        extractor: str | None = None,
        n: int | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> TaskMetric:
        """The metric of a task; see the class."""
        dataset = reference if isinstance(reference, Dataset) else Dataset.read(Path(reference))
        asked = TaskQuery.parse(task)
        wanted = DEFAULT_N if n is None and asked.n is None else n
        wanted = whole_number_or_none("n", wanted, 2)
        seed = checked_seed(seed)
        [complete], extractors = plan_tasks(dataset, Request((task,), extractor, wanted, device))
        protocol = protocol_from(complete.protocol)
        if protocol.n_views > 1:
            raise UsageError(
                f"{complete.protocol} looks at each latent {protocol.n_views} times, and update() "
                "takes single images: use anyres_bench.evaluate"
            )
        if protocol.warp is not None:
            raise UsageError(
                f"{complete.protocol} changes what a model renders, and update() takes images as "
                "they are compared: use anyres_bench.evaluate"
            )
        images, _ = reference_and_held_out(dataset, complete.dataset, protocol)
        return cls(complete, protocol, extractors[complete.extractor], images, seed)

    @property
    def higher_is_better(self) -> Mapping[str, bool]:
        """Of each value that ranks models."""
        return metric_from(self.task.metric).higher_is_better

    def update(self, images: Tensor) -> None:
        """Take in a batch; what comes after the task's n images is left out.

        Args:
            images: (n, 3, h, w) on any device: whole canvases of the protocol, whose windows are
                cut here, or the windows themselves. Floats in [-1, 1], or uint8.

        Raises:
            UsageError: they have another shape or type.
            GeneratorError: values are not finite, or look like [0, 1] or [0, 255].
        """
        levels = self._levels(images)
        world = distributed.world_size()
        index = (self.n_seen + np.arange(len(levels))) * world + distributed.rank()
        index = index[index < self.task.n]
        self.n_seen += len(levels)
        if not len(index):
            return
        import torch

        items = [self._items[i] for i in index.tolist()]
        pairs = zip(levels[: len(index)], items, strict=True)
        windows = torch.stack([_window(image, item.views[0]) for image, item in pairs])
        groups = np.array([item.group for item in items])
        self._fake += FeatureBank(index, groups, self.extractor(windows).numpy())

    def compute(self) -> dict[str, float]:
        """The values, by name, of all images of all ranks since the last `reset`.

        Raises:
            MetricError: fewer images came than the task counts.
        """
        fake = distributed.reduce(self._fake, operator.add)
        if len(fake) != self.task.n:
            raise MetricError(
                f"{self.task.id} is of {self.task.n} images and {len(fake)} came; a number of "
                "fewer images is of another task: go on with update(), or make it with that n"
            )
        metric = metric_from(self.task.metric)
        real = self._reference() if metric.needs_real else None
        return measure(metric, real, fake, self.seed).values

    def reset(self) -> None:
        """Forget all images; the reference is kept."""
        self._fake, self.n_seen = FeatureBank.empty(), 0
        self._low, self._high = np.inf, -np.inf

    def _levels(self, images: Tensor) -> Tensor:
        """A batch as uint8 on the CPU, by the protocol's rounding."""
        import torch

        if not isinstance(images, torch.Tensor) or images.ndim != 4 or images.shape[1] != 3:
            is_tensor = isinstance(images, torch.Tensor)
            got = tuple(images.shape) if is_tensor else type(images).__name__
            raise UsageError(f"update() got {got}; expected a tensor (n, 3, height, width)")
        check_pixels(_BATCH, images)
        images = images.detach().cpu()
        if images.dtype == torch.uint8 or not len(images):
            return images
        if not images.is_floating_point():
            raise UsageError(f"update() got {images.dtype}; expected floats in [-1, 1], or uint8")
        images = images.float()
        check_images(_BATCH, images, len(images), Size(*images.shape[2:]))
        self._low = min(self._low, float(images.min()))
        self._high = max(self._high, float(images.max()))
        check_range(_BATCH, self._low, self._high, self.n_seen + len(images))
        return to_uint8(images, self.protocol.rounding)

    @functools.cached_property
    def _items(self) -> list[Item[View]]:
        """Group and window of each image, as `evaluate` draws them."""
        return self.protocol.fake(self.reference.manifest, self.task.n, self.seed)

    def _reference(self) -> FeatureBank:
        if self._real is None:
            check_files(self.reference)
            samples = reference_samples(self.reference, self.protocol, self.task.n, self.seed)
            store = FeatureStore(cache_dir() / "features")
            run = FeatureRun(store, None, f"{self.protocol.id} reference", _show_nothing)
            banks = feature_banks(samples, {self.task.extractor: self.extractor}, run)
            self._real = banks[self.task.extractor]
        return self._real


def _show_nothing(samples: object, images: object) -> None:
    """The samples of a training loop are its own."""


def _window(image: Tensor, view: View) -> Tensor:
    """The window of one canvas, or the window that it already is."""
    size, region = Size(*image.shape[1:]), view.region
    if size == region.size and not region.is_whole:
        return part_of(image, view)
    if size != region.canvas:
        asked = f"{region.canvas} or windows of {region.size}"
        raise UsageError(f"update() got images of {size}; the task takes canvases of {asked}")
    box = region.box
    return part_of(image[:, box.top : box.bottom, box.left : box.right], view)


class _PatchValue:
    """One value of windows on canvases of one size; see `TaskMetric`.

    Args:
        reference: a dataset, or its folder.
        window: side of the windows, px.
        at: side of the canvases, px.
        extractor: its spec.
        n, seed, device: as `TaskMetric` has them.
    """

    _metric: str
    _value: str

    def __init__(
        self,
        reference: Dataset | str | Path,
        *,
        window: int,
        at: int,
        extractor: str = "builtin",
        n: int = DEFAULT_N,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        task = f"patch{window}-at{at}/{self._metric}"
        self.inner = TaskMetric.of(
            task, reference, extractor=extractor, n=n, seed=seed, device=device
        )

    @property
    def task(self) -> Task:
        """What the number is of."""
        return self.inner.task

    @property
    def higher_is_better(self) -> bool:
        """Of the value."""
        return self.inner.higher_is_better[self._value]

    def update(self, images: Tensor) -> None:
        """Take in a batch; see `TaskMetric.update`."""
        self.inner.update(images)

    def compute(self) -> float:
        """The value; see `TaskMetric.compute`."""
        return self.inner.compute()[self._value]

    def reset(self) -> None:
        """Forget all images; the reference is kept."""
        self.inner.reset()


class PatchFrechet(_PatchValue):
    """Fréchet distance of windows; only with `inception-v3` is it an FID."""

    _metric, _value = "frechet", "frechet"


class PatchKID(_PatchValue):
    """Kernel distance of windows."""

    _metric, _value = "kid", "kid"
