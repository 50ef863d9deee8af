"""Metrics over strata: one value at several canvas sizes or shapes, summed up in a few numbers.

    scale-METRIC     what becomes of a value as canvases grow: its area over log2(size), its worst
                     size, its largest fall per octave
    aspect-METRIC    a distance on canvases of other shapes over that on squares: mean and worst

The values of each stratum are given too, as NAME@STRATUM. Intervals come from replicates of the
whole curve: the images, or latents, of a part are left out at all sizes at once, and every summary
is computed again, so what sizes share is counted once.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.intervals import Trimmable
from anyres_bench.metrics.metric import (
    Metric,
    OverStrata,
    StrataKind,
    needs_held_out,
    own_extractor,
)
from anyres_bench.metrics.replication import Replicable
from anyres_bench.metrics.sampling import Kept, RowParts

_SQUARE = "1x1"

Values = Mapping[str, Mapping[str, float]]
"""Stratum -> its values."""


@dataclass(frozen=True)
class StrataSummary(OverStrata, abc.ABC):
    """A metric of each stratum, and what a subclass makes of all of them."""

    name: ClassVar[str]
    strata: ClassVar[StrataKind]

    def __post_init__(self) -> None:
        if isinstance(self.of, OverStrata):
            raise UsageError(f"{self.name}-{self.of.id}: a summary of a summary means nothing")
        if needs_held_out(self.of):
            raise UsageError(f"{self.of.id} has no summaries; use it at one size after another")

    @property
    def id(self) -> str:
        return f"{self.name}-{self.of.id}"

    @property
    def needs_real(self) -> bool:
        return self.of.needs_real

    @property
    def dim(self) -> int | None:
        return self.of.dim

    @property
    def smooth(self) -> bool:
        return self.of.smooth

    @property
    def extractor(self) -> str | None:
        return own_extractor(self.of)

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """The summaries, and NAME@STRATUM of each value of each stratum.

        Raises:
            MetricError: a side lacks a stratum, there are too few, or the metric is not defined on
                one.
        """
        seed = int(rng.words(1)[0])
        values: dict[str, Mapping[str, float]] = {}
        for label, (of_real, of_fake) in _pairs(real, fake).items():
            values[label] = self.of.finish(of_real, of_fake, stream(seed, label))
        return self.of_strata(values)

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> list[dict[str, float]] | None:
        """Values of subsets, the same at all strata; None where the metric has no way to them."""
        if not isinstance(self.of, Replicable):
            return None
        found: dict[str, list[dict[str, float]]] = {}
        for label, (of_real, of_fake) in _pairs(real, fake).items():
            in_real = parts[0] if real is None else parts[0][real.stratum == label]
            in_fake = parts[1][fake.stratum == label]
            values = self.of.subset_values(of_real, of_fake, (in_real, in_fake), subsets)
            if values is None:
                return None
            found[label] = values
        return [self.of_strata({k: of[i] for k, of in found.items()}) for i in range(len(subsets))]

    def only_ranked(self) -> Metric:
        """The same of a metric that gives its ranking values alone."""
        return type(self)(self.of.only_ranked()) if isinstance(self.of, Trimmable) else self

    def of_strata(self, values: Values) -> dict[str, float]:
        """The summaries of values by stratum, and each of these as NAME@STRATUM."""
        summaries: dict[str, float] = {}
        for name, higher in self.of.higher_is_better.items():
            curve = {label: of[name] for label, of in values.items()}
            summaries |= {f"{name}_{what}": x for what, x in self.summary(curve, higher).items()}
        return summaries | {
            f"{name}@{label}": x for label, of in values.items() for name, x in of.items()
        }

    @property
    @abc.abstractmethod
    def higher_is_better(self) -> Mapping[str, bool]: ...

    @property
    @abc.abstractmethod
    def bounds(self) -> Mapping[str, tuple[float, float]]: ...

    @abc.abstractmethod
    def summary(self, values: Mapping[str, float], higher: bool) -> dict[str, float]:
        """The summaries of one value, stratum -> value."""


@dataclass(frozen=True)
class Scale(StrataSummary):
    """Area, worst size and largest fall per octave of a value over canvas sizes.

    The area is the mean over log2(size), by trapezoids. A fall is how much worse a value becomes
    from one size to the next, divided by the octaves between them; it is negative where a value
    gets better with every step. The worst of several noisy values lies beyond the worst of their
    expectations: compare it at equal numbers of images, as task ids enforce.
    """

    name: ClassVar[str] = "scale"
    strata: ClassVar[StrataKind] = "sizes"

    @property
    def higher_is_better(self) -> Mapping[str, bool]:
        of = self.of.higher_is_better.items()
        return {
            f"{name}_{what}": False if what == "fall" else higher
            for name, higher in of
            for what in ("area", "worst", "fall")
        }

    @property
    def bounds(self) -> Mapping[str, tuple[float, float]]:
        bounds = dict(self.of.bounds)
        for name in self.of.higher_is_better:
            bounds |= {f"{name}_{what}": self.of.bounds[name] for what in ("area", "worst")}
            bounds |= {f"{name}_fall": (-math.inf, math.inf), f"{name}_worst_size": (1, math.inf)}
        return bounds

    def summary(self, values: Mapping[str, float], higher: bool) -> dict[str, float]:
        """{"area", "worst", "worst_size" in px, "fall"}."""
        curve = sorted((int(size), value) for size, value in values.items())
        return scale_summary([s for s, _ in curve], [value for _, value in curve], higher)


@dataclass(frozen=True)
class Aspect(StrataSummary):
    """How many times larger a distance is on canvases of other shapes than on squares."""

    name: ClassVar[str] = "aspect"
    strata: ClassVar[StrataKind] = "aspects"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, higher in self.of.higher_is_better.items():
            if higher or self.of.bounds[name][0] < 0:
                raise UsageError(
                    f"aspect-{self.of.id}: {name} is no distance from zero up, so its ratio to "
                    "that of squares says nothing; use aspect-frechet"
                )

    @property
    def higher_is_better(self) -> Mapping[str, bool]:
        names = self.of.higher_is_better
        return {f"{name}_{what}": False for name in names for what in ("mean_ratio", "worst_ratio")}

    @property
    def bounds(self) -> Mapping[str, tuple[float, float]]:
        return {**self.of.bounds, **dict.fromkeys(self.higher_is_better, (0, math.inf))}

    def summary(self, values: Mapping[str, float], higher: bool) -> dict[str, float]:
        """{"mean_ratio", "worst_ratio"} over the shapes that are no squares.

        Raises:
            MetricError: there is no square, nothing else, or no distance on squares.
        """
        others = [value for label, value in values.items() if label != _SQUARE]
        square = values.get(_SQUARE, math.nan)
        if not others or not square > 0:
            raise MetricError(
                f"strata {', '.join(values)}: a ratio needs squares, whose distance is above zero, "
                "and other shapes"
            )
        return {
            "mean_ratio": float(np.mean(others)) / square,
            "worst_ratio": float(max(others)) / square,
        }


def scale_summary(sizes: Sequence[int], values: Sequence[float], higher: bool) -> dict[str, float]:
    """Area, worst value and its size, and largest fall per octave of one curve.

    Args:
        sizes: canvas sizes, px, ascending, at least two.
        values: one at each size.
        higher: whether larger values are better.

    Raises:
        MetricError: fewer than two sizes, or they do not grow.

    >>> scale_summary([64, 128, 256], [1.0, 2.0, 6.0], higher=False)
    {'area': 2.75, 'worst': 6.0, 'worst_size': 256.0, 'fall': 4.0}
    """
    octaves = np.log2(np.asarray(sizes, np.float64))
    steps = np.diff(octaves)
    if len(sizes) < 2 or not (steps > 0).all():
        raise MetricError(f"sizes {list(sizes)}: a curve needs two or more sizes that grow")
    curve = np.asarray(values, np.float64)
    area = float(((curve[:-1] + curve[1:]) / 2 * steps).sum() / steps.sum())
    loss = -curve if higher else curve
    worst = int(loss.argmax())
    return {
        "area": area,
        "worst": float(curve[worst]),
        "worst_size": float(sizes[worst]),
        "fall": float((np.diff(loss) / steps).max()),
    }


def _pairs(
    real: FeatureBank | None, fake: FeatureBank
) -> dict[str, tuple[FeatureBank | None, FeatureBank]]:
    """Both sides of each stratum.

    Raises:
        MetricError: there is no stratum, or a side lacks one.
    """
    of_fake = fake.strata()
    if not any(of_fake):
        raise MetricError("the images are of one canvas; a summary needs several sizes or shapes")
    if real is None:
        return {label: (None, bank) for label, bank in of_fake.items()}
    of_real = real.strata()
    if of_real.keys() != of_fake.keys():
        raise MetricError(
            f"the real side is of {', '.join(of_real)}, the fake side of {', '.join(of_fake)}; "
            "too few groups are left at one of them"
        )
    return {label: (of_real[label], bank) for label, bank in of_fake.items()}
