"""The ends of an interval, from a value, its variance and what the value can be.

- Shares, and all that has two bounds: the exact limits of a proportion (Clopper and Pearson) of as
  many images as have the variance that was found, fewer where its degrees of freedom are few
  (Korn and Graubard). Of 64 images none of which is in, up to 5.6 % may be.
- What has a floor, such as a distance: Student's limits of the logarithm of the height above it.
- Others, signed values and differences: Student's limits, corrected for skewness.
- The size of a signed value: the sizes of what lies between that value's limits.

Source: Clopper and Pearson, Biometrika 26, 1934; Korn and Graubard, "Confidence intervals for
proportions with small expected number of positive counts estimated from survey data", Survey
Methodology 24, 1998.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy.special

from anyres_bench.metrics.study import Replicated
from anyres_bench.metrics.variances import Spread

_FEW = 20  # groups below which an interval says so
_SHARES = ((0, 1), (0, 100))  # what may be the mean of what images are or are not
_UNSEEN = "exact limits of a share that no image shows"
_RARE = 10.0  # images on the rarer side of a share, or by which two shares differ
_LARGEST_LOGARITHM = 700.0  # whose exponential is a float
_NEAR = math.sqrt(5.0)  # standard errors above a floor


@dataclass(frozen=True)
class Ends:
    """Ends of an interval.

    Attributes:
        scale: how they were found.
        cautions: see `anyres_bench.results.CAUTIONS`.
    """

    low: float
    high: float
    scale: str
    cautions: tuple[str, ...]


def limits(
    value: float, bounds: tuple[float, float], found: Replicated, confidence: float
) -> Ends | None:
    """Where the expectation of a value lies; None where the images do not tell.

    Args:
        bounds: smallest and largest possible value, infinite where there is none.
    """
    low, high = bounds
    tail = (1.0 - confidence) / 2.0
    few = ("few-groups",) if found.n_effective < _FEW else ()
    if math.isfinite(low) and math.isfinite(high):
        room = high - low
        if not found.spread.variance and bounds not in _SHARES:
            return None
        share = min(max((value - low) / room, 0.0), 1.0)
        a, b, n = _of_share(share, found, room, tail)
        rare = ("near-bound",) if min(share, 1.0 - share) * n < _RARE else ()
        return Ends(low + room * a, low + room * b, "exact limits of a share", few + rare)
    error = math.sqrt(found.spread.variance)
    if not error:
        return _of_equal_rows(value, low, found, tail) if found.average else None
    if not math.isfinite(low):
        ends = _skewed(value, found.spread, tail)
        return Ends(*ends, "Student's limits, skewness corrected", few)
    half, height = error * students(tail, found.spread.freedom), value - low
    if half >= _LARGEST_LOGARITHM * height:  # on the floor but for rounding: the logarithm explodes
        return Ends(low, low + half, "Student's limits above the floor", (*few, "near-bound"))
    factor = math.exp(half / height)
    rare = ("near-bound",) if height < _NEAR * error else ()
    scale = "Student's limits of the logarithm"
    return Ends(low + height / factor, low + height * factor, scale, few + rare)


def size_limits(signed: float, found: Replicated, confidence: float) -> Ends | None:
    """Where the size of the expectation of a signed value lies; None where images do not tell.

    The logarithm of a size says nothing near 0, where the sign is open; the value itself does.
    """
    ends = limits(signed, (-math.inf, math.inf), found, confidence)
    if ends is None:
        return None
    low = max(ends.low, -ends.high, 0.0)
    rare = ("near-bound",) if abs(signed) < _NEAR * math.sqrt(found.spread.variance) else ()
    high = max(-ends.low, ends.high)
    return Ends(low, high, f"sizes within {ends.scale}", ends.cautions + rare)


def _of_equal_rows(value: float, low: float, found: Replicated, tail: float) -> Ends:
    """Ends of a mean of equal rows: so few images may be others that none was seen."""
    unseen, height = none_of(found.n_effective, tail), value - low
    high = value + unseen * max(1.0, height)
    few = ("few-groups",) if found.n_effective < _FEW else ()
    return Ends(value - unseen * height, high, _UNSEEN, (*few, "near-bound"))


def difference_limits(
    value: float, room: float, found: Replicated, confidence: float
) -> Ends | None:
    """Where the expectation of a difference of two values lies; None where images do not tell.

    Args:
        room: largest possible difference, infinite where there is none.
    """
    tail = (1.0 - confidence) / 2.0
    few = ("few-groups",) if found.n_effective < _FEW else ()
    if found.spread.variance:
        low, high = _skewed(value, found.spread, tail)
        rare = ("near-bound",) if _differing(value, room, found) < _RARE else ()
        scale = "Student's limits, skewness corrected"
        return Ends(max(low, -room), min(high, room), scale, few + rare)
    if not math.isfinite(room):
        return None
    half = room * none_of(found.n_effective, tail)
    return Ends(
        max(value - half, -room),
        min(value + half, room),
        _UNSEEN,
        (*few, "near-bound"),
    )


def _differing(value: float, room: float, found: Replicated) -> float:
    """How many images two shares differ by, each of which adds 0 or 1; infinite for others.

    Of independent images, d of n of which differ, the variance is d / n^2 less value^2 / n.
    """
    if not (found.average and math.isfinite(room)):
        return math.inf
    n = found.n_effective
    return n * n * (found.spread.variance + value * value / n) / room**2


def _skewed(value: float, spread: Spread, tail: float) -> tuple[float, float]:
    """Student's limits of a value that errs farther to one side, moved by half at most.

    Source: Johnson, "Modified t tests and confidence intervals for asymmetrical populations",
    Journal of the American Statistical Association 73, 1978.
    """
    error, t = math.sqrt(spread.variance), students(tail, spread.freedom)
    move = spread.skewness * (t * t / 3.0 + 1.0 / 6.0)
    move = min(0.5 * t, max(-0.5 * t, move))
    return value - error * (t - move), value + error * (t + move)


def students(tail: float, freedom: float) -> float:
    """Quantile of Student's distribution that a share `tail` exceeds."""
    return float(scipy.special.stdtrit(freedom, 1.0 - tail))


def none_of(n: float, tail: float) -> float:
    """Largest share of which none of `n` images is seen with probability `tail`."""
    return float(1.0 - tail ** (1.0 / n))


def _of_share(
    share: float, found: Replicated, room: float, tail: float
) -> tuple[float, float, float]:
    """Ends, and how many images they are of."""
    variance, n = found.spread.variance / room**2, found.n_effective
    if variance > 0 and 0 < share < 1:
        n = share * (1.0 - share) / variance
        best = students(tail, max(1.0, found.n_groups - 1.0))
        n *= min(1.0, best / students(tail, found.spread.freedom)) ** 2
    k = share * n
    low = float(scipy.special.betaincinv(k, n - k + 1.0, tail)) if k > 0 else 0.0
    high = float(scipy.special.betaincinv(k + 1.0, n - k, 1.0 - tail)) if k < n else 1.0
    return low, high, n
