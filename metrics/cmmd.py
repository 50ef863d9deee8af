"""CMMD: maximum mean discrepancy with a Gaussian kernel, as published for CLIP's embeddings.

    1000 (mean k(x, x') + mean k(y, y') - 2 mean k(x, y)),   k(x, y) = exp(-|x - y|^2 / (2 sigma^2))

All pairs count, those of a row with itself too, so it is biased: of two samples of one distribution
it is above 0, the more so the fewer there are. With `open-clip:ViT-L-14-336-quickgelu` and
`+normalised` it is CMMD; with other vectors it is this formula on these.

Source: Jayasumana et al., "Rethinking FID: Towards a Better Evaluation Metric for Image
Generation", CVPR 2024.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import pair
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.sampling import Kept, RowParts, Values

_ROWS = 1024  # rows of the kernel matrix that are in memory at a time
_SCALE = 1000


@dataclass(frozen=True)
class Cmmd(BankMetric):
    """CMMD; `sigma` is the width of the kernel."""

    sigma: int = 10

    name: ClassVar[str] = "cmmd"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"cmmd": (0, math.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"cmmd": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"cmmd": value >= 0}."""
        return {"cmmd": gaussian_mmd(required(real).features(), fake.features(), self.sigma)}

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> Values:
        """Values of subsets, from kernel sums between the parts of both sides."""
        sides = _centred(*pair(required(real).features(), fake.features(), at_least=1))
        rows, count = np.concatenate(sides), list(map(len, subsets[0]))
        part = np.concatenate([parts[0], parts[1] + count[0]])
        member = (part[:, None] == np.arange(sum(count))).astype(np.float64)
        sums = np.zeros((sum(count), sum(count)))
        for some, block in _kernel(rows, rows, self.sigma):
            sums += member[some].T @ block @ member
        sizes = member.sum(axis=0)

        def value(in_real: NDArray[np.bool_], in_fake: NDArray[np.bool_]) -> dict[str, float]:
            kept = np.concatenate([in_real, in_fake])
            sign = np.repeat([1.0, -1.0], count)
            ours = sign > 0
            total = np.where(ours, sizes[ours & kept].sum(), sizes[~ours & kept].sum())
            weight = kept * sign / total  # of the mean over real rows less that over fake ones
            return {"cmmd": max(0.0, float(_SCALE * (weight @ sums @ weight)))}

        return [value(*kept) for kept in subsets]


def gaussian_mmd(real: ArrayLike, fake: ArrayLike, sigma: float = 10) -> float:
    """1000 times the biased squared MMD with a Gaussian kernel, in float64.

    Args:
        real, fake: (m, dim) and (n, dim).
        sigma: width of the kernel, in units of the features.

    Raises:
        MetricError: a set is empty, dimensions differ, or values are not finite.
    """
    a, b = pair(real, fake, at_least=1)
    a, b = _centred(a, b)
    within = _mean(a, a, sigma) + _mean(b, b, sigma)
    return max(0.0, _SCALE * (within - 2.0 * _mean(a, b, sigma)))


def _centred(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both about a common point: distances of features far from zero keep their digits."""
    centre = a.mean(axis=0, dtype=np.float64)
    return a - centre, b - centre


def _mean(x: NDArray[Any], y: NDArray[Any], sigma: float) -> float:
    """Mean of the kernel over all pairs of a row of x and a row of y."""
    total = sum(float(block.sum()) for _, block in _kernel(x, y, sigma))
    return total / (len(x) * len(y))


def _kernel(
    x: NDArray[Any], y: NDArray[Any], sigma: float
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """The kernel of some rows of x and all of y, and which rows these are."""
    squares = np.square(y).sum(axis=1)
    for start in range(0, len(x), _ROWS):
        part = slice(start, start + _ROWS)
        rows = x[part]
        distances = np.square(rows).sum(axis=1)[:, None] + squares - 2.0 * (rows @ y.T)
        yield part, np.exp(-distances.clip(0) / (2.0 * sigma**2))
