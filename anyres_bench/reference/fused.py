"""What runs on a GPU by kernels of its own (`kernels.py`): a tile at a time, through all stages.

Needs Triton, which comes with torch for CUDA. Where it is missing or cannot compile, one line is
logged, and what is written in torch runs instead: the same, slower.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.models.fir import Fir

_log = logging.getLogger(__name__)
Made = TypeVar("Made")
Terms = Sequence[tuple[Fir, Fir]]

_FINE = 64  # upsampled pixels of a tile's side: as many as the registers of a program hold
_LEAST = 8  # outputs of a tile's side; fewer compute more beside the tile than in it
_DTYPES = torch.float32, torch.float16, torch.bfloat16
_WARPS = 4
_SAMPLES, _CHANNELS = 8, 64  # of a program that modulates, at once


class _Kernels:
    """The module of kernels, while it can be had and works."""

    def __init__(self) -> None:
        self.works = True

    @functools.cached_property
    def module(self) -> Any:
        """Imported when it is first needed."""
        return importlib.import_module("anyres_bench.reference.kernels")

    def attempt(self, where: Tensor, run: Callable[[Any], Made]) -> Made | None:
        """What `run` makes with the module where a tensor is; None if that is not possible here."""
        if not self.works:
            return None
        try:
            with torch.cuda.device(where.get_device()):
                return run(self.module)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # noqa: BLE001  (a compiler's errors have no class in common)
            self.works = False
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            _log.warning("filters run without kernels of their own on this GPU: %s", reason)
            return None


KERNELS = _Kernels()


def on_gpu(x: Tensor) -> bool:
    """Whether kernels can reach a tensor."""
    return x.is_cuda


@dataclass(frozen=True)
class _Patch:
    """The inputs of tiles, along both axes.

    Attributes:
        top, left: of the first tile's.
        rows, columns: how many.
        step: from one tile's to the next one's.
        side: K, what a program holds of them.
        y, x: (terms, fine, K) and (terms, K, fine).
    """

    top: int
    left: int
    rows: int
    columns: int
    step: int
    side: int
    y: Tensor
    x: Tensor

    @classmethod
    def of(cls, terms: Terms, start: tuple[int, int], step: int) -> _Patch:
        """What the fine tile at `start` (y, x) is made of."""
        windows = [[fir.window(at, _FINE) for fir, at in zip(t, start, strict=True)] for t in terms]
        (top, first), (left, second) = windows[0]
        side = max(16, _power_of_two(max(first.shape[1], second.shape[1])))
        y = torch.stack([_padded(one[0][1], _FINE, side) for one in windows])
        x = torch.stack([_padded(one[1][1], _FINE, side).T for one in windows]).contiguous()
        return cls(top, left, first.shape[1], second.shape[1], step, side, y, x)

    @property
    def place(self) -> tuple[int, int, int, int, int]:
        """As kernels take it."""
        return self.top, self.left, self.rows, self.columns, self.step


@dataclass(frozen=True)
class Tiles:
    """How planes are cut into tiles, each of `tile` outputs a side.

    Attributes:
        tile: outputs a side.
        side: OUT, what a program holds of them.
        patches: inputs of the fine tile, of every filter that makes one.
        y, x: (terms, OUT, fine) and (terms, fine, OUT), from it to the outputs.
        size: of the result.
    """

    tile: int
    side: int
    patches: tuple[_Patch, ...]
    y: Tensor
    x: Tensor
    size: tuple[int, int]

    @classmethod
    def of(cls, shrink: Terms, *grow: Terms) -> Tiles | None:
        """For filters `shrink` of what each of `grow` makes; None if tiles would be too small."""
        (y, x), *_ = shrink
        tile = (_FINE - len(y.taps)) // y.down + 1
        while tile > 0 and any(tile * y.down % of[0][0].up for of in grow):
            tile -= 1
        if tile < _LEAST or any(of[0][0].down != 1 for of in grow) or y.up != 1:
            return None
        side = max(16, _power_of_two(tile))
        windows = [[fir.window(0, tile) for fir in term] for term in shrink]
        (top, _), (left, _) = windows[0]
        steps = [tile * y.down // of[0][0].up for of in grow]
        pairs = zip(grow, steps, strict=True)
        patches = tuple(_Patch.of(of, (top, left), step) for of, step in pairs)
        by_y = torch.stack([_padded(one[0][1], side, _FINE) for one in windows])
        by_x = torch.stack([_padded(one[1][1], side, _FINE).T for one in windows]).contiguous()
        return cls(tile, side, patches, by_y, by_x, (y.n_out, x.n_out))

    @property
    def counts(self) -> tuple[int, int]:
        """Tiles along y and x."""
        height, width = self.size
        return -(-height // self.tile), -(-width // self.tile)


def tiled(
    x: Tensor, scale: Tensor, bias: Tensor, tiles: Tiles | None, slope: float, bound: float
) -> Tensor | None:
    """The filtered leaky ReLU of planes; None where it has to be written out in torch.

    Args:
        x: (n, c, h, w).
        scale: (n, c).
        bias: (c,).
        tiles: of the filter down, and the one up.
        slope: of the leaky ReLU.
        bound: on its value.

    Returns:
        (n, c, h', w').
    """
    if tiles is None or x.dtype not in _DTYPES:
        return None
    made = x.new_empty(*x.shape[:2], *tiles.size)
    [patch] = tiles.patches
    sizes = x.shape[1], *x.shape[2:], *tiles.size, *tiles.counts, tiles.tile

    def run(kernels: Any) -> Tensor:
        kernels.forward[_programs(x, tiles)](
            x.contiguous(), scale.contiguous(), bias, made, patch.y, patch.x, tiles.y, tiles.x,
            *sizes, *patch.place, slope, bound, len(tiles.y), patch.side, _FINE, tiles.side,
            _precision(x), num_warps=_WARPS, num_stages=1,
        )  # fmt: skip
        return made

    return KERNELS.attempt(x, run)


def tiled_gradient(
    grad: Tensor,
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    tiles: Tiles | None,
    slope: float,
    bound: float,
) -> Tensor | None:
    """Gradient at the scaled and biased input of `tiled`; None as there.

    Args:
        grad: (n, c, h', w') at its result.
        x, scale, bias, slope, bound: as there.
        tiles: of the adjoint of the filter up; of the adjoint of the one down, and the one up.

    Returns:
        (n, c, h, w).
    """
    if tiles is None or x.dtype not in _DTYPES:
        return None
    made = torch.empty_like(x, memory_format=torch.contiguous_format)
    back, up = tiles.patches
    sizes = x.shape[1], *grad.shape[2:], *tiles.size, *tiles.counts, tiles.tile

    def run(kernels: Any) -> Tensor:
        kernels.backward[_programs(x, tiles)](
            grad.contiguous(), x.contiguous(), scale.contiguous(), bias, made,
            back.y, back.x, up.y, up.x, tiles.y, tiles.x,
            *sizes, *back.place, *up.place, slope, bound, len(back.y), back.side, up.side, _FINE,
            tiles.side, _precision(x), num_warps=_WARPS, num_stages=1,
        )  # fmt: skip
        return made

    return KERNELS.attempt(x, run)


def modulated(
    weight: Tensor, style: Tensor, gain: Tensor, dtype: torch.dtype, epsilon: float
) -> tuple[Tensor, Tensor, Tensor] | None:
    """What brings the output channels of a convolution to unit variance, without gradients.

    Args:
        weight: (n_out, n_in, k, k) float32.
        style: (n, n_in) float32, of each input channel.
        gain: a number, of all output channels.
        dtype: of the convolution; in half precision weights get unit norm.
        epsilon: beside powers.

    Returns:
        The weights and the styles in `dtype`, the scale (n, n_out) float32. None as above.
    """
    given = (weight, style, gain)
    if not on_gpu(style) or any(one.dtype != torch.float32 for one in given) or wants_grad(*given):
        return None
    weight, style = weight.contiguous(), style.contiguous()
    n, (n_out, n_in, k, _) = len(style), weight.shape
    halved = dtype != torch.float32
    own = torch.empty_like(weight, dtype=dtype) if halved else weight
    styled, scale = style.new_empty(style.shape, dtype=dtype), style.new_empty(n, n_out)

    def run(kernels: Any) -> tuple[Tensor, Tensor, Tensor]:
        kernels.modulate[n_out, -(-n // _SAMPLES)](
            weight, style, gain, own, styled, scale, n, n_in, epsilon,
            k * k, _power_of_two(k * k), _SAMPLES, _CHANNELS, halved, num_warps=_WARPS,
        )  # fmt: skip
        return own, styled, scale

    return KERNELS.attempt(style, run)


def wants_grad(*tensors: Tensor) -> bool:
    """Whether a gradient of what is made of these may be asked for."""
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _precision(x: Tensor) -> str:
    return "tf32x3" if x.dtype == torch.float32 else "tf32"


def _programs(x: Tensor, tiles: Tiles) -> tuple[int]:
    down, across = tiles.counts
    return (x.shape[0] * x.shape[1] * down * across,)


def _power_of_two(n: int) -> int:
    return 1 << (n - 1).bit_length()


def _padded(matrix: Tensor, height: int, width: int) -> Tensor:
    return F.pad(matrix, (0, width - matrix.shape[1], 0, height - matrix.shape[0]))
