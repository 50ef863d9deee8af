"""LIIF's decoder over a rectangle of pixels.

The queries of a rectangle lie on a grid, so which feature is nearest and how far it is are found
once a row and once a column. Blocks are small enough that all activations of their queries, at all
neighbours of each, stay in the processor's cache, and are written where those of the block before
were. Colours are those of querying every pixel by itself but for rounding, a few 1e-7.

Source: Chen et al., "Learning Continuous Image Representation with Local Implicit Image Function",
CVPR 2021, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.threads import in_halves

TIE = 1e-6  # decides which feature is nearest where a query lies on the border between two
_CPU_BLOCK, _GPU_BLOCK = 16, 64  # pixels on a side


class MLP(nn.Module):
    """Linear layers with ReLUs between them."""

    def __init__(self, n_in: int, n_out: int, hidden: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(n_in, width), nn.ReLU(inplace=True)]
            n_in = width
        self.layers = nn.Sequential(*layers, nn.Linear(n_in, n_out))

    @property
    def linear(self) -> list[nn.Linear]:
        """The linear layers in order."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]


@dataclass(frozen=True)
class Features:
    """What the decoder reads: the first layer's share of a window of features.

    Attributes:
        values: (n, h, w, c).
        image: size of the whole low-resolution image.
        window: the part of it that `values` stands for.
    """

    values: Tensor
    image: Size
    window: Box


def nearest_feature(coord: Tensor, side: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Which feature is nearest to coordinates on an axis, or on both.

    Args:
        coord: the image spans [-1, 1].
        side: half features from the coordinates to where the nearest is sought: -1, 0 or 1.
        size: features of the whole image.

    Returns:
        Its index, not yet integer, and how far the coordinates are from it, in features.
    """
    moved = coord + side / size + TIE * side.abs()
    index = (((moved.clamp(-1 + TIE, 1 - TIE) + 1) * size - 1) / 2).round()
    return index, (coord - (-1 + 1 / size + 2 / size * index)) * size


@dataclass(frozen=True)
class _Axis:
    """The neighbours of all queries on one axis.

    Attributes:
        index: (k, q) rows or columns of the window of features, of k neighbours.
        offset: (k, q) from them to the query, in features.
    """

    index: Tensor
    offset: Tensor

    @classmethod
    def of(cls, coord: Tensor, size: int, start: int, sides: Sequence[int]) -> _Axis:
        neighbours, n = coord.new_tensor(sides)[:, None], coord.new_tensor(size)
        index, offset = nearest_feature(coord, neighbours, n)
        return cls(index.long() - start, offset)

    def part(self, part: slice) -> _Axis:
        return _Axis(self.index[:, part], self.offset[:, part])


class BlockDecoder:
    """The decoder with room for the activations of one block.

    Args:
        mlp: the decoder; its first layer's share of the features has been computed.
        n_features: inputs of that share.
        cell: (2,) extent of a pixel in features; None when the decoder is not told.
    """

    def __init__(self, mlp: MLP, n_features: int, cell: Tensor | None) -> None:
        first, *self._hidden = mlp.linear
        self._last = self._hidden.pop() if self._hidden else None
        weight = first.weight[:, n_features:].T
        constant = 0 * weight[:1] if cell is None else cell[None].to(weight) @ weight[2:]
        self._known = torch.cat([weight[:2], constant])  # of the offset, and of a one
        self._room: dict[tuple[int, int, int], Tensor] = {}

    def __call__(self, values: Tensor, rows: _Axis, columns: _Axis) -> Tensor:
        """(h, w, c) -> (rows, columns, 3)."""
        k, (h, w) = len(rows.index), (rows.index.shape[1], columns.index.shape[1])
        index = rows.index[:, None, :, None] * values.shape[1] + columns.index[None, :, None]
        offset = rows.offset.new_ones(k, k, h, w, 3)
        offset[..., 0] = rows.offset[:, None, :, None]
        offset[..., 1] = columns.offset[None, :, None]
        n = index.numel()
        x = self._taken(0, n, values.shape[2])
        torch.index_select(values.flatten(0, 1), 0, index.flatten(), out=x)
        x.addmm_(offset.view(n, 3).to(x), self._known)
        for i, layer in enumerate(self._hidden):
            y = self._taken((i + 1) % 2, n, layer.out_features)
            x = torch.addmm(layer.bias, x.relu_(), layer.weight.T, out=y)
        x = x if self._last is None else self._last(x.relu_())
        areas = (offset[..., 0] * offset[..., 1]).abs() + 1e-9
        # each takes the area of the diagonally opposite one
        weights = areas.flip(0, 1) / areas.sum((0, 1))
        return (x.view(k, k, h, w, -1) * weights[..., None]).sum((0, 1))

    def _taken(self, name: int, n: int, width: int) -> Tensor:
        """Room for (n, width) numbers; the same for the same name and sizes."""
        key = (name, n, width)
        if key not in self._room:
            self._room[key] = self._known.new_empty(n, width)
        return self._room[key]


@torch.no_grad()
def decode(
    mlp: MLP, features: Features, region: Region, ensemble: bool, cell_decode: bool
) -> Tensor:
    """A region of the enlarged canvas.

    Args:
        mlp: the decoder.
        features: of n images.
        region: what to make.
        ensemble: mix the four nearest features instead of taking the nearest.
        cell_decode: the decoder is told the size of a pixel.

    Returns:
        (n, 3, h, w) float32, nominally in [-1, 1].
    """
    values, sides = features.values, (-1, 1) if ensemble else (0,)
    coord = region.coords().to(values.device, torch.float32)  # whatever the features are
    image, window = features.image, features.window
    rows = _Axis.of(coord[:, 0, 0], image.height, window.top, sides)
    columns = _Axis.of(coord[0, :, 1], image.width, window.left, sides)
    n_features = mlp.linear[0].in_features - 2 - 2 * cell_decode
    known = coord.new_tensor(region.cell()) * coord.new_tensor(image) if cell_decode else None
    made = coord.new_empty(len(values), *region.size, mlp.linear[-1].out_features)

    def run(some: Sequence[tuple[slice, slice]]) -> None:
        block = BlockDecoder(mlp, n_features, known)
        for down, across in some:
            for i, own in enumerate(values):
                made[i, down, across] = block(own, rows.part(down), columns.part(across))

    if made.is_cpu:
        in_halves(run, list(_blocks(region.size, _CPU_BLOCK)))
    else:
        run(list(_blocks(region.size, _GPU_BLOCK)))
    return made.permute(0, 3, 1, 2).contiguous()


def _blocks(size: Size, side: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the blocks of a rectangle."""
    for top in range(0, size.height, side):
        for left in range(0, size.width, side):
            yield slice(top, top + side), slice(left, left + side)
