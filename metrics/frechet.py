"""Frechet distance of two sets of features, as a nuclear norm.

The square of the 2-Wasserstein distance of the Gaussians fitted to the sets,

    |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2),

and the last trace is the nuclear norm of F1 F2^T for any factors S_i = F_i^T F_i. No square root
of a matrix that is not symmetric is ever taken, so nothing turns complex or negative.

Source: Heusel et al., "GANs trained by a two time-scale update rule", NeurIPS 2017, equation 6.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank, Moments
from anyres_bench.metrics.checks import matrix, pair
from anyres_bench.metrics.frechet_without_few import distances_without_few
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.sampling import Kept, KeptRows, RowParts, Values

_ROWS = 4096  # rows that are turned into float64 at a time

# Below this ratio of the squared pivots a covariance has lost the directions that matter.
_PIVOT_RATIO = 1e-8
# The eigenproblem squares singular values, which leaves 1e-12 of the trace: enough unless the
# distance is a small remainder of it.
_REMAINDER = 1e-3


@dataclass(frozen=True)
class Frechet(BankMetric):
    """Frechet distance; `ddof` divides the covariances by n - ddof.

    ddof 1 is what pytorch-fid, clean-fid and torch-fidelity report, ddof 0 what the StyleGAN family
    does.
    """

    ddof: Literal[0, 1] = 1

    name: ClassVar[str] = "frechet"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"frechet": (0, math.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"frechet": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"frechet": distance}, in squared feature units."""
        a, b = required(real).features(), fake.features()
        return {"frechet": frechet_distance(a, b, self.ddof)}

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> Values | None:
        """Values of subsets, from one decomposition of all rows where few are left out.

        None where no way is accurate: too few rows, or a covariance close to singular.
        """
        sides = pair(required(real).features(), fake.features())
        kept = [(real[parts[0]], fake[parts[1]]) for real, fake in subsets]
        distances = distances_without_few(*sides, kept, self.ddof)
        if distances is None:
            distances = distances_one_by_one(*sides, kept, self.ddof)
        return None if distances is None else [{"frechet": each} for each in distances]


def frechet_distance(real: ArrayLike, fake: ArrayLike, ddof: int = 1) -> float:
    """Frechet distance of two sets, in float64.

    Args:
        real, fake: (n1, dim) and (n2, dim), any floating-point type.
        ddof: covariances are divided by n - ddof; 0 or 1.

    With more rows than dimensions in both sets, from the covariances: a Cholesky factor and a
    symmetric eigenproblem; otherwise, and where a covariance is close to singular, from the
    singular values of the features themselves.

    Raises:
        MetricError: fewer than ddof + 1 rows, unequal dimensions, or values that are not finite.
    """
    _check_ddof(ddof)
    real, fake = pair(real, fake, at_least=ddof + 1)
    if min(len(real), len(fake)) > real.shape[1]:
        distance = distance_of_covariances(moments_of(real), moments_of(fake), ddof)
        if distance is not None:
            return distance
    mean_real, factor_real = _factor(real, ddof)
    mean_fake, factor_fake = _factor(fake, ddof)
    return _from_factors(mean_real - mean_fake, factor_real, factor_fake)


def frechet_from_moments(real: Moments, fake: Moments, ddof: int = 1) -> float:
    """Frechet distance of two sets of which only the moments are known.

    Raises:
        MetricError: fewer than ddof + 1 rows, or unequal dimensions.
    """
    _check_ddof(ddof)
    if min(real.count, fake.count) <= ddof or real.shift.shape != fake.shift.shape:
        raise MetricError(
            f"moments of {real.count} rows of {len(real.shift)} dimensions and of {fake.count} "
            f"rows of {len(fake.shift)}: needs at least {ddof + 1} rows and equal dimensions"
        )
    distance = distance_of_covariances(real, fake, ddof)
    if distance is not None:
        return distance
    factors = (_root(moments.covariance(ddof)) for moments in (real, fake))
    return _from_factors(real.mean - fake.mean, *factors)


@dataclass(frozen=True)
class MomentsSide:
    """The side of a comparison of which only the moments are known; what is costly is kept."""

    moments: Moments
    ddof: int

    @functools.cached_property
    def factor(self) -> NDArray[np.float64]:
        """F of the covariance S = F^T F."""
        return _root(self.moments.covariance(self.ddof))


def distance_to(side: MomentsSide, features: ArrayLike) -> float:
    """Frechet distance of (n, dim) features to a set of which only the moments are known.

    Raises:
        MetricError: fewer than ddof + 1 rows, other dimensions, or values that are not finite.
    """
    rows, dim = matrix("fake features", features, side.ddof + 1), len(side.moments.shift)
    if rows.shape[1] != dim:
        raise MetricError(
            f"the reference has {dim} dimensions and the fake features {rows.shape[1]}; use the "
            "extractor that the reference was made with"
        )
    if len(rows) > dim:
        distance = distance_of_covariances(side.moments, moments_of(rows), side.ddof)
        if distance is not None:
            return distance
    mean, factor = _factor(rows, side.ddof)
    return _from_factors(side.moments.mean - mean, side.factor, factor)


