"""Means and covariances of files."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.features.references import Gaussian
from anyres_bench.features.stats import Moments
from tests.reference_files import rows


def test_moments_have_the_covariance_that_the_file_has() -> None:
    features = rows()
    known = Gaussian(features.mean(0), np.cov(features, rowvar=False), 40)
    for ddof in (0, 1):
        expected = np.cov(features, rowvar=False, ddof=ddof)
        got = known.moments(ddof)
        np.testing.assert_allclose(got.covariance(ddof), expected, rtol=1e-12)
        np.testing.assert_array_equal(got.mean, features.mean(0))


def test_who_does_not_know_n_cannot_divide_by_it() -> None:
    unknown = Gaussian(np.zeros(2), np.eye(2), None)
    np.testing.assert_array_equal(unknown.moments(1).covariance(1), np.eye(2))
    with pytest.raises(MetricError, match="--reference-n"):
        unknown.moments(0)


def test_exact_sums_are_kept() -> None:
    sums = Moments.of(rows())
    assert Gaussian.of(sums).moments(0) is sums
    assert Gaussian.of(sums).digest == Gaussian.of(Moments.of(rows())).digest
    assert Gaussian.of(sums).digest != Gaussian.of(Moments.of(rows(seed=1))).digest
