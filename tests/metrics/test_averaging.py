"""Means over the rows of one side: the rows that metrics give average to their values."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.averaging import Averaging, averages
from anyres_bench.metrics.metric import metric_from
from anyres_bench.metrics.study import Study


def bank(seed: int, n: int, dim: int = 1, per_group: int = 1) -> FeatureBank:
    index = np.arange(n)
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    return FeatureBank(index, index // per_group, rows.astype(np.float32))


@pytest.mark.parametrize("name", ["prdc", "prdc-inclusive-k2", "precision-recall", "authpct"])
@pytest.mark.parametrize("per_group", [1, 3])
def test_rows_average_to_the_values_of_subsets(name: str, per_group: int) -> None:
    metric = metric_from(name)
    assert isinstance(metric, Averaging)
    real, fake = bank(1, 60, 3, per_group), bank(2, 45, 3, per_group)
    copies = FeatureBank(np.arange(45, 60), np.arange(15) + 99, fake.features()[:15])
    fake = fake + copies
    rng = np.random.default_rng(0)
    all_real, all_fake = np.ones(len(real), bool), np.ones(len(fake), bool)
    for side in ("real", "fake"):
        some = rng.uniform(size=60) < 0.6
        kept = (some, all_fake) if side == "real" else (all_real, some)
        all_rows, rows = metric.rows(real, fake, [(all_real, all_fake), kept])
        values = metric.finish(real.subset(kept[0]), fake.subset(kept[1]), stream(0))
        whole = metric.finish(real, fake, stream(0))
        for value, average in metric.averages.items():
            assert all_rows[value].mean() == pytest.approx(whole[value])
            if average.side != side:
                assert rows[value].mean() == pytest.approx(values[value])


def test_a_share_that_no_other_side_moves_has_the_variance_of_a_share() -> None:
    """One cluster of fakes among the reals and one far away, whichever reals are kept."""
    real = bank(1, 80, 2)
    rows = 0.01 * bank(2, 80, 2).features() + 100.0 * (np.arange(80) % 4 == 0)[:, None]
    fake = FeatureBank(np.arange(80), np.arange(80), rows.astype(np.float32))
    metric = metric_from("precision-recall")
    assert isinstance(metric, Averaging)
    found = averages(Study(metric, real, [(1.0, fake)], 0, 20), metric, real)["precision"]
    assert found.spread.variance == pytest.approx(0.75 * 0.25 / 79)
    assert found.spread.freedom <= 79 + 1e-9
    assert (found.n_effective, found.n_groups, found.average) == (pytest.approx(80), 80, True)
