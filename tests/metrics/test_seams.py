"""The seam score is calibrated on real images."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import metric_from


def bank(rows: np.ndarray) -> FeatureBank:
    index = np.arange(len(rows))
    return FeatureBank(index, index, rows.astype(np.float32))


def test_real_images_have_no_excess_and_one_in_twenty_stands_out() -> None:
    real, fake = (bank(stream(i, "seams").normal((2000, 2)) + 4) for i in range(2))
    values = metric_from("seams").finish(real, fake, stream(0))
    assert values["seam_excess"] == pytest.approx(0, abs=0.1)
    assert values["seam_share"] == pytest.approx(0.05, abs=0.02)
    strong = metric_from("seams").finish(real, bank(fake.features() + 9), stream(0))
    assert strong["seam_excess"] - values["seam_excess"] == pytest.approx(9)
    assert strong["seam_share"] == 1
