"""Frechet distances of two sets without a few of their rows, from one decomposition of all.

With F the centred rows of a side and C = F1 F2^T = U s V^T, the last trace of the distance is the
sum of s over the root of (n1 - ddof)(n2 - ddof). To leave out rows is to project C on what is
orthogonal to a few directions E1 and E2: these rows, and the mean of the others. As

    integral over t > 0 of log((t^2 + a) / (t^2 + b)) = pi (sqrt a - sqrt b),

the sum of s changes by 1 / pi times the integral of the logarithm of a ratio of determinants of
t^2 + C C^T. By Jacobi's theorem on complementary minors that ratio is the determinant

    | 1 - A^T f^2 A    A^T f g B   |     A = U^T E1, B = V^T E2,
    | -B^T f g A       1 - B^T f^2 B |   f^2 = s^2 / (t^2 + s^2), g^2 = t^2 / (t^2 + s^2),

of as many rows as directions. So a distance costs the rank times the square of the rows left out,
not the cube of the rank.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from anyres_bench.metrics.sampling import KeptRows

Floats = NDArray[np.float64]

# Where it is quicker: from this rank on, leaving out a fifth of it at most.
_LEAST_RANK = 256
_LARGEST_SHARE = 0.2
# The trapezoidal rule in u = log(t / s[0]). All singularities are half pi above and below the real
# axis, so this step leaves exp(-pi^2 / 0.4), 2e-11 of what the sum changes by. For t far below most
# of s the determinants would be smaller than their rounding.
_STEP = 0.4
_LAST = 10.0
_FIRST, _LEAST = 1e-6, 1e-16  # of the median of s, and of the largest


def distances_without_few(
    real: NDArray[Any], fake: NDArray[Any], subsets: Sequence[KeptRows], ddof: Literal[0, 1]
) -> list[float] | None:
    """Frechet distances of subsets that keep most rows.

    Args:
        real, fake: (n1, dim) and (n2, dim), any floating-point type.
        subsets: (n1,) and (n2,) bool each, the rows that stay.

    Returns:
        Distances, to 1e-11 of the traces; None where the usual way is quicker, or where too few
        rows stay.
    """
    rank = min(*real.shape, len(fake))
    left_out = max(sum(int((~kept).sum()) for kept in subset) for subset in subsets)
    if rank < _LEAST_RANK or left_out > _LARGEST_SHARE * rank:
        return None
    sets = WithoutFew(real, fake, ddof)
    distances = [sets.distance(*subset) for subset in subsets]
    return [each for each in distances if each is not None] if None not in distances else None


class WithoutFew:
    """Two sets, and their distances without some of their rows.

    Args:
        real, fake: (n1, dim) and (n2, dim), any floating-point type.
        ddof: covariances are divided by n - ddof.

    It holds (n1 + n2) * min(n1, n2, dim) numbers of float64.
    """

    def __init__(self, real: NDArray[Any], fake: NDArray[Any], ddof: Literal[0, 1]) -> None:
        means = [rows.mean(axis=0, dtype=np.float64) for rows in (real, fake)]
        (q_real, r_real), (q_fake, r_fake) = map(_factored, (real - means[0], fake - means[1]))
        left, self._s, right = scipy.linalg.svd(
            r_real @ r_fake.T, full_matrices=False, check_finite=False
        )
        self._real = _Side(real, means[0], float(np.square(r_real).sum()), q_real(left))
        self._fake = _Side(fake, means[1], float(np.square(r_fake).sum()), q_fake(right.T))
        self._ddof = ddof

    def distance(self, *kept: NDArray[np.bool_]) -> float | None:
        """Frechet distance of the rows that stay, to 1e-11 of the traces.

        Args:
            kept: (n1,) and (n2,), the rows that stay.

        None where too few stay.
        """
        real, fake = (
            side.subset(of) for side, of in zip((self._real, self._fake), kept, strict=True)
        )
        over = real.count - self._ddof, fake.count - self._ddof
        change = _change(self._s, real.lost, fake.lost) if min(over) > 0 else None
        if change is None:
            return None
        gap = real.mean - fake.mean
        spread = real.squares / over[0] + fake.squares / over[1]
        overlap = (float(self._s.sum()) + change) / math.sqrt(over[0] * over[1])
        return max(0.0, float(gap @ gap) + spread - 2.0 * overlap)


@dataclass(frozen=True)
class _Subset:
    """Rows that stay: how many, their mean, their squares about it, and A = U^T E, transposed."""

    count: int
    mean: Floats
    squares: float
    lost: Floats


@dataclass(frozen=True)
class _Side:
    """All rows, their mean, their squares about it, and U, (n, rank)."""

    rows: NDArray[Any]
    mean: Floats
    squares: float
    vectors: Floats

    @functools.cached_property
    def sums(self) -> Floats:
        return np.asarray(self.vectors.sum(axis=0))

    def subset(self, kept: NDArray[np.bool_]) -> _Subset:
        count = int(kept.sum())
        gone, lost = self.rows[~kept] - self.mean, self.vectors[~kept]
        if not len(gone) or not count:
            return _Subset(count, self.mean, self.squares, lost)
        shift = gone.sum(axis=0) / -count
        squares = self.squares - float(np.square(gone).sum()) - count * float(shift @ shift)
        of_mean = (self.sums - lost.sum(axis=0)) / math.sqrt(count)
        return _Subset(count, self.mean + shift, squares, np.concatenate([lost, of_mean[None]]))


def _factored(rows: Floats) -> tuple[Callable[[Floats], Floats], Floats]:
    """What multiplies by Q, and R with no more rows than columns; Q of a wide matrix is nothing."""
    if len(rows) <= rows.shape[1]:
        return lambda vectors: vectors, rows
    q, r = scipy.linalg.qr(rows, mode="economic", check_finite=False)
    return q.__matmul__, r


def _change(s: Floats, real: Floats, fake: Floats) -> float | None:
    """What the sum of s changes by; None where rounding leaves a determinant that is not positive.

    Args:
        s: (rank,) singular values, descending.
        real, fake: (k, rank) each, A and B transposed.
    """
    size = len(real) + len(fake)
    if not size or not s[0]:
        return 0.0
    # A function of the same fall at large t, whose integral is known: without it the far end would
    # be a large t times the rounding of a determinant of one.
    fall = _fall(s, real, fake) / size
    first = max(_FIRST * np.median(s) / s[0], _LEAST)
    t = s[0] * np.exp(np.arange(math.log(first), _LAST, _STEP))
    signs, logs = np.array([np.linalg.slogdet(_matrix(s, each, real, fake)) for each in t]).T
    if (signs <= 0).any() or not np.isfinite(logs).all():
        return None
    logs += size * np.log1p(fall / t**2)
    # Before the first t it is a straight line in log t: a geometric series, and one of its slope.
    ratio = math.exp(-_STEP)
    before = logs[0] * ratio / (1 - ratio) - (logs[1] - logs[0]) * ratio / (1 - ratio) ** 2
    integral = _STEP * float(logs @ t + before * t[0])
    return integral / math.pi - size * math.sqrt(fall)


def _matrix(s: Floats, t: float, real: Floats, fake: Floats) -> Floats:
    f, g = s / np.hypot(s, t), t / np.hypot(s, t)
    a, b = real * f, fake * f
    cross = a @ (fake * g).T
    return np.block([[np.eye(len(a)) - a @ a.T, cross], [-cross.T, np.eye(len(b)) - b @ b.T]])


def _fall(s: Floats, real: Floats, fake: Floats) -> float:
    """c of the log-determinant -c / t^2 + O(t^-4): by how much the squares of s fall in sum."""
    both = (real * s) @ fake.T
    alone = sum(float(np.square(side * s).sum()) for side in (real, fake))
    return max(0.0, alone - float(np.square(both).sum()))
