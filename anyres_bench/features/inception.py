"""Inception-v3 of the 2015-12-05 graph: the network behind FID, from the published weights.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016;
Heusel et al., "GANs Trained by a Two Time-Scale Update Rule ...", NeurIPS 2017 (FID).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.resize import MODES, resize
from anyres_bench.features.batches import images_at_once, in_batches, upload
from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.folding import arranged, folded, pixel_by_pixel
from anyres_bench.features.inception_network import SPATIAL, InceptionNetwork, load_network
from anyres_bench.features.tensors import read_weights
from anyres_bench.features.weights import WEIGHTS
from anyres_bench.fetching.weights import locate

SIDE = 299
TAPS = {
    "2048": 2048,
    "64": 64,
    "192": 192,
    "768": 768,
    "logits": 1008,
    "logits_unbiased": 1008,
    SPATIAL: 2023,
}
"""Tap -> dim; the first is the one that FID is defined on. All but the last three are averaged over
the picture. `logits_unbiased` are those of the Inception score, `sfid` those of ADM's sFID."""

RESIZES = ("clean", *sorted(MODES.keys() - {"clean"}))
"""Rules by which an image gets the network's size; the first is the usual one."""

_FID_RESIZES = ("clean", "legacy_pytorch", "legacy_tensorflow", "torch-bilinear-antialias")
# Those of packages that call it FID: clean-fid, pytorch-fid, torch-fidelity, torchmetrics
FILES = {"": "inception-v3", "torchscript": "inception-v3-torchscript"}
"""Option -> registered weights; both are FID's, converted from one graph by different people."""

BF16 = "bf16-folded"
"""What ids say of `+bf16`; those of before, plain "bf16", kept batch norms and sums apart."""


class InceptionV3:
    """Inception features of images of any size.

    Args:
        path: a published `.pth` or TorchScript file, or one of the same layout.
        tap: a name of `TAPS`.
        resize_mode: a name of `RESIZES`.
        bf16: convolve in bfloat16, weights and activations: faster where the processor has it,
            with errors of about a per cent.
        unnormalised: show the network values in [0, 1], as InfinityGAN's evaluation does, whose
            distances are on a scale of their own therefore.
        device: where the network runs, as torch names it.

    Raises:
        WeightsError: there is no such file.
        CheckpointError: it does not hold this network.
    """

    n_views = 1

    def __init__(
        self,
        path: Path,
        tap: str = "2048",
        resize_mode: str = "clean",
        bf16: bool = False,
        device: str = "cpu",
        unnormalised: bool = False,
    ) -> None:
        self._tap, self._resize_mode, self._bf16 = tap, resize_mode, bf16
        self._dtype = torch.bfloat16 if bf16 else torch.float32
        self._unnormalised = unnormalised
        self._device = torch.device(device)
        self.n_at_once = images_at_once(self._device)
        weights = read_weights(path)
        self._network = prepared(load_network(weights.tensors).to(self._device), tap, self._dtype)
        self._source = _source(weights.sha256)

    @property
    def id(self) -> str:
        parts = [
            self._resize_mode if self._resize_mode != "clean" else "",
            self._tap if self._tap != "2048" else "",
            BF16 if self._bf16 else "",
            "unnormalised" if self._unnormalised else "",
        ]
        return "+".join(["inception-v3" + self._source, *filter(None, parts)])

    @property
    def dim(self) -> int:
        return TAPS[self._tap]

    @property
    def is_fid(self) -> bool:
        published = not self._source.startswith("@")
        changed = self._bf16 or self._unnormalised
        usual = self._tap == "2048" and self._resize_mode in _FID_RESIZES
        return published and usual and not changed

    def __call__(self, images: Tensor) -> Tensor:
        """Features of a batch, (n, 3, h, w) uint8 to (n, dim) float32 on the CPU.

        The network always sees batches of one size, the last filled up with black: a row is the
        same bit for bit whatever batch it came in, on one machine with one number of threads.
        """
        return in_batches(self._features, images, self.n_at_once, self.dim, self._device)

    @torch.inference_mode()
    def _features(self, images: Tensor) -> Tensor:
        pixels = resize(upload(images, self._device), Size.square(SIDE), self._resize_mode)
        inputs = pixels / 255 if self._unnormalised else scale_input(pixels, self._resize_mode)
        padded = functional.pad(inputs, (0, 0, 0, 0, 0, 0, 0, self.n_at_once - len(images)))
        features: Tensor = self._network(pixel_by_pixel(padded.to(self._dtype)))[self._tap]
        return features[: len(images)].float()


class _UpTo(nn.Module):
    """The network as far as one tap needs it."""

    def __init__(self, network: InceptionNetwork, tap: str) -> None:
        super().__init__()
        self.network, self.tap = network, tap

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """As the network's."""
        taps: dict[str, Tensor] = self.network(x, last=self.tap)
        return taps


def prepared(
    network: InceptionNetwork, tap: str, dtype: torch.dtype = torch.float32
) -> Callable[[Tensor], dict[str, Tensor]]:
    """The network up to a tap, as extractors run it; features move by rounding alone.

    Args:
        network: not to be used any more.
        tap: a name of `TAPS`.
        dtype: in which it convolves.
    """
    return arranged(folded(_UpTo(network, tap)), dtype)


def build(spec: ExtractorSpec) -> InceptionV3:
    """The extractor of a spec: `inception-v3[@file:PATH][+tap][+resize][+torchscript][+bf16]`;
    `+unnormalised` shows values in [0, 1]."""
    tap, resize_mode, file, bf16, unnormalised = spec.pick(
        list(TAPS), RESIZES, list(FILES), ("", "bf16", BF16), ("", "unnormalised")
    )
    if spec.file is not None and file:
        raise UsageError(
            f"extractor inception-v3: +{file} and @file:{spec.file} exclude each other"
        )
    path = spec.file or locate(FILES[file], WEIGHTS, accept_licence=spec.accept_licence)
    return InceptionV3(path, tap, resize_mode, bool(bf16), spec.device, bool(unnormalised))


def _source(digest: str) -> str:
    """What the id says of the weights: nothing for the usual file, an unknown one's digest."""
    for option, name in FILES.items():
        if WEIGHTS[name].sha256 == digest:
            return f"+{option}" if option else ""
    return f"@sha256:{digest[:16]}"


def scale_input(pixels: Tensor, resize_mode: str) -> Tensor:
    """Grey levels 0..255 to the network's range, as the owner of the resize rule does it."""
    if resize_mode == "legacy_pytorch":
        return pixels / 255 * 2 - 1
    return (pixels - 128) / 128