def distances_one_by_one(
    real: NDArray[Any], fake: NDArray[Any], subsets: Sequence[KeptRows], ddof: int
) -> list[float] | None:
    """Distances of subsets, from all moments less those of the rows left out.

    With fewer rows than dimensions from factors, that of all rows of a side made once. None where
    neither is accurate: too few rows, or a covariance close to singular.

    Args:
        real, fake: (n1, dim) and (n2, dim), any floating-point type.
        subsets: (n1,) and (n2,) bool each, the rows that stay.
    """
    few = min(len(real), len(fake)) <= real.shape[1]
    way = _by_factors if few else _by_moments
    distances = []
    for distance in way((real, fake), subsets, ddof):
        if distance is None:
            return None
        distances.append(distance)
    return distances


def _by_moments(
    sides: Sequence[NDArray[Any]], subsets: Sequence[KeptRows], ddof: int
) -> Iterator[float | None]:
    whole = [moments_of(rows) for rows in sides]
    for subset in subsets:
        a, b = (
            everything - moments_of(rows[~kept], everything.shift)
            for rows, everything, kept in zip(sides, whole, subset, strict=True)
        )
        enough = min(a.count, b.count) > len(a.shift)
        yield distance_of_covariances(a, b, ddof) if enough else None


def _by_factors(
    sides: Sequence[NDArray[Any]], subsets: Sequence[KeptRows], ddof: int
) -> Iterator[float | None]:
    whole = [_factor(rows, ddof) for rows in sides]
    for subset in subsets:
        if min(int(kept.sum()) for kept in subset) <= ddof:
            yield None
            continue
        (mean_a, a), (mean_b, b) = (
            everything if kept.all() else _factor(rows[kept], ddof)
            for rows, everything, kept in zip(sides, whole, subset, strict=True)
        )
        yield _from_factors(mean_a - mean_b, a, b)


def moments_of(features: NDArray[Any], shift: NDArray[np.float64] | None = None) -> Moments:
    """Moments of (n, dim) rows about `shift` or their mean, a few thousand rows at a time."""
    if shift is None:
        shift = features.mean(axis=0, dtype=np.float64)
    total = Moments.empty()
    for start in range(0, len(features), _ROWS):
        total = total + Moments.of(features[start : start + _ROWS], shift)
    return total


def _check_ddof(ddof: int) -> None:
    if ddof not in (0, 1):
        raise UsageError(f"ddof is {ddof}, expected 0 or 1")


def distance_of_covariances(real: Moments, fake: Moments, ddof: int) -> float | None:
    """Frechet distance by Cholesky factors; None where a covariance is too close to singular."""
    # Symmetric, so transposed for free into the order of columns that LAPACK takes uncopied.
    s_real, s_fake = real.covariance(ddof).T, fake.covariance(ddof).T
    try:
        lower, lower_fake = (
            scipy.linalg.cholesky(s, lower=True, check_finite=False) for s in (s_real, s_fake)
        )
    except np.linalg.LinAlgError:
        return None
    pivots = np.square([np.diag(lower), np.diag(lower_fake)])
    if (pivots.min(axis=1) < _PIVOT_RATIO * pivots.max(axis=1)).any():
        return None
    gap = real.mean - fake.mean
    spread = float(np.trace(s_real) + np.trace(s_fake))
    # tr (S1 S2)^(1/2) = sum of the square roots of the eigenvalues of L^T S2 L, with S1 = L L^T;
    # half of L is zeros, and a triangular product does half the work of a full one.
    product = scipy.linalg.blas.dtrmm(1.0, lower, s_fake, side=1, lower=1)
    product = scipy.linalg.blas.dtrmm(1.0, lower, product, lower=1, trans_a=1, overwrite_b=1)
    squares = scipy.linalg.eigvalsh(product, driver="evd", check_finite=False, overwrite_a=True)
    distance = float(gap @ gap) + spread - 2.0 * float(np.sqrt(squares.clip(0)).sum())
    if distance < _REMAINDER * spread:
        return _from_factors(gap, lower.T, lower_fake.T)
    return distance


def _from_factors(
    gap: NDArray[np.float64], real: NDArray[np.float64], fake: NDArray[np.float64]
) -> float:
    """The distance for S_i = F_i^T F_i; rounding of an exact zero is cut off at zero."""
    overlap = scipy.linalg.svdvals(real @ fake.T, check_finite=False).sum()
    spread = np.square(real).sum() + np.square(fake).sum()
    return max(0.0, float(gap @ gap + spread - 2.0 * overlap))


def _factor(features: NDArray[Any], ddof: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean, and a factor (min(n, dim), dim) of the covariance without forming the covariance."""
    blocks = [features[start : start + _ROWS] for start in range(0, len(features), _ROWS)]
    mean = features.mean(axis=0, dtype=np.float64)
    mean += sum((block - mean).sum(axis=0) for block in blocks) / len(features)
    factor = np.zeros((0, len(mean)))
    for block in blocks:
        factor = np.concatenate([factor, block - mean])
        if len(factor) > len(mean):
            factor = np.asarray(np.linalg.qr(factor, mode="r"))
    return mean, factor / np.sqrt(len(features) - ddof)


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A factor F of S = F^T F of a covariance that may be singular; rounding noise is dropped."""
    values, vectors = scipy.linalg.eigh(covariance, check_finite=False)
    noise = len(values) * np.finfo(np.float64).eps * values[-1]
    values = np.where(values > noise, values, 0.0)
    return np.asarray(np.sqrt(values)[:, None] * vectors.T)
