"""The perceptual distance of ESRGAN and Real-ESRGAN: VGG19's activations before their ReLUs.

Source: Wang et al., "ESRGAN", ECCV Workshops 2018, section 3.2; the weights of the layers are those
of Real-ESRGAN (ICCV Workshops 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from anyres_bench.core.errors import UsageError
from anyres_bench.features.folding import laid_out, pixel_by_pixel
from anyres_bench.features.tensors import floats_of, read_tensors
from anyres_bench.features.weights import WEIGHTS
from anyres_bench.fetching.weights import locate

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# torchvision's numbers of the convolutions; a maximum pool stands before every block but the first
_BLOCKS = ((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28, 30, 32, 34))
_LAYER_WEIGHTS = (0.1, 0.1, 1.0, 1.0, 1.0)  # of the last convolution of every block
MIN_SIDE = 16  # px; four pools leave one pixel


class VGG19Distance:
    """Weighted mean absolute differences of activations.

    Args:
        tensors: by torchvision's names, `features.{i}.{weight,bias}`.
        device: where the network runs, as torch names it.

    Raises:
        CheckpointError: a tensor is missing, or not of floats.
    """

    def __init__(self, tensors: Mapping[str, Tensor], device: str = "cpu") -> None:
        names = [
            f"features.{i}.{leaf}"
            for block in _BLOCKS
            for i in block
            for leaf in ("weight", "bias")
        ]
        own = floats_of(tensors, names, "torchvision's VGG19")
        self._tensors = {name: laid_out(tensor.to(device)) for name, tensor in own.items()}
        self._mean = torch.tensor(_MEAN, device=device).view(3, 1, 1)
        self._std = torch.tensor(_STD, device=device).view(3, 1, 1)

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance of each pair: (n, 3, h, w) in [-1, 1], twice -> (n,), with gradients.

        Raises:
            UsageError: shapes differ, or the pictures are too small.
        """
        if a.shape != b.shape or min(a.shape[2:]) < MIN_SIDE:
            raise UsageError(
                f"VGG19 got {tuple(a.shape)} and {tuple(b.shape)}; expected two equal "
                f"(n, 3, h, w) of at least {MIN_SIDE} px a side"
            )
        pairs = zip(_LAYER_WEIGHTS, self._taps(a), self._taps(b), strict=True)
        return torch.stack([w * (x - y).abs().mean((1, 2, 3)) for w, x, y in pairs]).sum(0)

    def _taps(self, images: Tensor) -> Iterator[Tensor]:
        x = pixel_by_pixel(((images + 1) / 2 - self._mean) / self._std)
        for block in _BLOCKS:
            x = F.max_pool2d(x, 2) if block is not _BLOCKS[0] else x
            for number in block:
                name = f"features.{number}"
                x = F.relu(x) if number != block[0] else x
                weight, bias = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
                x = F.conv2d(x, weight, bias, padding=1)
            yield x
            x = F.relu(x)


def load_vgg19(*, device: str = "cpu") -> VGG19Distance:
    """The distance with torchvision's weights, from the cache or downloaded.

    Raises:
        WeightsError: the weights cannot be had; the message says what to do.
    """
    return VGG19Distance(read_tensors(locate("vgg19", WEIGHTS)), device)
