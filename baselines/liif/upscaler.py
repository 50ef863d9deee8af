"""LIIF as an upscaler: `liif:BASE`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from anyres_bench.baselines.liif.decoder import Features
from anyres_bench.baselines.liif.network import LIIF, RDN
from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.registry import nearest
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.fitting import check_config, fitted
from anyres_bench.models.official_files import (
    OfficialFile,
    device_of,
    read_official,
    ready,
    shape_of,
    shapes,
)
from anyres_bench.models.upscaling import Base, Upscaled, band_regions, over_base

WEIGHTS = "liif-edsr-baseline"
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
_EDSR_BLOCK = r"encoder\.body\.\d+\.body\.0\.weight"
_DECODER = r"imnet\.layers\.(\d{1,6})\.weight"


@dataclass(frozen=True)
class LIIFUpscaler:
    """Reads the canvas off the features of an image.

    Attributes:
        network: the model; in bfloat16, its features and activations are so too.
        digest: of its file, and whether its options had to be assumed.
    """

    network: LIIF
    digest: str

    @property
    def id(self) -> str:
        encoder = type(self.network.encoder).__name__.lower()
        precision = "+bf16" if self._dtype == torch.bfloat16 else ""
        return f"liif-{encoder}@{self.digest}{precision}"

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.network.parameters()).dtype

    def source_window(self, image: Size, region: Region) -> Box:
        return self.network.window(image, region)

    def __call__(self, pixels: Tensor, image: Size, window: Box, region: Region) -> Tensor:
        return self.network.render(self._features(pixels, image, window), region)

    def bands(self, pixels: Tensor, canvas: Size) -> Iterator[Tensor]:
        image = Size(*pixels.shape[2:])
        features = self._features(pixels, image, Box.whole(image))
        return (self.network.render(features, region) for region in band_regions(canvas))

    def _features(self, pixels: Tensor, image: Size, window: Box) -> Features:
        pixels = pixels.to(device_of(self.network), self._dtype)
        return self.network.encode(pixels, image, window)


def from_file(official: OfficialFile, device: str) -> LIIF:
    """The network of an official file or a checkpoint of ours, which describe themselves.

    Raises:
        CheckpointError: it is no LIIF file, or of a kind that is not built.
    """
    spec, state = _parts(official)
    check_config(spec, len(state), official.name)
    network = fitted(lambda: LIIF.from_spec(spec), state, official.name)
    return ready(network, device)


def _parts(official: OfficialFile) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    """What the model is made from, and its tensors."""
    state, spec = official.state("sd", "state_dict"), _spec(official)
    return read_spec(shapes(state), official.name) if spec is None else spec, state


def _spec(official: OfficialFile) -> Mapping[str, Any] | None:
    """`model.args`; None where there is none."""
    content: Any = official.content
    if isinstance(content, Checkpoint):
        return content.config
    model = content.get("model") if isinstance(content, Mapping) else None
    spec = model.get("args") if isinstance(model, Mapping) else None
    return spec if isinstance(spec, Mapping) else None


def read_spec(sizes: Mapping[str, tuple[int, ...]], source: str) -> dict[str, Any]:
    """`model.args` of a state that came without them, read off its shapes.

    What leaves no trace in a state is as in the published models: a local ensemble, and residuals
    that are not scaled.

    Raises:
        CheckpointError: it is not the state of a LIIF.
    """
    what = f"{source} is no LIIF file: it has neither model.args nor the names of a LIIF"
    if "encoder.SFENet1.weight" in sizes:
        n_blocks = sum(name.endswith(".LFF.weight") for name in sizes)
        named = [name for name, (n, *_) in RDN.CONFIGS.items() if n == n_blocks]
        channels = shape_of(sizes, "encoder.SFENet1.weight", what)[0]
        options = {"G0": channels, "RDNconfig": named[0] if named else f"of {n_blocks} blocks"}
        encoder = {"name": "rdn", "args": options}
    else:
        channels = shape_of(sizes, "encoder.head.0.weight", what)[0]
        n_blocks = sum(bool(re.fullmatch(_EDSR_BLOCK, name)) for name in sizes)
        options = {"n_resblocks": n_blocks, "n_feats": channels}
        encoder = {"name": "edsr-baseline", "args": options}
    numbers = {int(m[1]): sizes[name] for name in sizes if (m := re.fullmatch(_DECODER, name))}
    n_in = shape_of(sizes, "imnet.layers.0.weight", what)[1]
    unfolds = n_in > 9 * channels
    return {
        "encoder_spec": {**encoder, "args": {**options, "no_upsampling": True}},
        "imnet_spec": {
            "name": "mlp",
            "args": {"hidden_list": [numbers[i][0] for i in sorted(numbers)[:-1] if numbers[i]]},
        },
        "feat_unfold": unfolds,
        "cell_decode": n_in - channels * (9 if unfolds else 1) == 4,
    }


def load_upscaler(
    weights: str = "", precision: str = "fp32", device: str = "cpu", accept_licence: bool = False
) -> LIIFUpscaler:
    """The upscaler of a file.

    Args:
        weights: a registered name, or the path of an official file; by default the EDSR variant.
        precision: "fp32", or "bf16" for weights, features and activations in bfloat16.
        device: where it runs, as torch names it.
        accept_licence: of downloaded weights.

    Raises:
        UsageError: no such precision.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"no precision {precision!r}; {nearest(precision, PRECISIONS)}")
    official = read_official(weights or WEIGHTS, accept_licence=accept_licence)
    assumed = "" if _spec(official) is not None else "-as-published"
    network = from_file(official, device).to(PRECISIONS[precision])
    return LIIFUpscaler(network, official.digest + assumed)


def build(
    rest: str,
    weights: str = "",
    precision: str = "fp32",
    base: str = "u8",
    device: str = "cpu",
    accept_licence: bool = False,
) -> Upscaled:
    """`liif:BASE`; `base` is how the base image is stored, "u8" or "f32"."""

    def make() -> LIIFUpscaler:
        return load_upscaler(weights, precision, device, accept_licence)

    return over_base("liif", rest, make, Base(base, device, accept_licence))
