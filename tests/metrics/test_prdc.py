"""Neighbourhoods: exact to the last sample, whatever the block size, offset or clustering."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.metrics import neighbours
from anyres_bench.metrics.neighbours import Ties
from anyres_bench.metrics.prdc import prdc


def by_definition(real: np.ndarray, fake: np.ndarray, k: int, ties: Ties) -> dict[str, float]:
    """All pairs by direct differences in float64."""

    def squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.square(a[:, None].astype(np.float64) - b[None]).sum(axis=-1)

    def radii(x: np.ndarray) -> np.ndarray:
        return np.sort(squared(x, x), axis=1)[:, k]

    d = squared(real, fake)
    inside = np.less if ties == "strict" else np.less_equal
    in_real, in_fake = inside(d, radii(real)[:, None]), inside(d, radii(fake)[None])
    return {
        "precision": in_real.any(axis=0).mean(),
        "recall": in_fake.any(axis=1).mean(),
        "density": in_real.sum() / (k * len(fake)),
        "coverage": in_real.any(axis=1).mean(),
    }


def gaussian(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal((90, 16)), 0.9 * rng.standard_normal((70, 16))


def far_away(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return tuple(x + 3000 for x in gaussian(rng))


def integer_grid(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.integers(0, 4, (80, 3)), rng.integers(0, 4, (60, 3))


def one_fake_image(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    real = rng.standard_normal((50, 8))
    return real, np.repeat(real[:1] + 0.1, 40, axis=0)


def copies(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    real = rng.standard_normal((40, 8))
    return np.concatenate([real, real[:5], real[:5]]), np.concatenate([real[:9]] * 4)


def tight_cluster(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Fake images that differ by less than float32 products can tell."""
    real = rng.standard_normal((60, 32))
    return real, 40 + 1e-4 * rng.standard_normal((90, 32))


def wide_range(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    scale = 10.0 ** rng.integers(-18, 18, (50, 1))
    return scale * rng.standard_normal((50, 6)), scale[::-1] * rng.standard_normal((50, 6))


SETS = [gaussian, far_away, integer_grid, one_fake_image, copies, tight_cluster, wide_range]


@pytest.mark.parametrize("ties", ["strict", "inclusive"])
@pytest.mark.parametrize("tile", [7, 4096])
@pytest.mark.parametrize("make", SETS, ids=lambda f: f.__name__)
def test_exact(make: object, tile: int, ties: Ties, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_TILE", tile)
    real, fake = (x.astype(np.float32) for x in make(np.random.default_rng(8)))  # type: ignore[operator]
    for k in (1, 4):
        want = by_definition(real, fake, k, ties)
        assert prdc(real, fake, k, ties) == pytest.approx(want, abs=1e-13)


def test_float64_features_and_identical_sets() -> None:
    real = np.random.default_rng(3).standard_normal((70, 9))
    got = prdc(real, real, 3, "inclusive")
    assert got == pytest.approx({"precision": 1, "recall": 1, "density": 4 / 3, "coverage": 1})
    near = real + 1e-9
    assert prdc(real, near, 3, "strict") == pytest.approx(by_definition(real, near, 3, "strict"))


def test_points_on_a_line_by_hand() -> None:
    real = np.array([[0.0], [1.0], [3.0], [7.0]])
    fake = np.array([[2.0], [2.5], [20.0]])
    # real radii (k = 1): 1, 1, 2, 4; fake radii: 0.5, 0.5, 17.5
    # 2 and 2.5 lie in the ball of 3, and 2 on the rim of that of 1; 3 and 7 in the ball of 20
    strict = {"precision": 2 / 3, "recall": 2 / 4, "density": 2 / 3, "coverage": 1 / 4}
    assert prdc(real, fake, 1, "strict") == pytest.approx(strict)
    rim = strict | {"density": 3 / 3, "coverage": 2 / 4}
    assert prdc(real, fake, 1, "inclusive") == pytest.approx(rim)
    without = prdc(real, fake, 1, "strict", with_recall=False)
    assert without == pytest.approx({k: v for k, v in strict.items() if k != "recall"})


@pytest.mark.parametrize(("k", "message"), [(4, "k is 4 and the smaller set has 4"), (9, "k is 9")])
def test_k_must_be_smaller_than_both_sets(k: int, message: str) -> None:
    x = np.random.default_rng(0).standard_normal((9, 3))
    with pytest.raises(MetricError, match=message):
        prdc(x, x[:4], k, "strict")


def test_other_options_are_refused() -> None:
    x = np.eye(4)
    with pytest.raises(UsageError, match="k >= 1"):
        prdc(x, x, 0, "strict")
    with pytest.raises(UsageError, match="strict or inclusive"):
        prdc(x, x, 1, "loose")  # type: ignore[arg-type]
    with pytest.raises(MetricError, match="not finite"):
        prdc(x, np.full((4, 4), np.inf), 1, "strict")
