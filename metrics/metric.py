"""What a metric is, and how its name is read.

A metric is pure: two banks of features in, numbers out. Its options are the fields of a frozen
dataclass, and its id spells every one of them, so a default can never drift under a published
number:

    >>> metric_from("precision-recall-strict").id
    'precision-recall-k3-strict'
"""

from __future__ import annotations

import dataclasses
import functools
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from anyres_bench.core.errors import MetricError, UnknownNameError
from anyres_bench.core.registry import nearest
from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics import METRICS, SUMMARIES


@runtime_checkable
class Metric(Protocol):
    """A number, or a few that belong together, from the features of two sets of images.

    Attributes:
        name: the registered name.
        id: name and every option, such as "frechet-ddof1".
        needs_real: whether it compares with real images; if not, none are read, and `finish` is
            given None for them.
        dim: the only feature length that it accepts (1: scores of a detector), None for any.
        smooth: whether small changes of the rows change the values little. They do not where
            single neighbours count; then intervals are made from halves of the rows. There is no
            default: the wrong choice makes intervals that are too wide or too narrow.
        bounds: smallest and largest possible number of every value, infinite where there is none.
        higher_is_better: direction of each value that ranks models. `finish` may return others
            that help to read these (a spread, a null band).
    """

    @property
    def name(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def needs_real(self) -> bool: ...
    @property
    def dim(self) -> int | None: ...
    @property
    def smooth(self) -> bool: ...
    @property
    def bounds(self) -> Mapping[str, tuple[float, float]]: ...
    @property
    def higher_is_better(self) -> Mapping[str, bool]: ...

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """The values.

        Args:
            real, fake: features of the two sides.
            rng: a stream of this task's seed; equal streams give equal values.

        Raises:
            MetricError: the numbers are not defined on these sets (too few rows, no real side).
        """
        ...


@dataclass(frozen=True)
class BankMetric:
    """What our metrics have in common: the id spells the fields of the subclass.

    A subclass is a frozen dataclass whose fields are its options: an `int` named `k` is written
    `k5`, a choice of words is written as the word. It states `name`, `smooth`, `bounds` and
    `higher_is_better` as class variables, and `extractor` where it reads the numbers of one only:
    its spec, in which {} stands for the extractor that the user asks for. `signed` and `size_of`
    are of values whose sign tells too little from too much; see `signed_values` and `sizes_of`.
    """

    name: typing.ClassVar[str]
    needs_real: typing.ClassVar[bool] = True
    dim: typing.ClassVar[int | None] = None
    extractor: typing.ClassVar[str | None] = None
    signed: typing.ClassVar[tuple[str, ...]] = ()
    size_of: typing.ClassVar[Mapping[str, str]] = {}

    @property
    def id(self) -> str:
        """Name and every option, in the order of the fields."""
        fields = (field.name for field in dataclasses.fields(self))
        return "-".join([self.name, *(_spell(name, getattr(self, name)) for name in fields)])


def own_extractor(metric: Metric) -> str | None:
    """Spec of the only extractor whose numbers a metric reads; None where it reads any.

    A {} in it stands for the extractor that the user asks for.
    """
    return getattr(metric, "extractor", None)


def signed_values(metric: Metric) -> tuple[str, ...]:
    """Values that do not rank, because 0 is right and either sign is wrong, and have intervals.

    Most metrics have none and do not say so.
    """
    return tuple(getattr(metric, "signed", ()))


def sizes_of(metric: Metric) -> Mapping[str, str]:
    """Ranking values that are the size of a signed one, and which; most metrics have none."""
    return dict(getattr(metric, "size_of", {}))


StrataKind = Literal["", "sizes", "aspects"]


@dataclass(frozen=True)
class OverStrata:
    """A metric of another metric's values at several strata; `scale-frechet` is one.

    Attributes:
        of: the other metric.
        strata: what the strata are of which it makes sense.
    """

    of: Metric

    strata: typing.ClassVar[StrataKind] = ""


def strata_kind(metric: Metric) -> StrataKind:
    """What strata a metric wants the rows of both sides to have; empty for most."""
    kind: StrataKind = getattr(metric, "strata", "")
    return kind


def needs_held_out(metric: Metric) -> bool:
    """Whether a metric also looks at real images that are no reference.

    Its real side is then of two strata, "real" and "held-out". Most metrics do not say so.
    """
    return bool(getattr(metric, "needs_held_out", False))


def reads_answers(metric: Metric) -> bool:
    """Whether a metric reads a classifier's logits, where others read features."""
    of = metric.of if isinstance(metric, OverStrata) else metric
    return bool(getattr(of, "reads_answers", False))


def least_rows(metric: Metric, dim: int) -> int:
    """How many rows a metric needs of features of `dim` dimensions, where it says so; else 2."""
    of = metric.of if isinstance(metric, OverStrata) else metric
    least = getattr(of, "least_rows", None)
    return int(least(dim)) if least else 2


def required(real: FeatureBank | None) -> FeatureBank:
    """The real side of a metric that compares with it.

    Raises:
        MetricError: there is none.
    """
    if real is None:
        raise MetricError("this metric compares with real images, and none were given")
    return real


def metric_from(text: str) -> Metric:
    """The metric that an id names; options that are not written have their defaults.

    Raises:
        UnknownNameError: no such metric or option; the message suggests the nearest.
        UsageError: a summary that means nothing of this metric.
    """
    words = text.split("-")
    if words[0] in SUMMARIES and len(words) > 1:
        of = metric_from("-".join(words[1:]))
        return typing.cast(Metric, SUMMARIES.get(words[0])(of))
    for end in range(len(words), 0, -1):
        name = "-".join(words[:end])
        if name in METRICS:
            return _build(name, METRICS.get(name), words[end:])
    return typing.cast(Metric, METRICS.get(text))  # raises with the nearest names


def _build(name: str, registered: Any, words: Sequence[str]) -> Metric:
    is_class = isinstance(registered, type)
    options: dict[str, Any] = {}
    for word in words:
        field, value = _read(name, _option_types(registered) if is_class else {}, word)
        if field in options:
            raise UnknownNameError(f"metric {name!r} is given {field!r} twice; write it once")
        options[field] = value
    return typing.cast(Metric, registered(**options) if is_class else registered)


@functools.cache
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
