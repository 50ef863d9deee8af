"""Published networks in ncnn's layout, which keeps no names: the order of layers gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from anyres_bench.baselines.realesrgan.upscaler import from_state
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.ncnn import NcnnLayer, NcnnNetwork

LICENCE = "Real-ESRGAN's networks are published under BSD-3-Clause"
_OTHERS = ("conv_first", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last")
_PER_BLOCK = 15  # convolutions
_SLOPE, _RESIDUAL = 0.2, (0.2, 1.0)
_LEAKY = 2  # kind of the activation that ends a convolution


def read_layout(network: NcnnNetwork) -> Checkpoint | None:
    """The network as a checkpoint, with the official names; None if it is neither of the two.

    Kernels, activations, residual factors and resizing must be those of the network; how the layers
    are connected is taken for granted.
    """
    learnt = [layer for layer in network.layers if layer.tensors]
    compact = any(layer.kind == "PReLU" for layer in learnt)
    named = _compact(network, learnt) if compact else _rrdbnet(network, learnt)
    if named is None:
        return None
    state: dict[str, Tensor] = {
        f"{name}.{key}": tensor for name, layer in named for key, tensor in layer.tensors.items()
    }
    made = from_state(state, network.name, "cpu")
    config = {"kind": "compact" if compact else "rrdbnet", "scale": made.scale}
    source = {"file": network.name, "sha256": network.sha256, "network": config["kind"]}
    return Checkpoint("realesrgan", config, state, LICENCE, source)


def _rrdbnet(
    network: NcnnNetwork, learnt: Sequence[NcnnLayer]
) -> list[tuple[str, NcnnLayer]] | None:
    n_blocks, rest = divmod(len(learnt) - len(_OTHERS), _PER_BLOCK)
    sums = [layer.options.get(1, ()) for layer in network.layers if layer.kind == "Eltwise"]
    if rest or n_blocks < 1 or sums != [_RESIDUAL] * 4 * n_blocks:
        return None
    if _resizes(network) != [(2, 2), (2, 2)]:
        return None
    named = list(zip(_names(n_blocks), learnt, strict=True))
    fits = all(_is_convolution(layer, _is_activated(name)) for name, layer in named)
    return named if fits else None


def _names(n_blocks: int) -> Iterator[str]:
    yield _OTHERS[0]
    for block in range(n_blocks):
        for dense in range(1, 4):
            for k in range(1, 6):
                yield f"body.{block}.rdb{dense}.conv{k}"
    yield from _OTHERS[1:]


def _is_activated(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last in ("conv_up1", "conv_up2", "conv_hr", "conv1", "conv2", "conv3", "conv4")


def _compact(
    network: NcnnNetwork, learnt: Sequence[NcnnLayer]
) -> list[tuple[str, NcnnLayer]] | None:
    kinds = ["PReLU" if i % 2 else "Convolution" for i in range(len(learnt))]
    plain = all(_is_convolution(layer, False) for layer in learnt[::2])
    if [layer.kind for layer in learnt] != kinds or not len(learnt) % 2 or not plain:
        return None
    folds = [layer.option(0) for layer in network.layers if layer.kind == "PixelShuffle"]
    if len(folds) != 1 or _resizes(network) != [(folds[0], folds[0])]:
        return None  # as of the networks that shrink what they enlarged by 4
    return [(f"body.{i}", layer) for i, layer in enumerate(learnt)]


def _resizes(network: NcnnNetwork) -> list[tuple[float, float]]:
    """Factors of all enlargements that repeat pixels; 0 for resizing of other kinds."""
    resizes = [layer for layer in network.layers if layer.kind == "Interp"]
    return [
        (layer.option(1), layer.option(2)) if layer.option(0) == 1 else (0, 0) for layer in resizes
    ]


def _is_convolution(layer: NcnnLayer, is_activated: bool) -> bool:
    """Whether a layer is a 3x3 convolution that keeps the size, with this activation behind it."""
    if layer.kind != "Convolution" or layer.tensors["weight"].shape[2:] != (3, 3):
        return False
    stride, dilation, padding = layer.option(3, 1), layer.option(2, 1), layer.option(4)
    kind, slope = (_LEAKY, (_SLOPE,)) if is_activated else (0, ())
    fits = (stride, dilation, padding, layer.option(9)) == (1, 1, 1, kind)
    return fits and layer.options.get(10, ()) == slope and "bias" in layer.tensors
