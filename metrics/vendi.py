"""Vendi score: the effective number of different images in a set.

Source: Friedman and Dieng, "The Vendi score", TMLR 2023, definition 3.1; other orders from
Pasarkar and Dieng, "Cousins of the Vendi score", AISTATS 2024, equation 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import scipy.linalg
import scipy.special
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import matrix
from anyres_bench.metrics.metric import BankMetric

Kernel = Literal["linear", "polynomial"]


@dataclass(frozen=True)
class Vendi(BankMetric):
    """Vendi score of order 1 with the cosine kernel: 1 for copies of one image, n at most."""

    name: ClassVar[str] = "vendi"
    needs_real: ClassVar[bool] = False
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"vendi": (1, math.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"vendi": True}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"vendi": effective number of images}."""
        return {"vendi": vendi_score(fake.features())}

    def ranges(
        self, real: FeatureBank | None, fake: FeatureBank, values: Mapping[str, float]
    ) -> dict[str, tuple[float, float]]:
        """{"vendi": 1 to the rank that the kernel matrix may have}."""
        return {"vendi": (1.0, float(max(2, min(len(fake), fake.dim))))}


def vendi_score(
    features: ArrayLike, order: float = 1.0, normalise: bool = True, kernel: Kernel = "linear"
) -> float:
    """exp of the Renyi entropy of the eigenvalues of K / n.

    Args:
        features: (n, dim).
        order: 1 is Shannon's entropy; infinity counts the largest eigenvalue alone.
        normalise: rows to unit length first. Only then, and with the linear kernel, do the
            eigenvalues sum to 1, which makes the score a number of images.
        kernel: x.y, or (x.y / dim + 1)^3.

    Raises:
        MetricError: values are not finite, or a row to be normalised is zero.
    """
    x = matrix("features", features).astype(np.float64)
    if normalise:
        length = np.linalg.norm(x, axis=1, keepdims=True)
        if not length.all():
            raise MetricError(
                f"{(length == 0).sum()} of {len(x)} feature rows are zero and have no direction; "
                "leave these images out or use another extractor"
            )
        x = x / length
    if kernel == "polynomial":
        gram = (x @ x.T / x.shape[1] + 1.0) ** 3
    else:  # X X^T and X^T X have the same eigenvalues but for zeros; take the smaller
        gram = x @ x.T if len(x) < x.shape[1] else x.T @ x
    return _effective_number(scipy.linalg.eigvalsh(gram / len(x)), order)


def _effective_number(eigenvalues: NDArray[np.float64], order: float) -> float:
    noise = len(eigenvalues) * np.finfo(np.float64).eps * eigenvalues[-1]
    p = eigenvalues[eigenvalues > noise]
    if order == 1:
        return float(np.exp(scipy.special.entr(p).sum()))
    if np.isinf(order):
        return float(1.0 / p[-1])
    return float((p**order).sum() ** (1.0 / (1.0 - order)))
