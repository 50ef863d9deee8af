"""Consistency and detail, SelfSSIM, LPIPS, overlap: means of what extractors give."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import metric_from


def bank(rows: list[list[float]]) -> FeatureBank:
    index = np.arange(len(rows))
    return FeatureBank(index, index, np.asarray(rows, np.float32))


def test_detail_is_signed_and_its_error_is_not() -> None:
    real = bank([[0.9, 40, 5], [1.0, 50, 7]])
    fake = bank([[0.5, 20, 2], [0.5, 30, 4]])
    values = metric_from("consistency").finish(real, fake, stream(0))
    expected = {"ssim": 0.5, "psnr": 25, "detail": -3, "detail_error": 3, "psnr_real": 45}
    assert {name: values[name] for name in expected} == pytest.approx(expected)
    assert values["ssim_real"] == pytest.approx(0.95)


def test_the_others_need_no_real_side() -> None:
    fake = bank([[0.25], [0.75]])
    for name, value in (("self-ssim", "self_ssim"), ("lpips", "lpips")):
        assert metric_from(name).finish(None, fake, stream(0)) == {value: 0.5}
    assert metric_from("overlap").finish(None, bank([[9], [7]]), stream(0))["rmse"] == 8**0.5


def test_nothing_is_refused() -> None:
    with pytest.raises(MetricError, match="0 rows"):
        metric_from("overlap").finish(None, bank([[1]]).subset(np.zeros(1, bool)), stream(0))
