"""What intervals are made for: a metric of one model, or of two with opposite signs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import Metric, signed_values
from anyres_bench.metrics.sampling import Parts, Values
from anyres_bench.metrics.variances import Spread

Side = Literal["real", "fake"]


@dataclass(frozen=True)
class Replicated:
    """How far values would be elsewhere with other images.

    Attributes:
        spread: variance and its degrees of freedom.
        n_effective: independent groups that stand behind it, as if of equal size; of the averaged
            side, or of the side that has fewer.
        n_groups: independent groups of that side.
        method: in words.
        folds: side -> parts that its groups were dealt into.
        average: whether the value is a mean over images, each of which adds 0 or about 1.
    """

    spread: Spread
    n_effective: float
    n_groups: int
    method: str
    folds: Mapping[str, int]
    average: bool = False


class KeptValues(Protocol):
    """What keeps values of subsets, so that those of a model are computed once."""

    def __call__(self, key: str, compute: Callable[[], Values]) -> Values:
        """Those kept under `key`, a digest of all that they depend on but code; else computed."""
        ...


@dataclass(frozen=True)
class Study:
    """A metric of one model, or of two with opposite signs, against one real side.

    Attributes:
        models: sign and features.
        folds: parts of a side at most.
        kept: None where nothing is kept.
    """

    metric: Metric
    real: FeatureBank | None
    models: Sequence[tuple[float, FeatureBank]]
    seed: int
    folds: int
    kept: KeptValues | None = None

    @property
    def sides(self) -> list[Side]:
        """Those that the metric looks at."""
        return ["fake"] if self.real is None else ["real", "fake"]

    @property
    def names(self) -> tuple[str, ...]:
        """Values that have intervals: those that rank, and those that are signed."""
        return (*self.metric.higher_is_better, *signed_values(self.metric))

    def value(self, real: FeatureBank | None, fake: FeatureBank) -> dict[str, float]:
        """Values, with the same random numbers in every computation."""
        return self.metric.finish(real, fake, stream(self.seed, "value"))

    def parts(self, side: Side, halves: bool = False) -> Parts:
        """The groups of a side, those of both models together, dealt into parts."""
        fakes: list[FeatureBank | None] = [fake for _, fake in self.models]
        banks = [self.real] if side == "real" else fakes
        group = np.concatenate([bank.group for bank in banks if bank is not None])
        count = min(self.folds, len(np.unique(group)))
        if halves:
            count = 1 << (count.bit_length() - 1)
        return Parts.deal(group, count, stream(self.seed, side))
