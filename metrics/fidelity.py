"""PSNR and SSIM of images against references of equal names: means over the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from anyres_bench.core.seeds import Stream
from anyres_bench.features.fidelity import COLUMNS, HIGHEST_PSNR
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import column_means
from anyres_bench.metrics.metric import BankMetric

Channels = Literal["rgb", "y"]


@dataclass(frozen=True)
class Psnr(BankMetric):
    """PSNR, dB; of all channels or of luminance. The mean of images' own, as papers have it."""

    channels: Channels = "rgb"

    name: ClassVar[str] = "psnr"
    needs_real: ClassVar[bool] = False
    dim: ClassVar[int | None] = len(COLUMNS)
    extractor: ClassVar[str | None] = "fidelity"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"psnr": (0, HIGHEST_PSNR)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"psnr": True}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"psnr": mean over images, dB}."""
        return {"psnr": _column(fake, f"psnr_{self.channels}")}


@dataclass(frozen=True)
class Ssim(BankMetric):
    """SSIM of all channels or of luminance."""

    channels: Channels = "rgb"

    name: ClassVar[str] = "ssim"
    needs_real: ClassVar[bool] = False
    dim: ClassVar[int | None] = len(COLUMNS)
    extractor: ClassVar[str | None] = "fidelity"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"ssim": (-1, 1)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"ssim": True}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"ssim": mean over images}."""
        return {"ssim": _column(fake, f"ssim_{self.channels}")}


def _column(bank: FeatureBank, name: str) -> float:
    return column_means(bank.features())[COLUMNS.index(name)]
