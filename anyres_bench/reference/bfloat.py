"""The synthesis in bfloat16, for processors that multiply it: convolutions, and what is stored.

The channels of a pixel lie together from the first layer to the last, as such convolutions want
them. Filters compute in single precision, a band of rows at a time, so that nothing upsampled is
ever whole. No gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.core.geometry import Size
from anyres_bench.core.threads import in_halves
from anyres_bench.models.fir import AxisPass, Fir, buffer
from anyres_bench.models.resample import NO_PADDING, Padding
from anyres_bench.reference.activation import (
    FilteredLRelu,
    Filters,
    Kernels,
    activate,
    filtered_lrelu,
)
from anyres_bench.reference.dataflow import Dataflow, Part
from anyres_bench.reference.dense import chunks
from anyres_bench.reference.network import SynthesisLayer, SynthesisNetwork

_VALUES = 3 << 20  # upsampled at once: more leave the caches, fewer keep threads waiting in turns
_LANES = 16  # channels that a product works on together


def synthesize(
    network: SynthesisNetwork,
    ws: Tensor,
    transform: Tensor | None,
    scale_w: Tensor | None,
    flow: Dataflow | None = None,
) -> Tensor:
    """As `SynthesisNetwork.forward`, in bfloat16; no image depends on another of its batch.

    Args:
        network: float32, on a CPU.
        ws: (n, n_ws, w_dim), or (n, w_dim) for the same style everywhere.
        transform, scale_w, flow: as there.

    Returns:
        (n, channels, h, w) float32.
    """
    if ws.ndim == 2:
        ws = ws[:, None].expand(-1, network.config.n_ws, -1)
    first, *others = ws.unbind(dim=1)
    x = network.input(first, transform, None if flow is None else flow.source.size)
    parts = [None] * len(others) if flow is None else flow.parts
    maps = [one.to(torch.bfloat16, memory_format=torch.channels_last) for one in torch.split(x, 1)]
    for name, w, part in zip(network.layer_names, others, parts, strict=True):
        layer = network.get_submodule(name)
        assert isinstance(layer, SynthesisLayer)
        maps = _layer(layer, maps, w, scale_w, part)
    return torch.cat(maps).float().contiguous() * network.config.output_scale


def _layer(
    layer: SynthesisLayer,
    maps: list[Tensor],
    w: Tensor,
    scale_w: Tensor | None,
    part: Part | None,
) -> list[Tensor]:
    """Next feature maps of every sample, (1, c, h, w) in bfloat16."""
    weight, styles, scales = layer.modulation(w, scale_w)
    padding, zeros, op = layer.padding, NO_PADDING, layer.op
    if part is not None:
        padding, zeros, op = 0, part.zeros, replace(op, padding=part.padding)
    kernels, bias = (layer.up_filter, layer.down_filter), layer.bias
    result = []
    for x, style, scale in zip(maps, styles, scales, strict=True):
        # whole weights are rounded once, and there are fewer of them than activations
        own = (weight * style[:, None, None]).mul_(scale[:, None, None, None])
        own = own.to(torch.bfloat16, memory_format=torch.channels_last)
        x = F.conv2d(_padded(x, zeros), own, bias.to(torch.bfloat16), padding=padding)
        result.append(filtered(x, bias, kernels, op))
    return result


def _padded(x: Tensor, zeros: Padding) -> Tensor:
    return F.pad(x, tuple(zeros)) if any(zeros) else x


def filtered(x: Tensor, like: Tensor, kernels: Kernels, op: FilteredLRelu) -> Tensor:
    """`filtered_lrelu` of one image whose channels lie together, without scale and bias.

    Args:
        x: (1, c, h, w) bfloat16, or float32; channels-last.
        like: float32, on the same device.
        kernels, op: as there.

    Returns:
        (1, c, h', w') like `x`.
    """
    if kernels[1] is None and op.down == 1:
        one, none = like.new_ones(1, x.shape[1]), like.new_zeros(x.shape[1])
        plain = filtered_lrelu(x.float().contiguous(), one, none, kernels, op)
        return plain.to(x.dtype, memory_format=torch.channels_last)
    filters = Filters.make(like, Size(*x.shape[2:]), kernels, op)
    rows = x[0].permute(1, 2, 0)
    out = x.new_empty(*filters.out, x.shape[1])

    def run(some: Sequence[slice]) -> None:
        bands: dict[int, _Bands] = {}
        for part in some:
            n = part.stop - part.start
            bands[n] = bands.get(n) or _Bands(like, n, filters, op)
            bands[n].run(rows[..., part], out[..., part])

    in_halves(run, chunks(x.shape[1], _at_once(x.shape[1], filters)))
    return out.permute(2, 0, 1)[None]


def _at_once(channels: int, filters: Filters) -> int:
    """How many channels are filtered at once, so that both halves have as many to do."""
    most = max(1, _VALUES // (len(filters.down) * filters.down[0][0].block * filters.fine[1]))
    even = -(-channels // (2 * -(-channels // (2 * most))))
    return _LANES * -(-even // _LANES)


class _Bands:
    """Buffers and filters that take rows (h, w, c) through the three stages, a block at a time."""

    def __init__(self, like: Tensor, channels: int, filters: Filters, op: FilteredLRelu) -> None:
        (self._up_y, up_x), *others = filters.up
        assert not others, "filters that upsample are separable"
        self._op, self._fine = op, filters.fine
        down_x = [x for _, x in filters.down]
        n_blocks = max(up_x.n_blocks, *(x.n_blocks for x in down_x))
        width, self._grow = n_blocks * up_x.step, self._up_y.matrix
        self._source = buffer(like, self._grow.shape[1], width, channels).zero_()
        self._columns = up_x.place(width)
        self._between = buffer(like, self._up_y.block, width, channels)
        self._up = AxisPass.along_y(up_x, self._between, None)
        self._terms = [_Down.of(y, x, self._up.target) for y, x in filters.down]

    def run(self, rows: Tensor, out: Tensor) -> None:
        """The result (h', w', c) of rows."""
        n_outputs, block = self._terms[0].y.outputs, self._up_y.block
        made = self._up.target.new_empty(n_outputs, self._terms[0].width)
        for i in range(-(-len(out) // n_outputs) + 1):
            if i * block < self._fine[0]:
                self._upsample(rows, i)
                for term in self._terms:
                    term.passes[i % 2].run()
            if i:
                for k, term in enumerate(self._terms):
                    term.into(made, i - 1, k > 0, i * block < self._fine[0])
                target = out[(i - 1) * n_outputs : i * n_outputs]
                wide = made.view(n_outputs, -1, out.shape[2])
                target.copy_(wide[: len(target), : out.shape[1]])

    def _upsample(self, rows: Tensor, i: int) -> None:
        """Block `i` of upsampled and activated rows, in the buffer."""
        first, n = self._up_y.first + i * self._up_y.step, len(self._source)
        start, end = (min(max(edge - first, 0), n) for edge in (0, len(rows)))
        inside, columns = self._columns
        self._source[:start] = 0
        self._source[start:end, inside] = rows[first + start : first + end, columns]
        self._source[end:] = 0
        torch.mm(self._grow, self._source.flatten(1), out=self._between.flatten(1))
        self._up.run()
        activate(self._up.target, self._op.slope, self._op.bound)


@dataclass(frozen=True)
class _Down:
    """One separable term of the filter behind the activation.

    Attributes:
        y: along the rows.
        matrix: of a block of it; it looks at a block of rows and the one below.
        passes: along x, of even and of odd blocks.
    """

    y: Fir
    matrix: Tensor
    passes: tuple[AxisPass, AxisPass]

    @property
    def width(self) -> int:
        """Values of a row."""
        return self.passes[0].target[0].numel()

    @classmethod
    def of(cls, y: Fir, x: Fir, source: Tensor) -> _Down:
        """From upsampled rows (block, w, c)."""
        matrix = y.matrix
        assert y.block <= matrix.shape[1] <= 2 * y.block
        even, odd = (AxisPass.along_y(x, source, None) for _ in range(2))
        return cls(y, matrix, (even, odd))

    def into(self, out: Tensor, i: int, add: bool, follows: bool) -> None:
        """Rows of block `i`, once the one below has passed, if one follows."""
        above, below = (self.passes[j % 2].target.flatten(1) for j in (i, i + 1))
        block, reach = len(above), self.matrix.shape[1]
        torch.addmm(out, self.matrix[:, :block], above, beta=int(add), out=out)
        if follows:
            out.addmm_(self.matrix[:, block:], below[: reach - block])
