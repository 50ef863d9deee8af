"""Published scores of texture, without a reference: means over a model's images.

They reward what is hard to compress: noise has the highest GLCM entropy and the lowest compression
ratio of all. Read them beside a distance, never alone.

Source: Zhang et al., "Diffusion-4K: Ultra-High-Resolution Image Synthesis with Latent Diffusion
Models", CVPR 2025; the second dialect is that of PixVerve-95K.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from anyres_bench.core.seeds import Stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.texture import GLCM_COLUMNS, PROPERTIES
from anyres_bench.metrics.checks import column_means
from anyres_bench.metrics.metric import BankMetric


@dataclass(frozen=True)
class Glcm(BankMetric):
    """The GLCM score of a dialect; features of `glcm`.

    `diffusion4k` and `pixverve` publish the entropy of the distinct values of the co-occurrence
    matrices; `textbook` is the entropy of pairs of grey levels, bits.
    """

    dialect: Literal["diffusion4k", "pixverve", "textbook"] = "diffusion4k"

    name: ClassVar[str] = "glcm"
    needs_real: ClassVar[bool] = False
    dim: ClassVar[int | None] = len(GLCM_COLUMNS)
    extractor: ClassVar[str | None] = "glcm"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "glcm_entropy": (0, 16),
        "glcm_contrast": (0, 63**2),
        "glcm_dissimilarity": (0, 63),
        "glcm_homogeneity": (0, 1),
        "glcm_ASM": (0, 1),
        "glcm_energy": (0, 1),
        "glcm_correlation": (-1, 1),
    }
    higher_is_better: ClassVar[Mapping[str, bool]] = {"glcm_entropy": True}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """Means over images: `glcm_entropy`, the score, and in the published dialects the
        properties that are printed beside it."""
        means = dict(zip(GLCM_COLUMNS, column_means(fake.features()), strict=True))
        if self.dialect == "textbook":
            return {"glcm_entropy": means["diffusion4k", "textbook_entropy"]}
        return {f"glcm_{name}": means[self.dialect, name] for name in PROPERTIES}


@dataclass(frozen=True)
class CompressionRatio(BankMetric):
    """Bytes of plain RGB over bytes of JPEG, sums over all images; features of `jpeg95`.

    Lower means more detail in the reading of those who publish it.
    """

    name: ClassVar[str] = "compression-ratio"
    needs_real: ClassVar[bool] = False
    dim: ClassVar[int | None] = 2
    extractor: ClassVar[str | None] = "jpeg95"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"compression_ratio": (0, math.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"compression_ratio": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"compression_ratio": ratio of sums}."""
        jpeg, plain = column_means(fake.features())
        return {"compression_ratio": plain / jpeg}
