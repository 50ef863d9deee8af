"""Two views of one latent: do they show one picture, and how much more does the larger one show?

Agreement alone is won by blur (an enlarged image agrees with itself), detail alone by drawing
something new at every size, so `consistency` gives both: a point of a plane. Its corners are
known: bicubic enlargement agrees and lacks all detail; independent latents have the detail and do
not agree; a perfect scene has both, and so do real images shrunk to the two sizes.

Source: for overlap, EQ-T of Karras et al., "Alias-Free Generative Adversarial Networks", NeurIPS
2021, asks the same of shifted inputs; for SelfSSIM see `anyres_bench.features.selfssim`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from anyres_bench.core.seeds import Stream
from anyres_bench.features.pairs import HIGHEST_PSNR
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import column_means, pair
from anyres_bench.metrics.metric import BankMetric, required


@dataclass(frozen=True)
class Consistency(BankMetric):
    """Where a model lies in the plane of consistency and detail; features of `pair`."""

    name: ClassVar[str] = "consistency"
    dim: ClassVar[int | None] = 3
    extractor: ClassVar[str | None] = "pair"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "ssim": (-1, 1),
        "psnr": (-math.inf, HIGHEST_PSNR),
        "detail": (-math.inf, math.inf),
        "detail_error": (0, math.inf),
        "ssim_real": (-1, 1),
        "psnr_real": (-math.inf, HIGHEST_PSNR),
    }
    higher_is_better: ClassVar[Mapping[str, bool]] = {
        "ssim": True,
        "psnr": True,
        "detail_error": False,
    }
    signed: ClassVar[tuple[str, ...]] = ("detail",)
    size_of: ClassVar[Mapping[str, str]] = {"detail_error": "detail"}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """Means over items.

        `ssim` and `psnr` (dB) of the shrunk larger image and the smaller one, and the same of real
        images; `detail`, log2 of the larger image's energy above the smaller one's Nyquist
        frequency, less that of real images; `detail_error` is its size.
        """
        a, b = pair(required(real).features(), fake.features())
        (ssim_real, psnr_real, energy_real), (ssim, psnr, energy) = map(column_means, (a, b))
        detail = energy - energy_real
        return {
            "ssim": ssim,
            "psnr": psnr,
            "detail": detail,
            "detail_error": abs(detail),
            "ssim_real": ssim_real,
            "psnr_real": psnr_real,
        }


@dataclass(frozen=True)
class SelfSSIM(BankMetric):
    """ScaleParty's MS-SSIM of one latent at two sizes; features of `self-ssim`."""

    name: ClassVar[str] = "self-ssim"
    needs_real: ClassVar[bool] = False
    dim: ClassVar[int | None] = 1
    extractor: ClassVar[str | None] = "self-ssim"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"self_ssim": (0, 1)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"self_ssim": True}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"self_ssim": mean over items}; theirs is one over batches, a short one counted whole."""
        return {"self_ssim": column_means(fake.features())[0]}


@dataclass(frozen=True)
class PairLPIPS(BankMetric):
    """LPIPS of the shrunk larger view and the smaller one; features of `lpips`."""

    name: ClassVar[str] = "lpips"
    needs_real: ClassVar[bool] = False
    dim: ClassVar[int | None] = 1
    extractor: ClassVar[str | None] = "lpips"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"lpips": (0, math.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"lpips": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"lpips": mean over items}."""
        return {"lpips": column_means(fake.features())[0]}


@dataclass(frozen=True)
class Overlap(BankMetric):
    """How much the same pixels differ between two windows; features of `difference`."""

    name: ClassVar[str] = "overlap"
    needs_real: ClassVar[bool] = False
    dim: ClassVar[int | None] = 1
    extractor: ClassVar[str | None] = "difference"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"rmse": (0, 255)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"rmse": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"rmse": root mean square difference over all items, grey levels}; 0 if equivariant."""
        return {"rmse": math.sqrt(max(column_means(fake.features())[0], 0.0))}
