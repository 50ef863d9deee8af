"""Networks of model libraries as extractors: how they are asked for, and what they are shown."""

from __future__ import annotations

import importlib
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from anyres_bench.core.errors import ModelError, UsageError, WeightsError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.core.networks import state_digest
from anyres_bench.data.pixels import FILTERS, Pixels, crop, resize_uint8
from anyres_bench.features.batches import images_at_once, in_batches, upload
from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.folding import pixel_by_pixel, quickened

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")


@dataclass(frozen=True)
class PretrainedSpec:
    """`NAME[@file:PATH][@hub:REVISION][+option...]`.

    Attributes:
        name: in the library.
        file: weights of one's own; None for the published ones.
        revision: of the published ones, as the hub or the library names it; None for the newest.
        options: what follows each "+".
        device: where the network runs.
    """

    name: str
    file: Path | None
    revision: str | None
    options: tuple[str, ...]
    device: str

    @classmethod
    def of(cls, spec: ExtractorSpec) -> PretrainedSpec:
        """What follows "timm:" or "open-clip:".

        Raises:
            UsageError: it has another form.
        """
        head, hub, rest = spec.argument.partition("@hub:")
        if hub:
            revision, *options = rest.split("+")
            name, file = head, None
        else:
            parsed = ExtractorSpec.parse(spec.argument)
            revision, options = None, list(parsed.options)
            name, file = parsed.name, parsed.file
        if not _NAME.fullmatch(name) or (hub and not _REVISION.fullmatch(str(revision))):
            raise UsageError(
                f"extractor {spec.name}:{spec.argument} is not {spec.name}:NAME, "
                f"{spec.name}:NAME@file:PATH or {spec.name}:NAME@hub:REVISION"
            )
        return cls(name, file, revision, tuple(options), spec.device)

    def take(self, *known: str) -> set[str]:
        """The options, all of which have to be known.

        Raises:
            UsageError: one is not.
        """
        if unknown := [option for option in self.options if option not in known]:
            raise UsageError(
                f"extractor {self.name} has no option {unknown[0]!r}; known: {', '.join(known)}"
            )
        return set(self.options)


def library(module: str, package: str) -> ModuleType:
    """A model library, imported.

    Raises:
        UsageError: it is not installed, or not for this torch; says what to do.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError, OSError) as error:
        raise UsageError(
            f"extractors of {package} need it: pip install 'anyres-bench[features]' ({error}). "
            "Its torchvision must be of one build with torch: take both from one index, as "
            "pytorch.org says"
        ) from error


def refuse_offline(name: str) -> None:
    """Hold that weights may be downloaded.

    Raises:
        WeightsError: we are offline.
    """
    if os.environ.get("ANYRES_BENCH_OFFLINE", "") not in ("", "0"):
        raise WeightsError(
            f"the published weights of {name} come from a hub and we are offline; get the file and "
            "name it: NAME@file:PATH"
        )


@dataclass(frozen=True)
class Preprocessing:
    """What a network is shown of an image of any size.

    Attributes:
        side: of the square that it sees, px.
        shorter: that the shorter side is resized to before the middle is cut out, px; None squashes
            the whole image into the square.
        interpolation: a name of `data.pixels.FILTERS`, antialiased and rounded to 8 bits as Pillow
            does.
        mean, std: of each channel, for values in [0, 1].
    """

    side: int
    shorter: int | None
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.interpolation not in FILTERS or not 0 < self.side <= (self.shorter or self.side):
            raise UsageError(
                f"a network that wants {self.interpolation} to {self.shorter} px and the middle "
                f"{self.side} px cannot be shown that here; use +squash, or another network"
            )

    @property
    def id(self) -> str:
        """All of it, in one word."""
        shown = f"squash{self.side}" if self.shorter is None else f"{self.shorter}crop{self.side}"
        mean, std = ("_".join(f"{value:.6g}" for value in v) for v in (self.mean, self.std))
        return f"{self.interpolation}-{shown}-mean{mean}-std{std}"

    def __call__(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) uint8 to (n, 3, side, side) float32, normalised."""
        shown = [self._shown(image.permute(1, 2, 0).numpy()) for image in images.cpu()]
        pixels = torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2)
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (self.mean, self.std))
        return (pixels.float() / 255 - mean) / std

    def _shown(self, pixels: Pixels) -> Pixels:
        size = Size(*pixels.shape[:2])
        if self.shorter is None:
            return resize_uint8(pixels, Size.square(self.side), self.interpolation)
        longer = int(self.shorter * size.longer / size.shorter)
        tall = size.height > size.width
        target = Size(longer, self.shorter) if tall else Size(self.shorter, longer)
        resized = resize_uint8(pixels, target, self.interpolation)
        top, left = (round((n - self.side) / 2) for n in target)
        return crop(resized, Box(top, left, self.side, self.side))


class PretrainedExtractor:
    """A network's vectors of what its preprocessing shows it.

    Args:
        name: library and network, "timm:vit_small_patch14_dinov2".
        network: whose weights' digest stands in the id.
        vectors: from a prepared batch to (n, dim).
        preprocessing: what it is shown.
        dim: length of a vector.
        normalised: whether vectors are divided by their length.
        device: where it runs.
    """

    n_views = 1
    is_fid = False

    def __init__(
        self,
        name: str,
        network: nn.Module,
        vectors: Callable[[Tensor], Tensor],
        preprocessing: Preprocessing,
        dim: int,
        *,
        normalised: bool = False,
        device: str = "cpu",
    ) -> None:
        self._name, self._normalised = name, normalised
        self._digest = state_digest([network])
        self._network = network.to(device).eval().requires_grad_(False)
        self._vectors = vectors
        if vectors is network:
            self._network = self._vectors = quickened(network, preprocessing.side)
        self.preprocessing, self._dim, self._device = preprocessing, dim, torch.device(device)
        self.n_at_once = images_at_once(self._device)

    @property
    def id(self) -> str:
        """Network, digest of its weights, what it is shown, and whether lengths are one."""
        end = "+normalised" if self._normalised else ""
        return f"{self._name}@weights:{self._digest}+{self.preprocessing.id}{end}"

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    def __call__(self, images: Tensor) -> Tensor:
        """Features of a batch, (n, 3, h, w) uint8 to (n, dim) float32."""
        return in_batches(self._batch, images, self.n_at_once, self._dim, self._device)

    @torch.inference_mode()
    def _batch(self, images: Tensor) -> Tensor:
        shown = self.preprocessing(images)
        filled = torch.cat([shown, shown.new_zeros(self.n_at_once - len(shown), *shown.shape[1:])])
        vectors = self._vectors(pixel_by_pixel(upload(filled, self._device)))[: len(images)].float()
        if vectors.shape != (len(images), self._dim):
            raise ModelError(
                f"{self._name} gave {tuple(vectors.shape)}; expected {(len(images), self._dim)}: "
                "it pools to no vector, choose another network"
            )
        return torch.nn.functional.normalize(vectors) if self._normalised else vectors


def square_side(name: str, size: tuple[int, ...] | int) -> int:
    """Side of a network's input.

    Raises:
        UsageError: it is no square.
    """
    sides = {size} if isinstance(size, int) else set(size[-2:])
    if len(sides) != 1:
        raise UsageError(f"{name} takes inputs of {size}; only squares are shown to networks here")
    return int(sides.pop())


def shorter_side(side: int, share: float) -> int:
    """The shorter side before a crop that keeps `share` of it, cut off to whole pixels."""
    return math.floor(side / share)
