"""GLCM scores and the compression ratio of a set of images."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.features.glcm import compression_ratio
from anyres_bench.features.texture import GLCM_COLUMNS
from anyres_bench.metrics.contract import check_description
from anyres_bench.metrics.metric import metric_from
from anyres_bench.metrics.texture import CompressionRatio, Glcm
from tests.metrics.banks import bank


@pytest.mark.parametrize("dialect", ["diffusion4k", "pixverve", "textbook"])
def test_scores_are_means_of_their_own_columns(dialect: str) -> None:
    metric = metric_from(f"glcm-{dialect}")
    check_description(metric)
    assert metric == Glcm(dialect)
    rows = np.random.default_rng(0).uniform(0, 1, (6, len(GLCM_COLUMNS)))
    values = metric.finish(None, bank(rows), None)
    column = ("diffusion4k", "textbook_entropy") if dialect == "textbook" else (dialect, "entropy")
    expected = rows.astype(np.float32)[:, GLCM_COLUMNS.index(column)].mean(dtype=np.float64)
    assert values["glcm_entropy"] == expected
    assert len(values) == (1 if dialect == "textbook" else 7)


def test_the_ratio_is_one_of_sums() -> None:
    check_description(CompressionRatio())
    sizes = [1000, 3000, 500]
    rows = np.array([[n, 64 * 64 * 3] for n in sizes])
    got = CompressionRatio().finish(None, bank(rows), None)["compression_ratio"]
    assert got == pytest.approx(compression_ratio(sizes, 64))
