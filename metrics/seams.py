"""Seams that an image shows by itself, above what real images show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import pair
from anyres_bench.metrics.metric import BankMetric, required

NULL = 0.05  # share of real images above the threshold


@dataclass(frozen=True)
class Seams(BankMetric):
    """Strength of straight lines of steps, less that of real images; features of `seams`."""

    name: ClassVar[str] = "seams"
    dim: ClassVar[int | None] = 2
    extractor: ClassVar[str | None] = "seams"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "seam_excess": (-math.inf, math.inf),
        "seam_share": (0, 1),
    }
    higher_is_better: ClassVar[Mapping[str, bool]] = {"seam_excess": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """The excess, and how many images stand out.

        `seam_excess`, difference of the means of the log2 ratios, 0 for real images; `seam_share`,
        share of images above the 95 % quantile of real ones, 0.05 for real images.
        """
        a, b = (x.mean(axis=1, dtype=np.float64) for x in pair(_rows(real), fake.features()))
        return {
            "seam_excess": float(b.mean() - a.mean()),
            "seam_share": float((b > np.quantile(a, 1 - NULL)).mean()),
        }


def _rows(real: FeatureBank | None) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return required(real).features()
