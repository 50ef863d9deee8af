"""Distances to moments of a file."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.features.references import Gaussian
from anyres_bench.features.stats import FeatureBank, Moments
from anyres_bench.metrics.contract import check_metric
from anyres_bench.metrics.fixed_reference import FrechetToFile
from anyres_bench.metrics.frechet import Frechet, frechet_distance, moments_of
from anyres_bench.metrics.measuring import measure
from tests.reference_files import rows


def bank(features: np.ndarray) -> FeatureBank:
    index = np.arange(len(features))
    return FeatureBank(index, index, features.astype(np.float32))


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("n", [5, 40])
def test_the_distance_is_that_of_the_rows(ddof: int, n: int) -> None:
    real, fake = rows().astype(np.float32), rows(n, seed=1).astype(np.float32)
    metric = FrechetToFile(Frechet(ddof), Gaussian.of(moments_of(real)))
    got = metric.finish(None, bank(fake), None)["frechet"]
    assert got == pytest.approx(frechet_distance(real, fake, ddof), rel=1e-11)
    assert metric.id == f"frechet-ddof{ddof}"


def test_of_exact_sums_it_is_the_same_number() -> None:
    real, fake = rows().astype(np.float32), rows(seed=1).astype(np.float32)
    metric = FrechetToFile(Frechet(), Gaussian.of(moments_of(real)))
    assert metric.finish(None, bank(fake), None)["frechet"] == frechet_distance(real, fake)


def test_it_keeps_the_contract_and_its_intervals_are_of_the_fakes() -> None:
    reference = Gaussian.of(Moments.of(rows()))
    check_metric(FrechetToFile(Frechet(), reference))
    measured = measure(FrechetToFile(Frechet(), reference), None, bank(rows(60, seed=1)), 0)
    assert measured.intervals["frechet"].folds.keys() == {"fake"}


def test_what_cannot_be_compared_is_refused() -> None:
    unknown = Gaussian(np.zeros(6), np.eye(6), None)
    with pytest.raises(MetricError, match="--reference-n"):
        FrechetToFile(Frechet(0), unknown).finish(None, bank(rows()), None)
    with pytest.raises(MetricError, match="6 dimensions and the fake features 5"):
        FrechetToFile(Frechet(), unknown).finish(None, bank(rows(dim=5)), None)
