"""LPIPS: distance between two pictures of one scene, as the difference of normalised activations.

It works at any size above a minimum and is not resolution invariant: a pair scaled by two has
another distance.

Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
CVPR 2018, equation 1; version 0.1 of the authors' heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from anyres_bench.core.errors import CheckpointError, UnknownNameError, UsageError
from anyres_bench.core.precision import single_precision
from anyres_bench.core.registry import nearest
from anyres_bench.features.folding import laid_out, pixel_by_pixel
from anyres_bench.features.tensors import read_tensors
from anyres_bench.features.weights import WEIGHTS
from anyres_bench.fetching.weights import locate

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_PLAIN = {"weight", "bias"}
_FIRE = {f"{part}.{leaf}" for part in ("squeeze", "expand1x1", "expand3x3") for leaf in _PLAIN}
_EPS = 1e-10  # added to the norm over channels


@dataclass(frozen=True)
class _Backbone:
    """A network cut into slices; after each comes a tap.

    Attributes:
        weights: registered weights.
        slices: torchvision's numbers of the convolutions and fire modules of each slice.
        pooled: slices (from 0) that begin with a maximum pool.
        pool: its size; the stride is 2.
        stem: stride and padding of the first convolution; the others keep the size.
        min_side: the smallest picture, px.
    """

    weights: str
    slices: tuple[tuple[int, ...], ...]
    pooled: tuple[int, ...]
    pool: int
    stem: tuple[int, int]
    min_side: int


_BACKBONES = {
    "alex": _Backbone("alexnet", ((0,), (3,), (6,), (8,), (10,)), (1, 2), 3, (4, 2), 31),
    "vgg": _Backbone(
        "vgg16",
        ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)),
        (1, 2, 3, 4),
        2,
        (1, 1),
        16,
    ),
    "squeeze": _Backbone(
        "squeezenet1_1",
        ((0,), (3, 4), (6, 7), (9,), (10,), (11,), (12,)),
        (1, 2, 3),
        3,
        (2, 0),
        17,
    ),
}
NETS = tuple(_BACKBONES)


class LPIPS:
    """The distance, for one backbone.

    Args:
        net: a name of `NETS`.
        tensors: weights by the names of the `lpips` package: `net.slice{1..}.{i}.{weight,bias}`,
            `lin{k}.model.1.weight`; backbones may also have torchvision's `features.{i}...`.
        device: where the network runs, as torch names it.

    Raises:
        UnknownNameError: no such net.
        CheckpointError: a tensor is missing.
    """

    def __init__(self, net: str, tensors: Mapping[str, Tensor], device: str = "cpu") -> None:
        if net not in _BACKBONES:
            raise UnknownNameError(f"unknown LPIPS net {net!r}; {nearest(net, NETS)}")
        self.net, self._backbone = net, _BACKBONES[net]
        self._device = torch.device(device)
        self._weights = {
            name: laid_out(tensor.to(self._device, torch.float32))
            for name, tensor in _by_own_names(tensors, self._backbone).items()
        }
        channels = (1, 3, 1, 1)
        self._shift = torch.tensor(_SHIFT, device=self._device).view(channels)
        self._scale = torch.tensor(_SCALE, device=self._device).view(channels)

    @property
    def id(self) -> str:
        """Backbone and version of the heads."""
        return f"lpips-{self.net}@0.1"

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance of each pair: (n, 3, h, w) float32 in [-1, 1], twice -> (n,) float32.

        Raises:
            UsageError: shapes differ, or the pictures are too small for the backbone.
        """
        return self.per_layer(a, b).sum(dim=1)

    @single_precision()
    @torch.inference_mode()
    def per_layer(self, a: Tensor, b: Tensor) -> Tensor:
        """The taps' shares of the distance, (n, taps).

        Raises:
            UsageError: shapes differ, or the pictures are too small for the backbone.
        """
        shares = [layer.mean((1, 2, 3)) for layer in self._maps(a, b)]
        return torch.stack(shares, dim=1).cpu()

    def spatial(self, a: Tensor, b: Tensor) -> Tensor:
        """Where the distance comes from: the taps' maps enlarged bilinearly and added, (n, h, w).

        Gradients flow back to the pictures, so that it can be trained with.

        Raises:
            UsageError: shapes differ, or the pictures are too small for the backbone.
        """
        size = a.shape[2:]
        maps = [functional.interpolate(m, size, mode="bilinear") for m in self._maps(a, b)]
        return torch.stack(maps).sum(dim=0)[:, 0]

    def _maps(self, a: Tensor, b: Tensor) -> Iterator[Tensor]:
        """Weighted squared differences of each tap, (n, 1, rows, columns)."""
        self._check(a, b)
        for k, (x, y) in enumerate(zip(self._taps(a), self._taps(b), strict=True)):
            difference = (_unit(x) - _unit(y)) ** 2
            yield functional.conv2d(difference, self._weights[f"lin{k}.model.1.weight"])

    def _check(self, a: Tensor, b: Tensor) -> None:
        smallest = self._backbone.min_side
        if a.shape != b.shape or a.ndim != 4 or a.shape[1] != 3 or min(a.shape[2:]) < smallest:
            raise UsageError(
                f"LPIPS ({self.net}) got shapes {tuple(a.shape)} and {tuple(b.shape)}; expected "
                f"two equal (n, 3, h, w) of at least {smallest} px a side"
            )

    def _taps(self, images: Tensor) -> Iterator[Tensor]:
        """Activations after each slice."""
        x = pixel_by_pixel((images.to(self._device) - self._shift) / self._scale)
        for s, numbers in enumerate(self._backbone.slices):
            if s in self._backbone.pooled:
                # Only SqueezeNet's pools keep a last, partial window.
                x = functional.max_pool2d(
                    x, self._backbone.pool, stride=2, ceil_mode=self.net == "squeeze"
                )
            for number in numbers:
                x = self._layer(x, f"net.slice{s + 1}.{number}")
            yield x

    def _layer(self, x: Tensor, name: str) -> Tensor:
        if f"{name}.weight" in self._weights:
            stem = self._backbone.stem if name == "net.slice1.0" else None
            return self._conv(x, name, stem)
        squeezed = self._conv(x, f"{name}.squeeze")
        sides = [self._conv(squeezed, f"{name}.{side}") for side in ("expand1x1", "expand3x3")]
        return torch.cat(sides, dim=1)

    def _conv(self, x: Tensor, name: str, stem: tuple[int, int] | None = None) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        stride, padding = stem or (1, weight.shape[-1] // 2)
        return functional.relu(functional.conv2d(x, weight, bias, stride, padding), inplace=True)


def load_lpips(net: str, *, device: str = "cpu", accept_licence: bool = False) -> LPIPS:
    """The distance with the published weights, from the cache or downloaded.

    Raises:
        UnknownNameError: no such net.
        WeightsError: the weights cannot be had; the message says what to do.
    """
    if net not in _BACKBONES:
        raise UnknownNameError(f"unknown LPIPS net {net!r}; {nearest(net, NETS)}")
    names = (_BACKBONES[net].weights, f"lpips-{net}")
    paths = [locate(name, WEIGHTS, accept_licence=accept_licence) for name in names]
    return LPIPS(net, read_tensors(paths[0]) | read_tensors(paths[1]), device)


def _unit(x: Tensor) -> Tensor:
    return x / (x.pow(2).sum(dim=1, keepdim=True).sqrt() + _EPS)


def _by_own_names(tensors: Mapping[str, Tensor], backbone: _Backbone) -> dict[str, Tensor]:
    """The tensors that the network needs, whichever of the published names they have."""
    found: dict[str, Tensor] = {}
    for s, numbers in enumerate(backbone.slices):
        for number in numbers:
            own, theirs = f"net.slice{s + 1}.{number}.", f"features.{number}."
            for name, tensor in tensors.items():
                if name.startswith((own, theirs)):
                    found[own + name.removeprefix(own).removeprefix(theirs)] = tensor
            parts = {name.removeprefix(own) for name in found if name.startswith(own)}
            if parts not in (_PLAIN, _FIRE):
                raise CheckpointError(
                    f"LPIPS weights have {sorted(parts)} under {own} (or {theirs}); expected "
                    "weight and bias of one convolution, or of a fire module's three"
                )
        head = f"lin{s}.model.1.weight"
        if head not in tensors:
            raise CheckpointError(f"LPIPS weights lack the head {head}")
        found[head] = tensors[head]
    return found
