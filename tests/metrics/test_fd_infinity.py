"""FD-infinity: the intercept, without the bias of either set."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.fd_infinity import FdInfinity, at_infinity
from anyres_bench.metrics.frechet import frechet_distance

RNG = np.random.default_rng(4)


def bank(rows: np.ndarray) -> FeatureBank:
    return FeatureBank(np.arange(len(rows)), np.arange(len(rows)), rows.astype(np.float32))


def test_at_infinity_is_the_intercept() -> None:
    sizes = np.array([10, 20, 40])
    assert at_infinity(sizes, 3.0 + 50.0 / sizes) == pytest.approx(3.0)
    noisy = at_infinity([1.0, 0.5], [5.0, 4.0])  # 1 / size: 1 and 2
    assert noisy == pytest.approx(6.0)
    with pytest.raises(UsageError, match="two different sizes"):
        at_infinity([5, 5], [1.0, 2.0])


def test_both_biases_are_removed() -> None:
    """Of two Gaussians with a known distance: the plain one is far too large, ours is not."""
    dim, plain, ours = 16, [], []
    spread = np.linspace(1.3, 0.8, dim)
    truth = float(np.square(spread - 1).sum())
    for seed in range(12):
        rng = np.random.default_rng(seed)
        real = bank(rng.standard_normal((500, dim)))
        fake = bank(spread * rng.standard_normal((400, dim)))
        plain.append(frechet_distance(real.features(), fake.features()) - truth)
        ours.append(FdInfinity(points=6).finish(real, fake, stream(seed))["fd_infinity"] - truth)
    assert min(plain) > 0.2
    assert abs(np.mean(ours)) < 3 * np.std(ours) / np.sqrt(12) < 0.5 * np.mean(plain)


def test_fewer_rows_than_twice_the_dimensions_are_refused() -> None:
    rows = RNG.standard_normal((33, 16))
    FdInfinity(points=2).finish(bank(rows), bank(rows), stream(0))
    with pytest.raises(MetricError, match="smaller set has 32 rows, needs more than 32"):
        FdInfinity().finish(bank(rows), bank(rows[:32]), stream(0))
