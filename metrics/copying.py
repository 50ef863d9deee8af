"""Data-copying: whether samples lie closer to the training images than other real images do.

Both metrics look at three sets: the reference, which means something where it is what the model was
trained on; real images that it does not hold; and the model's samples. A model that copies is
closer to the reference than the held-out images are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.stats
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import pair
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.neighbours import nearest, points

_LEAST = 20  # samples in a cell that counts, as in the paper


@dataclass(frozen=True)
class CopyRate(BankMetric):
    """Share of samples closer to the reference than all but one in a hundred held-out images.

    One in a hundred is what a model reaches that draws from the distribution of the images; with
    fewer than a hundred held-out rows the bound lies between the two closest of them.
    """

    name: ClassVar[str] = "copy-rate"
    needs_held_out: ClassVar[bool] = True
    smooth: ClassVar[bool] = False
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"copy_rate": (0, 1)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"copy_rate": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"copy_rate": share in [0, 1]}."""
        _, held_out, generated = _three(real, fake)
        bound = np.quantile(held_out, 0.01)
        return {"copy_rate": float(np.mean(generated < bound))}


@dataclass(frozen=True)
class Copying(BankMetric):
    """The data-copying test C_T, and the share of pairs that it is made of.

    In each of `cells` cells of the reference, a held-out image and a sample are compared: which of
    them is closer to the reference? `farther` is the share of pairs whose sample is farther, cells
    weighted by their held-out images: one half where nothing is copied, lower where samples are
    copies, higher where they miss the images. `c_t` is the paper's, in standard errors of one
    half; it grows with the number of images, so it does not rank.

    Source: Meehan, Chaudhuri and Dasgupta, "A non-parametric test to detect data-copying in
    generative models", AISTATS 2020, sections 3 and 4.
    """

    cells: int = 5

    name: ClassVar[str] = "copying"
    needs_held_out: ClassVar[bool] = True
    smooth: ClassVar[bool] = False
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "farther": (0, 1),
        "c_t": (-math.inf, math.inf),
    }
    higher_is_better: ClassVar[Mapping[str, bool]] = {"farther": True}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"farther", "c_t"}.

        Raises:
            MetricError: fewer reference rows than cells, or no cell holds enough of the others.
        """
        strata, held_out, generated = _three(real, fake)
        reference = strata["real"].features()
        if len(reference) < self.cells:
            raise MetricError(
                f"{len(reference)} reference rows are fewer than {self.cells} cells; use more"
            )
        seed = int(rng.words(1)[0] >> np.uint64(33))
        clusters = KMeans(self.cells, n_init=1, random_state=seed).fit(reference)
        of_held_out = clusters.predict(strata["held-out"].features())
        of_generated = clusters.predict(fake.features())
        values, weights = [], []
        for cell in range(self.cells):
            p, q = held_out[of_held_out == cell], generated[of_generated == cell]
            if len(p) and len(q) >= min(_LEAST, len(generated) / self.cells / 2):
                values.append(_farther(p, q))
                weights.append(len(p))
        if not values:
            raise MetricError("no cell holds both held-out images and samples; use fewer cells")
        share, score = np.average(values, axis=0, weights=weights)
        return {"farther": float(share), "c_t": float(score)}


def _three(
    real: FeatureBank | None, fake: FeatureBank
) -> tuple[dict[str, FeatureBank], NDArray[np.float64], NDArray[np.float64]]:
    """Both strata of the real side, and squared distances to the reference of the other sets.

    Raises:
        MetricError: the real side is not of two strata, or dimensions differ.
    """
    strata = required(real).strata()
    if strata.keys() != {"real", "held-out"}:
        raise MetricError(
            f"the real side is of {', '.join(strata) or 'nothing'}; expected images of the "
            "reference and held-out ones"
        )
    reference, held_out = (strata[name].features() for name in ("real", "held-out"))
    return strata, _to_nearest(held_out, reference), _to_nearest(fake.features(), reference)


def _to_nearest(rows: NDArray[Any], reference: NDArray[Any]) -> NDArray[np.float64]:
    """Squared distance of each row to the nearest row of the reference."""
    among, of = points(*pair(reference, rows))
    squared, _ = nearest(of, among)
    return squared[of.number]


def _farther(held_out: NDArray[np.float64], generated: NDArray[np.float64]) -> tuple[float, float]:
    """Share of pairs whose sample is farther, ties counting half, and its z-score."""
    m, n = len(held_out), len(generated)
    ranks = scipy.stats.rankdata(np.concatenate([generated, held_out]))
    statistic = float(ranks[:n].sum()) - n * (n + 1) / 2  # Mann and Whitney's U, without its test
    spread = math.sqrt(m * n * (m + n + 1) / 12)
    return statistic / (m * n), (statistic - m * n / 2) / spread
