"""Data-copying: copies are seen, fresh samples are not, and the test is the published one."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.measuring import measure
from anyres_bench.metrics.metric import metric_from


def bank(rows: np.ndarray, first: int = 0) -> FeatureBank:
    index = np.arange(len(rows))
    return FeatureBank(index, index + first, rows.astype(np.float32))


def draw(name: str, n: int) -> np.ndarray:
    return stream(3, name).normal((n, 4))


TRAIN, OTHERS = draw("train", 300), draw("held-out", 300)
REAL = FeatureBank.of_strata({"real": bank(TRAIN), "held-out": bank(OTHERS, 1000)})


def value(metric: str, fakes: np.ndarray) -> dict[str, float]:
    return metric_from(metric).finish(REAL, bank(fakes), stream(0))


def test_fresh_samples_are_as_far_as_held_out_images() -> None:
    fresh = draw("fresh", 300)
    assert value("copy-rate", fresh)["copy_rate"] < 0.05
    found = value("copying-cells3", fresh)
    assert found["farther"] == pytest.approx(0.5, abs=0.08)
    assert abs(found["c_t"]) < 3


def test_copies_are_seen_in_their_share() -> None:
    fresh = draw("fresh", 300)
    half = np.concatenate([fresh[:150], TRAIN[:150] + 1e-4])
    assert value("copy-rate", half)["copy_rate"] == pytest.approx(0.5, abs=0.03)
    found = value("copying-cells3", half)
    assert found["farther"] == pytest.approx(0.25, abs=0.08)
    assert found["c_t"] < -3


def test_samples_that_miss_the_images_are_farther() -> None:
    found = value("copying-cells3", 3 * draw("fresh", 300))
    assert found["farther"] > 0.7
    assert found["c_t"] > 3


def test_of_one_cell_it_is_the_share_of_pairs() -> None:
    fresh = draw("fresh", 40)
    to_train = [
        np.linalg.norm(rows[:, None] - TRAIN[None], axis=2).min(axis=1) for rows in (OTHERS, fresh)
    ]
    pairs = to_train[1][:, None] > to_train[0][None]
    found = value("copying-cells1", fresh)
    assert found["farther"] == pytest.approx(pairs.mean(), abs=1e-9)
    spread = np.sqrt(300 * 40 * 341 / 12)
    assert found["c_t"] == pytest.approx((pairs.sum() - 6000) / spread, abs=1e-6)


@pytest.mark.parametrize("metric", ["copy-rate", "copying"])
def test_held_out_images_are_needed(metric: str) -> None:
    with pytest.raises(MetricError, match="reference and held-out"):
        measure(metric_from(metric), bank(TRAIN), bank(OTHERS), 0)


def test_too_few_images_for_the_cells() -> None:
    few = FeatureBank.of_strata({"real": bank(TRAIN[:4]), "held-out": bank(OTHERS, 1000)})
    with pytest.raises(MetricError, match="4 reference rows are fewer than 5 cells"):
        measure(metric_from("copying"), few, bank(OTHERS), 0)
