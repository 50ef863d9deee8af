"""What a metric is, what it keeps of a stream of batches, and how its name is read.

A metric is pure: features in, numbers out. Its options are the fields of a frozen dataclass, and
its id spells every one of them, so a default can never drift under a published number:

    >>> metric_from("precision-recall-strict").id
    'precision-recall-k3-strict'
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import MetricError, UnknownNameError
from anyres_bench.core.registry import nearest
from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank, Moments
from anyres_bench.metrics import METRICS

S = TypeVar("S")
Side = Literal["real", "fake"]


@dataclass(frozen=True)
class Batch:
    """Features of some images of one side.

    Attributes:
        side: "real" or "fake".
        index: (n,) int64, global position of each row; it does not depend on batches or ranks.
        group: (n,) int64; patches of one image, or renderings of one latent, share a group.
        features: (n, dim) float32 of the task's extractor.
    """

    side: Side
    index: NDArray[np.int64]
    group: NDArray[np.int64]
    features: NDArray[np.float32]


class Accumulator(Protocol[S]):
    """Makes a state of a stream of batches; states add, for the next batch and the other rank.

    Attributes:
        key: metrics whose accumulators have one key share one state per extractor and side.
    """

    @property
    def key(self) -> str: ...

    def start(self) -> S:
        """The state of no batches."""
        ...

    def update(self, state: S, batch: Batch) -> S:
        """The state with one more batch; it may consume the one that it is given."""
        ...


@dataclass(frozen=True)
class KeepRows:
    """Keeps every feature row: what all our metrics need."""

    key: str = "feature-bank"

    def start(self) -> FeatureBank:
        """A bank without rows."""
        return FeatureBank.empty()

    def update(self, state: FeatureBank, batch: Batch) -> FeatureBank:
        """The bank with the rows of the batch."""
        return state + FeatureBank(batch.index, batch.group, batch.features)


@dataclass(frozen=True)
class KeepMoments:
    """Keeps count, sum and sum of outer products, for streams too large to keep."""

    key: str = "moments"

    def start(self) -> Moments:
        """Moments of no rows."""
        return Moments.empty()

    def update(self, state: Moments, batch: Batch) -> Moments:
        """Moments with the rows of the batch, about the mean of the first one."""
        return state + Moments.of(batch.features, state.shift if state.count else None)


@runtime_checkable
class Metric(Protocol[S]):
    """A number, or a few that belong together, from the features of two sets of images.

    Attributes:
        name: the registered name.
        id: name and every option, such as "frechet-ddof1".
        needs: what it keeps of the batches.
        needs_real: whether it compares with real images; if not, `finish` is given None for them.
        dim: the only feature length that it accepts (1: scores of a detector), None for any.
        smooth: whether small changes of the rows change the values little. They do not where
            single neighbours count; then intervals are made from halves of the rows.
        higher_is_better: direction of each value that ranks models. `finish` may return others
            that help to read these (a spread, a null band).
    """

    @property
    def name(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def needs(self) -> Accumulator[S]: ...
    @property
    def needs_real(self) -> bool: ...
    @property
    def dim(self) -> int | None: ...
    @property
    def smooth(self) -> bool: ...
    @property
    def higher_is_better(self) -> Mapping[str, bool]: ...

    def finish(self, real: S | None, fake: S, rng: Stream) -> dict[str, float]:
        """The values.

        Args:
            real, fake: states of the two sides.
            rng: a stream of this task's seed; equal streams give equal values.

        Raises:
            MetricError: the numbers are not defined on these sets (too few rows, no real side).
        """
        ...


@dataclass(frozen=True)
class BankMetric:
    """What metrics on a `FeatureBank` have in common: the id spells the fields of the subclass.

    A subclass is a frozen dataclass whose fields are its options: an `int` named `k` is written
    `k5`, a choice of words is written as the word.
    """

    name: typing.ClassVar[str]
    needs: typing.ClassVar[Accumulator[FeatureBank]] = KeepRows()
    needs_real: typing.ClassVar[bool] = True
    dim: typing.ClassVar[int | None] = None
    smooth: typing.ClassVar[bool] = True

    @property
    def id(self) -> str:
        """Name and every option, in the order of the fields."""
        fields = (field.name for field in dataclasses.fields(self))
        return "-".join([self.name, *(_spell(name, getattr(self, name)) for name in fields)])


def required(real: FeatureBank | None) -> FeatureBank:
    """The real side of a metric that compares with it.

    Raises:
        MetricError: there is none.
    """
    if real is None:
        raise MetricError("this metric compares with real images, and none were given")
    return real


def metric_from(text: str) -> Metric[Any]:
    """The metric that an id names; options that are not written have their defaults.

    Raises:
        UnknownNameError: no such metric or option; the message suggests the nearest.
    """
    words = text.split("-")
    for end in range(len(words), 0, -1):
        name = "-".join(words[:end])
        if name in METRICS:
            return _build(name, METRICS.get(name), words[end:])
    return typing.cast(Metric[Any], METRICS.get(text))  # raises with the nearest names


def _build(name: str, registered: Any, words: Sequence[str]) -> Metric[Any]:
    is_class = isinstance(registered, type)
    options: dict[str, Any] = {}
    for word in words:
        field, value = _read(name, _option_types(registered) if is_class else {}, word)
        if field in options:
            raise UnknownNameError(f"metric {name!r} is given {field!r} twice; write it once")
        options[field] = value
    return typing.cast(Metric[Any], registered(**options) if is_class else registered)


def _option_types(metric: type) -> dict[str, Any]:
    """Type of every option: the fields of the dataclass that a metric is."""
    hints = typing.get_type_hints(metric)
    fields = dataclasses.fields(metric) if dataclasses.is_dataclass(metric) else ()
    return {field.name: hints[field.name] for field in fields}


def _read(name: str, types: Mapping[str, Any], word: str) -> tuple[str, Any]:
    """The option that a word is, and its value."""
    spellings: list[str] = []
    for field, kind in types.items():
        number = re.fullmatch(rf"{field}([1-9]\d{{0,8}})", word)
        if kind is int and number:
            return field, int(number[1])
        for value in typing.get_args(kind):
            if _spell(field, value) == word:
                return field, value
        choices = [_spell(field, value) for value in typing.get_args(kind)]
        spellings += choices or [f"{field}<number>"]
    hint = nearest(word, spellings) if spellings else "it has no options"
    raise UnknownNameError(f"metric {name!r} has no option {word!r}; {hint}")


def _spell(field: str, value: Any) -> str:
    return value if isinstance(value, str) else f"{field}{value}"
