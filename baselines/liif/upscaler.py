"""LIIF as an upscaler: `liif:BASE`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from anyres_bench.baselines.liif.network import LIIF
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.checkpoint import Checkpoint, load_strict
from anyres_bench.models.official_files import OfficialFile, device_of, read_official, ready
from anyres_bench.models.upscaling import Base, Upscaled, band_regions, over_base

WEIGHTS = "liif-edsr-baseline"


@dataclass(frozen=True)
class LIIFUpscaler:
    """Reads the canvas off the features of an image.

    Attributes:
        network: the model.
        digest: of its file.
    """

    network: LIIF
    digest: str

    @property
    def id(self) -> str:
        return f"liif-{type(self.network.encoder).__name__.lower()}@{self.digest}"

    def source_window(self, image: Size, region: Region) -> Box:
        return self.network.window(image, region)

    def __call__(self, pixels: Tensor, image: Size, window: Box, region: Region) -> Tensor:
        pixels = pixels.to(device_of(self.network))
        return self.network.render(self.network.encode(pixels, image, window), region)

    def bands(self, pixels: Tensor, canvas: Size) -> Iterator[Tensor]:
        image = Size(*pixels.shape[2:])
        pixels = pixels.to(device_of(self.network))
        features = self.network.encode(pixels, image, Box.whole(image))
        return (self.network.render(features, region) for region in band_regions(canvas))


def from_file(official: OfficialFile, device: str) -> LIIF:
    """The network of an official file or a checkpoint of ours, which describe themselves.

    Raises:
        CheckpointError: it is no LIIF file, or of a kind that is not built.
    """
    content: Any = official.content
    try:
        if isinstance(content, Checkpoint):
            spec, state = content.config, content.state
        else:
            spec, state = content["model"]["args"], content["model"]["sd"]
        network = LIIF.from_spec(spec)
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            f"{official.name} is no LIIF file: it holds {official.holds} and lacks {error}; "
            "expected model.args and model.sd"
        ) from error
    load_strict(network, state, official.name)
    return ready(network, device)


def load_upscaler(
    weights: str = "", device: str = "cpu", accept_licence: bool = False
) -> LIIFUpscaler:
    """The upscaler of a file.

    Args:
        weights: a registered name, or the path of an official file; by default the EDSR variant.
        device: where it runs, as torch names it.
        accept_licence: of downloaded weights.
    """
    official = read_official(weights or WEIGHTS, accept_licence=accept_licence)
    return LIIFUpscaler(from_file(official, device), official.digest)


def build(
    rest: str,
    weights: str = "",
    base: str = "u8",
    device: str = "cpu",
    accept_licence: bool = False,
) -> Upscaled:
    """`liif:BASE`; `base` is how the base image is stored, "u8" or "f32"."""

    def make() -> LIIFUpscaler:
        return load_upscaler(weights, device, accept_licence)

    return over_base("liif", rest, make, Base(base, device, accept_licence))
