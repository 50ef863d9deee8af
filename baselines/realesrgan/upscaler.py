"""Real-ESRGAN as an upscaler: `realesrgan:BASE`.

The network enlarges by its own factor. Other canvases are reached as the official tool does it:
the enlarged image is rounded to 8 bits, then resized with Lanczos-4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from anyres_bench.baselines.realesrgan.bands import Crop, run_rows
from anyres_bench.baselines.realesrgan.network import Network, RRDBNet, SRVGGNetCompact
from anyres_bench.baselines.realesrgan.published import Official, scaled
from anyres_bench.baselines.realesrgan.running import Exact, Tiled, reflect_to
from anyres_bench.core.errors import CheckpointError, UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.registry import nearest
from anyres_bench.data.pixels import to_float, to_uint8
from anyres_bench.models.fitting import fitted
from anyres_bench.models.interpolation import find_filter, resample, source_window
from anyres_bench.models.official_files import (
    OfficialFile,
    device_of,
    read_number,
    read_official,
    ready,
    shape_of,
    shapes,
)
from anyres_bench.models.upscaling import Base, Filtered, Upscaled, over_base

WEIGHTS = "realesrgan-x4plus"
FINAL_FILTER = "lanczos4"
# two files that the official tool blends: one that denoises, and one that does so weakly
BLENDED = {"realesr-general-x4v3": "realesr-general-wdn-x4v3"}

Mode = Exact | Tiled | Official


@dataclass(frozen=True)
class RealESRGANUpscaler:
    """A network and a way to run it.

    Attributes:
        network: enlarges by its own factor.
        label: digest of its file, or of both and how they are blended.
        mode: how it is run.
    """

    network: Network
    label: str
    mode: Mode

    @property
    def id(self) -> str:
        return f"realesrgan-x{self.network.scale}@{self.label}+{self.mode.id}+{FINAL_FILTER}"

    def source_window(self, image: Size, region: Region) -> Box:
        return self.mode.window(self.network, image, self._needed(image, region))

    def __call__(self, pixels: Tensor, image: Size, window: Box, region: Region) -> Tensor:
        scale, needed = self.network.scale, self._needed(image, region)
        inputs = self._inputs(pixels)
        made = self.mode(self.network, inputs, image, window, needed)
        enlarged, made = self._enlarged(image), made.clamp(0, 1) * 2 - 1
        if region.canvas == enlarged:
            top, left = region.top - needed.top * scale, region.left - needed.left * scale
            return made[:, :, top : top + region.size.height, left : left + region.size.width]
        stored = to_float(to_uint8(made))
        return resample(stored, enlarged, scaled(needed, scale), region, find_filter(FINAL_FILTER))

    def bands(self, pixels: Tensor, canvas: Size) -> Iterator[Tensor]:
        image = Size(*pixels.shape[2:])
        enlarged, whole = self._enlarged(image), Box.whole(image)
        if canvas == enlarged and isinstance(self.mode, Exact):
            rows = run_rows(self.network, reflect_to(self._inputs(pixels), self.network.fold))
            crop = Crop(Box.whole(enlarged))
            return (crop(band).clamp(0, 1) * 2 - 1 for band in rows)
        made = self(pixels, image, whole, Region.whole(enlarged))
        if canvas == enlarged:
            return iter([made])
        return Filtered(FINAL_FILTER).bands(to_float(to_uint8(made)), canvas)

    def _inputs(self, pixels: Tensor) -> Tensor:
        return (pixels.to(device_of(self.network)) + 1) / 2

    def _enlarged(self, image: Size) -> Size:
        return Size(image.height * self.network.scale, image.width * self.network.scale)

    def _needed(self, image: Size, region: Region) -> Box:
        """The pixels of the image whose enlarged ones a region is made of."""
        enlarged, scale, box = self._enlarged(image), self.network.scale, region.box
        if region.canvas != enlarged:
            box = source_window(enlarged, region, find_filter(FINAL_FILTER))
        top, left = box.top // scale, box.left // scale
        return Box(top, left, -(-box.bottom // scale) - top, -(-box.right // scale) - left)


def read_mode(text: str) -> Mode:
    """`exact`, `tiled[TILE+HALO]` or `official[-tileTILE-padPAD-prePRE]`, as in the ids.

    Raises:
        UsageError: it is none of them.
    """
    if text == "exact":
        return Exact()
    if match := re.fullmatch(r"tiled(?:(\d+)\+(\d+))?", text):
        return Tiled(int(match[1]), int(match[2])) if match[1] else Tiled()
    if match := re.fullmatch(r"official(?:-tile(\d+)-pad(\d+)-pre(\d+))?", text):
        return Official(*(int(number) for number in match.groups() if number))
    raise UsageError(
        f"mode {text!r} is not exact, tiled, tiled512+64, official or "
        "official-tile400-pad10-pre0 (input pixels)"
    )


def from_state(state: Mapping[str, Tensor], source: str, device: str) -> Network:
    """The network of an official state; its kind and sizes are read off names and shapes.

    Raises:
        CheckpointError: it is neither of the two networks.
    """
    if "conv_first.weight" in state:
        make = _rrdbnet(state, source)
    elif "body.0.weight" in state and "body.1.weight" in state:
        make = _compact(state, source)
    else:
        raise CheckpointError(
            f"{source} is neither an RRDBNet (conv_first.weight) nor a compact network with PReLU "
            f"(body.1.weight); {nearest('conv_first.weight', state)}"
        )
    return ready(fitted(make, state, source), device)


def _rrdbnet(state: Mapping[str, Tensor], source: str) -> Callable[[], Network]:
    what = f"{source} is not the state of an RRDBNet"
    num_feat, n_in = shape_of(shapes(state), "conv_first.weight", what)[:2]
    growth = shape_of(shapes(state), "body.0.rdb1.conv1.weight", what)[0]
    fold = math.isqrt(n_in // 3)
    if fold not in (1, 2, 4) or 3 * fold**2 != n_in:
        raise CheckpointError(f"{source}: an RRDBNet of {n_in} input channels")
    n_blocks = len({name.split(".")[1] for name in state if name.startswith("body.")})
    return lambda: RRDBNet(3, 3, 4 // fold, num_feat, n_blocks, growth)


def _compact(state: Mapping[str, Tensor], source: str) -> Callable[[], Network]:
    what = f"{source} is not the state of a compact network"
    numbers = (re.fullmatch(r"body\.(\d{1,6})\.weight", name) for name in state)
    last = max(int(match[1]) for match in numbers if match)
    if last > 2 * len(state):
        raise CheckpointError(f"{what}: it has a layer {last} and {len(state)} tensors")
    n_out = shape_of(shapes(state), f"body.{last}.weight", what)[0]
    num_feat = shape_of(shapes(state), "body.0.weight", what)[0]
    return lambda: SRVGGNetCompact(3, 3, num_feat, last // 2 - 1, math.isqrt(n_out // 3))


def _state(official: OfficialFile) -> dict[str, Tensor]:
    return official.state("params_ema", "params")


def load_upscaler(
    weights: str = "",
    mode: str = "exact",
    denoise: str = "",
    device: str = "cpu",
    accept_licence: bool = False,
) -> RealESRGANUpscaler:
    """The upscaler of a file.

    Args:
        weights: a registered name, or the path of an official file; by default x4plus.
        mode: see `read_mode`.
        denoise: share of realesr-general-x4v3 when it is blended with the file that denoises
            weakly, from 0 to 1; the official tool's default is 0.5. By default nothing is blended.
        device: where it runs, as torch names it.
        accept_licence: of downloaded weights.

    Raises:
        UsageError: a mode or number cannot be read, or these weights have no denoising pair.
        CheckpointError: the file does not fit a network.
    """
    name, way = weights or WEIGHTS, read_mode(mode)
    official = read_official(name, accept_licence=accept_licence)
    state, label = _state(official), official.digest
    if denoise:
        if name not in BLENDED:
            raise UsageError(f"denoise goes with {' or '.join(BLENDED)} only, not with {name}")
        share = read_number("denoise", denoise, 0, 1)
        other = read_official(BLENDED[name], accept_licence=accept_licence)
        label = f"{label}*{share:g}+{other.digest}*{1 - share:g}"
        pair = _state(other)
        state = {key: share * value + (1 - share) * pair[key] for key, value in state.items()}
    return RealESRGANUpscaler(from_state(state, official.name, device), label, way)


def build(
    rest: str,
    weights: str = "",
    mode: str = "exact",
    denoise: str = "",
    base: str = "u8",
    device: str = "cpu",
    accept_licence: bool = False,
) -> Upscaled:
    """`realesrgan:BASE`; `base` is how the base image is stored, "u8" or "f32"."""

    def make() -> RealESRGANUpscaler:
        return load_upscaler(weights, mode, denoise, device, accept_licence)

    return over_base("realesrgan", rest, make, Base(base, device, accept_licence))
