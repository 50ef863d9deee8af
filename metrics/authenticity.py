"""AuthPct: how many generated images are not too close a copy of a training image.

Source: Alaa et al., "How faithful is your synthetic data?", ICML 2022, section 3.3; as a percentage
in Stein et al., "Exposing flaws of generative model evaluation metrics", NeurIPS 2023.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import matrix, pair
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.neighbours import kth_nearest, nearest, points
from anyres_bench.metrics.sampling import Average, KeptRows


@dataclass(frozen=True)
class AuthPct(BankMetric):
    """Authentic share in percent. It means something where the real side is the training set."""

    name: ClassVar[str] = "authpct"
    smooth: ClassVar[bool] = False
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"authpct": (0, 100)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"authpct": True}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"authpct": 0 to 100}."""
        return {"authpct": authentic_percent(required(real).features(), fake.features())}

    @property
    def averages(self) -> Mapping[str, Average]:
        """The share is of the generated images."""
        return {"authpct": Average("fake")}

    def rows(
        self, real: FeatureBank, fake: FeatureBank, subsets: Sequence[KeptRows]
    ) -> list[dict[str, NDArray[np.float64]]]:
        """100 for each authentic image, held against each subset of the real side."""
        generated = fake.features()
        found = [_authentic(real.features()[in_real], generated) for in_real, _ in subsets]
        return [{"authpct": np.where(each, 100.0, 0.0)} for each in found]


def authentic_percent(train: ArrayLike, generated: ArrayLike) -> float:
    """Percentage of generated points whose nearest training point has a nearer training point.

    Args:
        train, generated: (n1, dim) and (n2, dim).

    Raises:
        MetricError: fewer than 2 training points, unequal dimensions, or values not finite.
    """
    train, generated = pair(matrix("real features", train, at_least=2), generated)
    return 100.0 * float(_authentic(train, generated).sum()) / len(generated)


def _authentic(train: NDArray[Any], generated: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,) whether each generated row is."""
    among, of = points(train, generated)
    squared, number = nearest(of, among)
    authentic = kth_nearest(among, [among.weights()], 1)[0][number] < squared
    return np.asarray(authentic[of.number])
