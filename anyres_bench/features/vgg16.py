"""VGG16's second fully connected layer: the features of precision and recall as published.

Three dialects of it are in use, and their numbers do not mix; this is torch-fidelity's: pictures
squashed to 224 px by TensorFlow's old bilinear rule, torchvision's weights, and the second linear
layer after its ReLU (`fc2` is without it).

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks ...", ICLR 2015; Kynkaanniemi et
al., "Improved Precision and Recall Metric ...", NeurIPS 2019 (its use).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.core.geometry import Size
from anyres_bench.data.resize import MODES, resize
from anyres_bench.features.batches import images_at_once, in_batches, upload
from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.folding import laid_out, pixel_by_pixel
from anyres_bench.features.tensors import floats_of, read_weights
from anyres_bench.features.weights import WEIGHTS
from anyres_bench.fetching.weights import locate

SIDE = 224
DIM = 4096
TAPS = ("fc2_relu", "fc2")
RESIZES = ("legacy_tensorflow", *sorted(MODES.keys() - {"legacy_tensorflow"}))
"""How images get the network's size; the first is torch-fidelity's."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# torchvision's numbers of the convolutions; a maximum pool stands behind every block
_BLOCKS = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
_LINEAR = ("classifier.0", "classifier.3")


class VGG16:
    """The network's features of images of any size.

    Args:
        tensors: by torchvision's names; the last layer is not used.
        tap: a name of `TAPS`.
        source: names the weights in the id.
        device: where the network runs, as torch names it.
        resize_mode: a name of `RESIZES`.

    Raises:
        CheckpointError: a tensor is missing, or not of floats.
    """

    n_views = 1
    is_fid = False

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        tap: str = TAPS[0],
        source: str = "",
        device: str = "cpu",
        resize_mode: str = RESIZES[0],
    ) -> None:
        layers = [f"features.{i}" for block in _BLOCKS for i in block] + list(_LINEAR)
        names = [f"{layer}.{leaf}" for layer in layers for leaf in ("weight", "bias")]
        own = floats_of(tensors, names, "torchvision's VGG16")
        self._tensors = {name: laid_out(tensor.to(device)) for name, tensor in own.items()}
        self._tap, self._source, self._device = tap, source, torch.device(device)
        self.n_at_once = images_at_once(self._device)
        self._mean, self._std = (
            255 * torch.tensor(v).view(3, 1, 1).to(device) for v in (_MEAN, _STD)
        )
        self._resize_mode = resize_mode

    @property
    def id(self) -> str:
        """The network, its weights where they are not the registered ones, tap and resize."""
        options = ((self._tap, TAPS[0]), (self._resize_mode, RESIZES[0]))
        return f"vgg16{self._source}" + "".join(f"+{own}" for own, usual in options if own != usual)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return DIM

    def __call__(self, images: Tensor) -> Tensor:
        """Features of a batch, (n, 3, h, w) uint8 to (n, 4096) float32."""
        return in_batches(self._batch, images, self.n_at_once, DIM, self._device)

    @torch.inference_mode()
    def _batch(self, images: Tensor) -> Tensor:
        x = resize(upload(images, self._device), Size.square(SIDE), self._resize_mode)
        filled = torch.cat([x, x[-1:].expand(self.n_at_once - len(x), -1, -1, -1)])
        return self.features(filled)[self._tap][: len(images)]

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """Both taps of resized pictures, (n, 3, 224, 224) float32 in [0, 255]."""
        x = pixel_by_pixel((x - self._mean) / self._std)
        for block in _BLOCKS:
            for i in block:
                x = F.relu(F.conv2d(x, *self._layer(f"features.{i}"), padding=1), inplace=True)
            x = F.max_pool2d(x, 2)
        x = F.relu(F.linear(x.flatten(1), *self._layer(_LINEAR[0])))
        fc2 = F.linear(x, *self._layer(_LINEAR[1]))
        return {"fc2": fc2, "fc2_relu": F.relu(fc2)}

    def _layer(self, name: str) -> tuple[Tensor, Tensor]:
        return self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]


def build(spec: ExtractorSpec) -> VGG16:
    """`vgg16[@file:PATH][+fc2][+resize]`.

    Raises:
        UnknownNameError: another option.
        WeightsError, CheckpointError: the weights cannot be had, or are another network's.
    """
    tap, resize_mode = spec.pick(TAPS, RESIZES)
    path = spec.file or locate("vgg16", WEIGHTS, accept_licence=spec.accept_licence)
    weights = read_weights(path)
    own = "" if weights.sha256 == WEIGHTS["vgg16"].sha256 else f"@sha256:{weights.sha256[:16]}"
    return VGG16(weights.tensors, tap, own, spec.device, resize_mode)
