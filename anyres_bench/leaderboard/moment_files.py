"""Moments in a submission: mean and covariance of every set of features, no row of them.

They are smaller than features and show no single image. The Frechet distance follows from them,
and what is made of it over canvas sizes and shapes; no other value does, and no interval.

A file holds `count`, (1,) int64, `mean`, (dim,) float64, and rows of `scatter`, (rows, dim)
float64: the sum of (x - mean)(x - mean)^T. Files of one set hold its rows one after another; the
header is that of features.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DataError
from anyres_bench.evaluation.strata import side_of
from anyres_bench.features.stats import FeatureBank, Moments
from anyres_bench.leaderboard.feature_files import header_of, set_stem, tensors_of
from anyres_bench.leaderboard.submission import MOMENTS
from anyres_bench.metrics.frechet import Frechet, frechet_from_moments, moments_of
from anyres_bench.metrics.metric import Metric
from anyres_bench.metrics.strata import StrataSummary

_SHARD = 1 << 25  # bytes of rows of a file
_LARGEST_COUNT = 1 << 40
_ROUNDING = 1e-9  # of a covariance that is symmetric, of the root of its variances


def follows(metric: Metric) -> bool:
    """Whether all values of a metric follow from moments of both sides."""
    of = metric.of if isinstance(metric, StrataSummary) else metric
    return isinstance(of, Frechet)


def moment_stem(key: Mapping[str, Any], extractor: str) -> str:
    """The beginning of the names of the files of one set of samples by one extractor."""
    return set_stem(MOMENTS, key, extractor)


def moment_files(
    bank: FeatureBank, key: Mapping[str, Any], extractor: str
) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the files of a bank's moments."""
    made = moments_of(bank.features())
    scatter = made.covariance(0) * made.count
    scatter = (scatter + scatter.T) / 2
    n_rows = max(1, _SHARD // scatter[:1].nbytes)
    for start in range(0, len(scatter), n_rows):
        tensors = {
            "count": np.array([made.count], np.int64),
            "mean": made.mean,
            "scatter": np.ascontiguousarray(scatter[start : start + n_rows]),
        }
        name = f"{moment_stem(key, extractor)}{start:09}.safetensors"
        yield name, save(tensors, header_of(key, extractor))


def read_moments(inside: Enclosure, names: Iterable[str]) -> Moments:
    """The moments of one set, of all its files.

    Raises:
        DataError: a file is damaged, they do not belong together, or no features have such moments.
    """
    parts = [tensors_of(inside, name, ("count", "mean", "scatter")) for name in sorted(names)]
    first = parts[0]
    for part in parts:
        kinds = [part[name].dtype for name in ("count", "mean", "scatter")]
        fits = kinds == [np.int64, np.float64, np.float64] and part["count"].shape == (1,)
        alike = all(np.array_equal(part[name], first[name]) for name in ("count", "mean"))
        if not fits or not alike or part["scatter"].shape[1:] != first["mean"].shape:
            raise DataError(
                "files of moments do not belong together: expected count (1,) int64, mean (dim,) "
                "float64 and rows of scatter (rows, dim) float64, of one count and mean"
            )
    count, mean = int(first["count"][0]), first["mean"]
    scatter = np.concatenate([part["scatter"] for part in parts])
    _check_scatter(count, mean, scatter)
    return Moments(count, mean, np.zeros_like(mean), scatter)


def _check_scatter(count: int, mean: NDArray[Any], scatter: NDArray[Any]) -> None:
    if mean.ndim != 1 or scatter.shape != (len(mean), len(mean)):
        raise DataError(f"scatter is {scatter.shape} and mean {mean.shape}, expected (dim, dim)")
    if not 0 < count < _LARGEST_COUNT:
        raise DataError(f"moments of {count} rows")
    if not (np.isfinite(mean).all() and np.isfinite(scatter).all()):
        raise DataError("moments are not finite")
    variances = np.diag(scatter)
    if (variances < 0).any():
        raise DataError("a variance is negative: no features have such moments")
    root = np.sqrt(variances)
    most = np.outer(root, root)
    slack = _ROUNDING * float(most.max(initial=0.0))
    if (np.abs(scatter - scatter.T) > slack).any() or (np.abs(scatter) > most + slack).any():
        raise DataError(
            "scatter is not symmetric, or a covariance exceeds its variances: no features have "
            "such moments"
        )


def moment_values(metric: Metric, sides: Mapping[str, Moments]) -> dict[str, float]:
    """All values of a metric that `follows` from moments.

    Args:
        metric: of the Frechet distance, or a summary of it.
        sides: by side and stratum, as `state_name` names them.

    Raises:
        DataError: a side lacks a stratum.
        MetricError: the metric is not defined on them.
    """
    of = metric.of if isinstance(metric, StrataSummary) else metric
    assert isinstance(of, Frechet)
    fakes = {name.partition("@")[2]: one for name, one in sides.items() if side_of(name) == "fake"}
    reals = {name.partition("@")[2]: one for name, one in sides.items() if side_of(name) == "real"}
    if not fakes or fakes.keys() != reals.keys():
        raise DataError("both sides need moments of the same strata")
    values = {
        label: {"frechet": frechet_from_moments(reals[label], fakes[label], of.ddof)}
        for label in fakes
    }
    return metric.of_strata(values) if isinstance(metric, StrataSummary) else values[""]
