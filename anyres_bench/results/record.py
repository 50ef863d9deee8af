"""What a record of a number holds, each part a type of its own.

`docs/results_format.md` describes every key; the files have the names and the order of these.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.files import sha256_text
from anyres_bench.results.plain import Plain, to_plain
from anyres_bench.results.task import Task

SCHEMA = 2
UNKNOWN = "unknown"  # where an earlier schema did not say

_KEY_VERSION = 1  # raised only if results of one key could no longer be one result
_MOST_BINS = 128  # of a histogram: half an octave each, they span 64 octaves
_MOST_ITEMS = 1 << 40


@dataclass(frozen=True)
class CostRecord:
    """What rendering one window of a model takes.

    Attributes:
        canvas, window: (height, width), px.
        macs: multiplications of convolutions and matrix products.
        parameters: weights that take part, those of a base included.
        seconds: of the window.
        seconds_per_megapixel: the same for a million pixels.
        threads: of the CPU.
    """

    canvas: tuple[int, int]
    window: tuple[int, int]
    macs: int
    parameters: int
    seconds: float
    seconds_per_megapixel: float
    threads: int


@dataclass(frozen=True)
class ModelRecord:
    """Which model.

    Attributes:
        id: everything that changes a pixel.
        spec: what was typed.
        native: (height, width) that the model was made for, px.
        cost: of rendering; None for models without a network.
    """

    id: str
    spec: str
    native: tuple[int, int]
    cost: CostRecord | None = None


@dataclass(frozen=True)
class SizeHistogram:
    """Images by shorter side.

    Attributes:
        edges: px, half an octave apart.
        counts: images between them.
    """

    edges: tuple[int, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        rising = all(0 < a <= b for a, b in zip(self.edges, self.edges[1:], strict=False))
        fits = 2 <= len(self.edges) == len(self.counts) + 1 <= _MOST_BINS + 1
        if not (fits and rising and min(self.counts) >= 0):
            raise DataError(
                f"a histogram has {len(self.edges)} edges and {len(self.counts)} counts; expected "
                f"rising edges, one more than counts, and {_MOST_BINS} counts at most"
            )


@dataclass(frozen=True)
class DatasetRecord:
    """Which images were the reference.

    Attributes:
        id, digest, recipe_id: name, SHA-256 of what it holds, SHA-256 of what was asked for.
        reference_digest: SHA-256 of the reference images alone.
        n_images, n_reference, n_survivors: all, those in the reference, and those of them that are
            large enough for the protocol.
        sizes: of all images.
    """

    id: str
    digest: str
    recipe_id: str
    reference_digest: str
    n_images: int
    n_reference: int
    n_survivors: int
    sizes: SizeHistogram


@dataclass(frozen=True)
class ImagesRecord:
    """Which images stood for the model.

    Attributes:
        n_images, n_survivors: all, and those that are large enough for the protocol.
        n_in_reference: how many are in the reference too, byte for byte.
        rejects: reason -> files that are no images.
    """

    n_images: int
    n_survivors: int
    n_in_reference: int
    rejects: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ExtractorRecord:
    """What turned images into vectors.

    Attributes:
        id: its own.
        dim: length of a vector.
        is_fid: whether the Fréchet distance between its vectors may be called FID.
    """

    id: str
    dim: int
    is_fid: bool


@dataclass(frozen=True)
class Interval:
    """Where the expectation of a value lies, and how that was found.

    Attributes:
        low, high: ends of the confidence interval.
        standard_error: of the value.
        freedom: degrees of freedom of the standard error.
        confidence: share of such intervals that hold the expectation, in (0, 1).
        method: how the variance and the ends were found.
        folds: side -> parts that its groups were dealt into.
        cautions: names of what makes it less sure than it says, see `CAUTIONS`.
    """

    low: float
    high: float
    standard_error: float
    freedom: float
    confidence: float
    method: str
    folds: Mapping[str, int] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.low <= self.high and 0 < self.confidence < 1 and self.standard_error >= 0):
            raise DataError(
                f"no interval: {self.low} to {self.high}, confidence {self.confidence}, standard "
                f"error {self.standard_error}"
            )


@dataclass(frozen=True)
class DeviceRecord:
    """Where networks ran, as torch names it."""

    model: str
    extractor: str


@dataclass(frozen=True)
class FeaturesRecord:
    """Where features are in the cache.

    Attributes:
        key: all that they depend on, besides the extractor.
        n: how many rows.
    """

    key: Mapping[str, Plain]
    n: int


@dataclass(frozen=True)
class ReferenceRecord:
    """The file that stood for the reference images.

    Attributes:
        layout: whose.
        used: what of it was compared: "moments" or "images".
        digest: SHA-256 of these numbers.
        n: how many images they are of; None where nobody said.
        unknown: what the file does not say, such as "images" or "resize".
    """

    layout: str
    used: str
    digest: str
    n: int | None
    unknown: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A number, or a few that belong together, and all that it takes to get them again.

    Attributes:
        task: the task's id.
        model, dataset, extractor: which.
        fake: the images that stood for the model; None for models that render.
        values: unrounded.
        intervals: by value; absent where too few groups are independent.
        higher_is_better: by value, direction of those that rank.
        seed: of windows and latents.
        n_real, n_fake: how many were compared; no real ones where the metric looks at fakes alone.
        device, seconds, versions: how it was computed.
        states: where the features are, by side.
        reference: the file that stood for the real images; None where they were at hand.
    """

    task: str
    model: ModelRecord
    values: Mapping[str, float]
    intervals: Mapping[str, Interval]
    higher_is_better: Mapping[str, bool]
    dataset: DatasetRecord
    fake: ImagesRecord | None
    extractor: ExtractorRecord
    seed: int
    n_real: int
    n_fake: int
    device: DeviceRecord
    seconds: Mapping[str, float]
    versions: Mapping[str, str]
    states: Mapping[str, FeaturesRecord]
    reference: ReferenceRecord | None = None

    def __post_init__(self) -> None:
        try:
            task = Task.parse(self.task)
        except UsageError as error:
            raise DataError(str(error)) from error
        if task.id != self.task:
            raise DataError(f"task {self.task} is spelled {task.id}")
        _check_values(self)
        counts = {"n_real": self.n_real, "n_fake": self.n_fake}
        counts |= {f"states.{side}.n": state.n for side, state in self.states.items()}
        for name, n in counts.items():
            if not 0 <= n <= _MOST_ITEMS:
                raise DataError(f"{name} is {n}, expected 0 to {_MOST_ITEMS}")

    @property
    def key(self) -> str:
        """Digest of what makes this result this result: equal keys are computed once."""
        return result_key(Task.parse(self.task), self.model.id, self.dataset.digest, self.seed)

    @property
    def seal(self) -> str:
        """Digest of all that it says: equal seals are one record."""
        sealed: str = self.to_json()["seal"]
        return sealed

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, with the number of their schema and a seal."""
        body: dict[str, Any] = {**to_plain(self), "schema": SCHEMA}
        return {**body, "seal": seal(body)}


def _check_values(result: Result) -> None:
    """Values are finite, and what is said of values is said of some that are there."""
    ranked = result.higher_is_better.keys()
    if not ranked:
        raise DataError("no value ranks: higher_is_better is empty")
    if unknown := sorted((ranked | result.intervals.keys()) - result.values.keys()):
        raise DataError(f"{', '.join(unknown[:5])} ranks or has an interval, and has no value")
    for name, value in result.values.items():
        if not math.isfinite(value):
            raise DataError(f"{name} is {value}, and no number is no result")


def result_key(task: Task, model_id: str, dataset_digest: str, seed: int) -> str:
    """Digest of the keys under which a result is found again."""
    return sha256_text(json.dumps([_KEY_VERSION, task.id, model_id, dataset_digest, seed]))


def seal(body: Mapping[str, Any]) -> str:
    """SHA-256 of all of a record but its seal: whoever changes a number by accident breaks it."""
    rest = {name: value for name, value in body.items() if name != "seal"}
    return sha256_text(json.dumps(rest, sort_keys=True, separators=(",", ":")))
