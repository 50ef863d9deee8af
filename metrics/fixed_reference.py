"""The Fréchet distance to moments that came as a file: the reference is fixed, only fakes vary."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from anyres_bench.core.seeds import Stream
from anyres_bench.features.references import Gaussian
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.frechet import Frechet, MomentsSide, distance_to


@dataclass(frozen=True)
class FrechetToFile:
    """`frechet` against a mean and a covariance.

    Its values and its id are those of `frechet`. Its intervals hold the reference as it is, which
    nobody has in parts: they are of the fakes alone.

    Attributes:
        metric: whose options count.
        reference: of the file.
    """

    metric: Frechet
    reference: Gaussian

    needs_real = False
    smooth = True

    @property
    def name(self) -> str:
        return self.metric.name

    @property
    def id(self) -> str:
        return self.metric.id

    @property
    def dim(self) -> int | None:
        return self.reference.dim

    @property
    def bounds(self) -> Mapping[str, tuple[float, float]]:
        return self.metric.bounds

    @property
    def higher_is_better(self) -> Mapping[str, bool]:
        return self.metric.higher_is_better

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"frechet": distance}; `real` is not looked at.

        Raises:
            MetricError: too few fakes, or a ddof that the file does not allow.
        """
        return {"frechet": distance_to(self._side, fake.features())}

    @functools.cached_property
    def _side(self) -> MomentsSide:
        ddof = self.metric.ddof
        return MomentsSide(self.reference.moments(ddof), ddof)
