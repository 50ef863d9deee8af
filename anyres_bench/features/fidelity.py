"""`fidelity`: how near an image is to its reference, pixel by pixel: PSNR and SSIM.

Of RGB, the mean over channels; and of luminance alone (ITU-R BT.601 with its footroom and
headroom, as MATLAB has it and as most of super-resolution prints it), in units of 255. No border is
cut off. Equal images have a PSNR of 100 dB.

Source: Wang et al., "Image quality assessment: from error visibility to structural similarity",
IEEE Trans. Image Processing 13(4), 2004.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.data.pixels import Pixels
from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.pairs import PairExtractor
from anyres_bench.features.selfssim import ssim_parts

COLUMNS = ("psnr_rgb", "ssim_rgb", "psnr_y", "ssim_y")
HIGHEST_PSNR = 100.0  # dB
_LUMA = np.array([65.481, 128.553, 24.966]) / 255


def build(spec: ExtractorSpec) -> PairExtractor:
    """The extractor of the spec `fidelity`."""
    spec.plain()
    return PairExtractor("fidelity", len(COLUMNS), fidelity)


def fidelity(image: Pixels, reference: Pixels) -> list[float]:
    """The numbers of `COLUMNS` of two (h, w, 3) images.

    Raises:
        UsageError: their sizes differ.
    """
    if image.shape != reference.shape:
        raise UsageError(
            f"fidelity compares images of one size; got {image.shape} and {reference.shape}"
        )
    rgb = [_planes(pixels.astype(np.float64)) for pixels in (image, reference)]
    luma = [_planes((16 + pixels @ _LUMA)[..., None]) for pixels in (image, reference)]
    return [f(*planes) for planes in (rgb, luma) for f in (psnr, ssim)]


def psnr(a: Tensor, b: Tensor) -> float:
    """PSNR in dB of two batches of levels 0 to 255; at most `HIGHEST_PSNR`."""
    error = float(torch.square(a - b).mean())
    return min(HIGHEST_PSNR, 10 * math.log10(255**2 / error)) if error else HIGHEST_PSNR


def ssim(a: Tensor, b: Tensor) -> float:
    """Mean SSIM of (1, c, h, w) levels 0 to 255."""
    return float(ssim_parts(a, b)[0][0])


def _planes(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy()).double()
