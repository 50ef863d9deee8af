"""PSNR and SSIM as tasks."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.features.fidelity import COLUMNS
from anyres_bench.metrics.contract import check_description
from anyres_bench.metrics.metric import metric_from
from tests.metrics.banks import bank


@pytest.mark.parametrize("name", ["psnr", "ssim"])
@pytest.mark.parametrize("channels", ["rgb", "y"])
def test_they_are_means_over_images(name: str, channels: str) -> None:
    metric = metric_from(f"{name}-{channels}")
    check_description(metric)
    rows = np.arange(8.0).reshape(2, 4) / 10
    got = metric.finish(None, bank(rows), None)[name]
    column = rows.astype(np.float32)[:, COLUMNS.index(f"{name}_{channels}")]
    assert got == float(column.mean(dtype=np.float64))


def test_rgb_is_what_is_meant_without_a_word() -> None:
    assert [metric_from(name).id for name in ("psnr", "ssim")] == ["psnr-rgb", "ssim-rgb"]
