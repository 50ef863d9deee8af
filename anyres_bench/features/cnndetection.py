"""CNNDetection: a ResNet-50 that scores how synthetic a picture looks.

The score is a logit: above 0 the network calls the picture synthetic. It is no calibrated
probability, and it rests on the finest detail: pictures that were resized or stored as JPEG on the
way score otherwise, so compare only pictures with one history and one preprocessing rule.

Source: Wang et al., "CNN-generated images are surprisingly easy to spot... for now", CVPR 2020;
He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn import functional as F

from anyres_bench.core.errors import CheckpointError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.registry import shown
from anyres_bench.core.states import misfits
from anyres_bench.data.resize import MODES, resize
from anyres_bench.features.batches import in_batches, upload
from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.folding import arranged, folded, pixel_by_pixel
from anyres_bench.features.tensors import Undrawn, read_weights
from anyres_bench.features.weights import WEIGHTS
from anyres_bench.fetching.weights import locate

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FILES = {"": "cnndetection-prob0.5", "prob0.1": "cnndetection-prob0.1"}
"""Option -> registered weights: trained with blur and JPEG on half or on a tenth of the images."""

_MOST_COMPARED = 100  # unknown names, of which a file may have any number


class _Bottleneck(nn.Module):
    def __init__(self, n_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample: nn.Sequential | None = None
        if n_in != 4 * width:
            shortcut = nn.Conv2d(n_in, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(y)) + shortcut, inplace=True)


class ResNet50(nn.Module):
    """ResNet-50 with one output and the usual names: (n, 3, h, w) normalised -> (n, 1) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, 3, stride=1)
        self.layer2 = _stage(256, 128, 4, stride=2)
        self.layer3 = _stage(512, 256, 6, stride=2)
        self.layer4 = _stage(1024, 512, 3, stride=2)
        self.fc = nn.Linear(2048, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x)), inplace=True), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits


def _stage(n_in: int, width: int, n_blocks: int, stride: int) -> nn.Sequential:
    rest = (_Bottleneck(4 * width, width, 1) for _ in range(n_blocks - 1))
    return nn.Sequential(_Bottleneck(n_in, width, stride), *rest)


def load_network(state: Mapping[str, Tensor], source: str) -> ResNet50:
    """The network with the tensors of a file.

    Args:
        state: by the usual names; old files lack the counters of batch norm.
        source: where they are from, for the message.

    Raises:
        CheckpointError: names, shapes or kinds are not this network's; lists the nearest names.
    """
    with Undrawn():
        network = ResNet50().eval().requires_grad_(False)
    own = {name: tensor for name, tensor in network.state_dict().items() if tensor.ndim}
    given = {name: t for name, t in state.items() if not name.endswith("num_batches_tracked")}
    missing, other = [name for name in own if name not in given], misfits(own, given)
    unknown = [shown(name) for name in sorted(given.keys() - own.keys())]
    if missing or other or unknown:
        rows = [f"{name}{_hint(name, unknown[:_MOST_COMPARED])}" for name in missing[:10]] + other
        raise CheckpointError(
            f"{source} is not the state of the CNNDetection ResNet-50: {len(missing + other)} "
            f"tensors are missing or of another shape or kind, {len(unknown)} are unknown "
            f"({', '.join(unknown[:3])})\n" + "\n".join(f"    {row}" for row in rows[:10])
        )
    network.load_state_dict(given, strict=False)
    return network


def _hint(name: str, unknown: list[str]) -> str:
    close = difflib.get_close_matches(name, unknown, n=1)
    return f" (nearest: {close[0]})" if close else ""


@dataclass(frozen=True)
class Preparation:
    """How a picture is prepared.

    Attributes:
        resize: length that the shorter side gets first; None leaves the picture.
        crop: side of the centre square that is seen; None sees all.
    """

    resize: int | None = None
    crop: int | None = None


RULES = {
    "crop224": Preparation(crop=224),  # the published numbers; smaller pictures get a black frame
    "nocrop": Preparation(),  # the authors' demo, and their later advice
    "resize256": Preparation(resize=256, crop=224),  # validation during training
}


