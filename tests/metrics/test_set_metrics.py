"""Inception score, Vendi score, AuthPct and FD-infinity by hand and by their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.authenticity import authentic_percent
from anyres_bench.metrics.fd_infinity import FdInfinity, at_infinity
from anyres_bench.metrics.frechet import frechet_distance
from anyres_bench.metrics.inception_score import inception_score
from anyres_bench.metrics.vendi import vendi_score

RNG = np.random.default_rng(4)


def bank(rows: np.ndarray) -> FeatureBank:
    return FeatureBank(np.arange(len(rows)), np.arange(len(rows)), rows.astype(np.float32))


# --- inception score -------------------------------------------------------------------------


def test_sure_and_varied_is_the_number_of_classes() -> None:
    logits = np.tile(1e4 * np.eye(5), (6, 1))
    assert inception_score(logits, splits=3) == pytest.approx((5.0, 0.0))
    assert inception_score(logits[:1], splits=1) == pytest.approx((1.0, 0.0))


def test_inception_score_of_two_images_by_hand() -> None:
    p = np.array([[0.5, 0.5], [0.75, 0.25]])
    marginal = np.array([0.625, 0.375])
    kl = (p * np.log(p / marginal)).sum(axis=1).mean()
    assert inception_score(np.log(p) + 7.0, splits=1)[0] == pytest.approx(np.exp(kl), rel=1e-14)


def test_every_row_is_in_a_split() -> None:
    logits = RNG.standard_normal((11, 4))
    mean, std = inception_score(logits, splits=3)
    parts = [inception_score(part, 1)[0] for part in (logits[:3], logits[3:7], logits[7:])]
    assert (mean, std) == pytest.approx((np.mean(parts), np.std(parts)))


def test_inception_score_refuses() -> None:
    with pytest.raises(MetricError, match="needs at least 10"):
        inception_score(np.zeros((9, 4)))
    with pytest.raises(MetricError, match="not finite"):
        inception_score(np.full((20, 4), np.inf))
    with pytest.raises(UsageError, match="splits is 0"):
        inception_score(np.zeros((9, 4)), splits=0)


# --- vendi -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, np.inf])
def test_vendi_counts_different_directions(order: float) -> None:
    assert vendi_score(np.repeat(np.eye(7)[:4], 3, axis=0), order) == pytest.approx(4.0)
    assert vendi_score(np.outer(RNG.uniform(1, 2, 9), np.ones(5)), order) == pytest.approx(1.0)


@pytest.mark.parametrize("shape", [(12, 30), (30, 12)])
def test_vendi_is_the_entropy_of_the_kernel(shape: tuple[int, int]) -> None:
    x = RNG.standard_normal(shape)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(unit @ unit.T / len(x)).clip(1e-300)
    assert vendi_score(x) == pytest.approx(np.exp(-(values * np.log(values)).sum()), rel=1e-10)


def test_vendi_of_unequal_shares_by_hand() -> None:
    x = np.eye(3)[[0, 0, 0, 1]]
    assert vendi_score(x) == pytest.approx(np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)))
    assert vendi_score(x, order=2) == pytest.approx(1 / (0.75**2 + 0.25**2))
    assert vendi_score(x, order=np.inf) == pytest.approx(1 / 0.75)


def test_vendi_refuses_rows_without_direction() -> None:
    with pytest.raises(MetricError, match="1 of 3 feature rows are zero"):
        vendi_score(np.array([[1.0, 0], [0, 0], [0, 1]]))


# --- authpct ---------------------------------------------------------------------------------


def test_authenticity_by_hand() -> None:
    train = np.array([[0.0], [1.0], [10.0]])
    # 0.1: 0 is nearest, at 0.1 < 1, a copy; 2.5: 1 is nearest, at 1.5 > 1; 30: 10, at 20 > 9
    assert authentic_percent(train, [[0.1], [2.5], [30.0]]) == pytest.approx(200 / 3)
    assert authentic_percent(train, train) == 0.0


def test_authenticity_is_its_definition_and_copies_lower_it() -> None:
    train, new = RNG.standard_normal((60, 6)), 1.5 * RNG.standard_normal((50, 6))
    d = np.linalg.norm(new[:, None] - train, axis=-1)
    own = np.linalg.norm(train[:, None] - train, axis=-1) + np.diag(np.full(60, np.inf))
    want = 100 * np.mean(own.min(axis=1)[d.argmin(axis=1)] < d.min(axis=1))
    assert authentic_percent(train, new) == pytest.approx(want)
    assert (
        0 < authentic_percent(train, np.concatenate([new, train[:50]])) == pytest.approx(want / 2)
    )


def test_authenticity_needs_two_training_points() -> None:
    with pytest.raises(MetricError, match="real features: got 1 rows"):
        authentic_percent(np.ones((1, 2)), np.ones((3, 2)))


# --- FD-infinity -----------------------------------------------------------------------------


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
