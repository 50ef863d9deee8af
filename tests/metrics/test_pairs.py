"""Consistency and detail, SelfSSIM, LPIPS, overlap: means of what extractors give."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import Pixels, resize_uint8
from anyres_bench.data.scenes import SCENES
from anyres_bench.features.pairs import HIGHEST_PSNR, agreement
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


N, SMALL, LARGE = 10, Size(32, 32), Size(128, 128)


def plane(small: list[Pixels], large: list[Pixels], real: FeatureBank) -> dict[str, float]:
    rows = [agreement(a, b) for a, b in zip(small, large, strict=True)]
    return metric_from("consistency").finish(real, bank(rows), stream(0))


def test_scenes_lie_where_they_should_in_the_plane_of_consistency_and_detail() -> None:
    """The corners: a perfect scene, an enlarged one, and another one at every size."""
    large = [SCENES.picture(i, Region(Size(512, 512), 100, 200, LARGE)) for i in range(2 * N)]
    small = [resize_uint8(each, SMALL, "lanczos") for each in large]
    real = bank([agreement(a, b) for a, b in zip(small[:N], large[:N], strict=True)])
    small, large = small[N:], large[N:]
    energies = real.features()[:, 2]
    chance = 4 * float(np.sqrt(2 / N)) * float(energies.std(ddof=1))

    perfect = plane(small, large, real)
    assert perfect["ssim"] == pytest.approx(1, abs=1e-6)
    assert perfect["psnr"] == pytest.approx(HIGHEST_PSNR, abs=1e-3)
    assert abs(perfect["detail"]) < chance

    bicubic = plane(small, [resize_uint8(a, LARGE, "bicubic") for a in small], real)
    assert bicubic["ssim"] > 0.97
    assert bicubic["detail"] < perfect["detail"] - 3

    independent = plane(small[1:] + small[:1], large, real)
    assert independent["ssim"] < 0.5
    assert independent["psnr"] < 25
    assert independent["detail"] == pytest.approx(perfect["detail"])


def test_a_scene_rendered_at_two_sizes_is_nearly_one_picture() -> None:
    """Each pixel of a scene is antialiased by itself, not by a Lanczos filter: 0.75 to 0.95."""
    rows = [
        agreement(*(SCENES.picture(i, Region.whole(size)) for size in (SMALL, LARGE)))
        for i in range(N)
    ]
    ssim, psnr, _ = np.mean(rows, axis=0)
    assert 0.75 < ssim < 0.95
    assert psnr > 26
