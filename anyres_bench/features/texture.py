"""`glcm` and `jpeg95`: numbers of single images, from which published texture scores are means.

`glcm` has the scores of both dialects (see `anyres_bench.features.glcm`). `jpeg95` has the bytes of
an image as Pillow writes JPEG of quality 95 (4:2:0, not optimised), and as plain RGB; its id names
the JPEG library, on which these bytes depend.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, features
from torch import Tensor

from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.glcm import glcm_scores

PROPERTIES = (
    "entropy",
    "contrast",
    "dissimilarity",
    "homogeneity",
    "ASM",
    "energy",
    "correlation",
)
GLCM_COLUMNS = (
    *(("diffusion4k", name) for name in PROPERTIES),
    *(("pixverve", name) for name in PROPERTIES),
    ("diffusion4k", "textbook_entropy"),
)
"""(dialect, score) of every column."""

QUALITY = 95


class SingleImageExtractor:
    """A few numbers of each image, found by looking at it alone.

    Args:
        name: the id.
        dim: how many numbers there are.
        describe: what makes them of (h, w, 3) pixels.
    """

    n_views = 1
    is_fid = False

    def __init__(
        self, name: str, dim: int, describe: Callable[[NDArray[np.uint8]], list[float]]
    ) -> None:
        self.id, self.dim, self._describe = name, dim, describe

    def __call__(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) uint8 to (n, dim) float32."""
        pixels = images.permute(0, 2, 3, 1).cpu().contiguous().numpy()
        rows = [self._describe(image) for image in pixels]
        return torch.from_numpy(np.asarray(rows, np.float32).reshape(-1, self.dim))


def build(spec: ExtractorSpec) -> SingleImageExtractor:
    """The extractor of the spec `glcm`; images need a side of 64 px."""
    spec.plain()
    return SingleImageExtractor("glcm", len(GLCM_COLUMNS), texture_scores)


def build_jpeg(spec: ExtractorSpec) -> SingleImageExtractor:
    """The extractor of the spec `jpeg95`."""
    spec.plain()
    turbo = features.version_feature("libjpeg_turbo")
    library = f"libjpeg-turbo-{turbo}" if turbo else f"libjpeg-{features.version_codec('jpg')}"
    return SingleImageExtractor(f"jpeg95@{library}", 2, jpeg_bytes)


def texture_scores(image: NDArray[np.uint8]) -> list[float]:
    """The scores of `GLCM_COLUMNS` of an (h, w, 3) image.

    Raises:
        MetricError: no patch of 64 px fits.
    """
    scores = {dialect: glcm_scores(image, dialect) for dialect in ("diffusion4k", "pixverve")}
    return [scores[dialect][name] for dialect, name in GLCM_COLUMNS]


def jpeg_bytes(image: NDArray[np.uint8]) -> list[float]:
    """Bytes of an (h, w, 3) image as JPEG, and as plain RGB."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=QUALITY)
    return [float(len(file.getvalue())), float(image.size)]
