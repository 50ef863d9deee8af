"""Variances of a value from replicates, with the degrees of freedom that they deserve.

Every estimate is held against a mean of groups that are independent and alike: whatever the subsets
and however unequal the groups, its variance is then told without bias, and the degrees of freedom
are those of the sum of squares that it is (Satterthwaite's). Where a few parts make most of the
variance, there are fewer still.

Source: Bell and McCaffrey, "Bias reduction in standard errors for linear regression with
multi-stage samples", Survey Methodology 28, 2002; Satterthwaite, Biometrics Bulletin 2, 1946.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyres_bench.metrics.sampling import Parts

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """How far a value would be elsewhere with other images.

    Attributes:
        variance: of the value.
        freedom: degrees of freedom of the variance.
        third: third central moment of the value, 0 for a value that errs to both sides alike.
    """

    variance: float
    freedom: float
    third: float = 0.0

    @property
    def skewness(self) -> float:
        """Third moment in cubed standard errors, as far as a sum of few parts can tell it."""
        return min(1.0, max(-1.0, self.third / self.variance**1.5)) if self.variance else 0.0


def total(spreads: Sequence[Spread], shared: float = 0.0) -> Spread:
    """The sum of variances, less what two of them hold twice; half is left at least.

    Degrees of freedom are Welch's, Biometrika 34, 1947.
    """
    variances = np.array([spread.variance for spread in spreads])
    freedoms = np.array([spread.freedom for spread in spreads])
    whole = float(variances.sum())
    if not whole > 0:
        return Spread(whole, float(freedoms.sum()))
    freedom = whole**2 / float((variances**2 / freedoms).sum())
    third = sum(spread.third for spread in spreads)
    return Spread(max(whole - max(shared, 0.0), whole / 2), freedom, third)


def of_replicates(values: Floats, keep: NDArray[np.bool_], parts: Parts) -> Spread:
    """Variance of a value from its values on subsets.

    Args:
        values: (n,) one for each subset.
        keep: (n, n_parts) parts that the subsets keep.
    """
    weight, unrest = parts.weight, parts.unrest
    means = keep * weight / (keep @ weight)[:, None]  # of a mean over the kept rows
    means -= means.mean(axis=0)
    products = (means * unrest) @ means.T
    expected = float(np.trace(products)) / len(keep)  # for groups of variance 1
    true = float(weight**2 @ unrest)
    off = values - values.mean()
    variance = float(np.square(off).mean()) * true / expected
    signs = np.where(keep, 1.0, -1.0)
    effects = (signs - signs.mean(axis=0)).T @ off  # of keeping each part
    freedom = float(np.trace(products) ** 2 / np.square(products).sum())
    return _told(variance, freedom, effects)


def _told(variance: float, freedom: float, effects: Floats) -> Spread:
    """What the effects of the parts say beside their sum of squares: kurtosis and skewness."""
    if not effects.any():
        return Spread(variance, freedom)
    scaled = effects / np.abs(effects).max()
    squares = np.square(scaled)
    told = 3.0 * float(squares.sum() ** 2 / np.square(squares).sum()) - 2.0
    third = float((scaled**3).sum() / squares.sum() ** 1.5) * variance**1.5
    return Spread(variance, min(freedom, max(1.0, told)), third)


def of_groups(influence: Floats, share: Floats) -> Spread:
    """Variance of a mean over rows from what each group adds to it.

    Args:
        influence: (n_groups,) sum over a group's rows of (row - mean), over all rows' number.
        share: (n_groups,) share of the rows that each group has.
    """
    reach = np.square(1.0 / (1.0 - share))  # leaving a group out moves the mean by so much more
    s = float(np.square(share).sum())
    a = reach * share**2
    expected = float((a * (1.0 - 2.0 * share + s)).sum())
    alpha, beta, gamma = (float((a * share**power).sum()) for power in range(3))
    same = float((a**2 * ((1.0 - 2.0 * share + s) ** 2 - (s - 2.0 * share) ** 2)).sum())
    cross = s**2 * alpha**2 + 2 * alpha * gamma - 4 * s * alpha * beta + 2 * beta**2
    freedom = expected**2 / (same + cross)
    variance = float((reach * np.square(influence)).sum()) * s / expected
    return _told(variance, freedom, influence / (1.0 - share))