RESIZES = ("quantised-bilinear", *sorted(MODES.keys() - {"quantised-bilinear"}))
"""How `resize256` resizes; the first is the authors'."""


def prepare(pixels: NDArray[np.uint8], rule: Preparation, resize_mode: str = RESIZES[0]) -> Tensor:
    """One picture, (h, w, 3) RGB, as the network wants it: (1, 3, h, w) float32."""
    tensor = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
    if rule.resize is not None:
        tensor = resize(tensor, shorter_side(Size(*pixels.shape[:2]), rule.resize), resize_mode)
    if rule.crop is not None:
        tensor = centre_crop(tensor, rule.crop)
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (MEAN, STD))
    return (tensor.float() / 255 - mean) / std


def centre_crop(images: Tensor, side: int) -> Tensor:
    """The centre square of (n, c, h, w); smaller images are centred in black first."""
    h, w = images.shape[2:]
    down, across = max(side - h, 0), max(side - w, 0)
    images = F.pad(images, (across // 2, -(-across // 2), down // 2, -(-down // 2)))
    top, left = (round((length - side) / 2) for length in images.shape[2:])
    return images[:, :, top : top + side, left : left + side]


def shorter_side(size: Size, side: int) -> Size:
    """The size whose shorter side has `side` px, of the same aspect; fractions are cut off."""
    return Size(*(side * length // size.shorter for length in size))


def blur(pixels: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Gaussian blur of the training: fractions are cut off after each axis, which darkens."""
    channels = [gaussian_filter(pixels[..., c], sigma, output=np.uint8) for c in range(3)]
    return np.stack(channels, axis=-1)


class CNNDetection:
    """The detector as an extractor of one number.

    Args:
        path: an official checkpoint.
        rule: a name of `RULES`.
        device: where the network runs, as torch names it.
        resize_mode: a name of `RESIZES`, where the rule resizes.
    """

    dim = 1
    n_views = 1
    is_fid = False

    def __init__(
        self,
        path: Path,
        rule: str = "crop224",
        device: str = "cpu",
        resize_mode: str = RESIZES[0],
    ) -> None:
        weights = read_weights(path, "model")
        network = load_network(weights.tensors, path.name)
        self._network = arranged(folded(network).to(device))
        self._rule, self._device = RULES[rule], torch.device(device)
        self._resize_mode = resize_mode
        how = rule if resize_mode == RESIZES[0] else f"{rule}+{resize_mode}"
        self.id = f"cnndetection{_source(weights.sha256)}+{how}"

    def __call__(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) uint8 -> (n, 1) float32 logits; pictures go in one at a time."""
        return in_batches(self._logit, images, 1, 1, self._device)

    @torch.inference_mode()
    def _logit(self, image: Tensor) -> Tensor:
        picture = image[0].permute(1, 2, 0).cpu().numpy()
        shown = prepare(picture, self._rule, self._resize_mode)
        logit: Tensor = self._network(pixel_by_pixel(upload(shown, self._device)))
        return logit.float()


def _source(digest: str) -> str:
    """What the id says of the weights: a registered file's name, or the digest of another."""
    for option, name in FILES.items():
        if name in WEIGHTS and WEIGHTS[name].sha256 == digest:
            return f"+{option}" if option else ""
    return f"@sha256:{digest[:16]}"


def build(spec: ExtractorSpec) -> CNNDetection:
    """The extractor of a spec: `cnndetection[@file:PATH][+rule][+resize][+prob0.1]`."""
    rule, file, resize_mode = spec.pick(list(RULES), list(FILES), RESIZES)
    if resize_mode != RESIZES[0] and RULES[rule].resize is None:
        raise UsageError(f"cnndetection+{rule} resizes nothing; +{resize_mode} goes with resize256")
    if spec.file is not None and file:
        raise UsageError(f"cnndetection: +{file} and @file:{spec.file} exclude each other")
    path = spec.file or locate(FILES[file], WEIGHTS, accept_licence=spec.accept_licence)
    return CNNDetection(path, rule, spec.device, resize_mode)
