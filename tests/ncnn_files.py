"""Files in ncnn's layout, written for tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from anyres_bench.baselines.realesrgan.network import RRDBNet, SRVGGNetCompact

HALF = 0x01306B47


def convolution(weight: Tensor, activated: bool = False) -> str:
    """The line of a 3x3 convolution with a bias."""
    options = f"0={len(weight)} 1=3 4=1 5=1 6={weight.numel()}"
    return f"Convolution c 1 1 a b {options}{' 9=2 -23310=1,2.000000e-01' * activated}"


def stored(tensor: Tensor, half: bool = False) -> bytes:
    """Weights with their flag."""
    if not half:
        return struct.pack("<I", 0) + tensor.numpy().tobytes()
    numbers = tensor.half().numpy().tobytes()
    return struct.pack("<I", HALF) + numbers + bytes(-len(numbers) % 4)


def write(folder: Path, lines: Sequence[str], numbers: bytes, name: str = "n") -> Path:
    """Both files; the path of the layers."""
    path = folder / f"{name}.param"
    path.write_text("\n".join(["7767517", f"{len(lines)} 9", *lines]) + "\n")
    path.with_suffix(".bin").write_bytes(numbers)
    return path


def write_network(folder: Path, network: RRDBNet | SRVGGNetCompact, half: bool = False) -> Path:
    """A network of Real-ESRGAN as its publishers' tool writes it, without how layers connect."""
    state = network.state_dict()
    lines, numbers = ["Input data 0 1 data"], b""
    for name in [key.removesuffix(".weight") for key in state if key.endswith(".weight")]:
        weight = state[f"{name}.weight"]
        if weight.ndim == 1:
            lines.append(f"PReLU p 1 1 a b 0={len(weight)}")
            numbers += weight.numpy().tobytes()
            continue
        last = name.rpartition(".")[2]
        activated = last in ("conv1", "conv2", "conv3", "conv4", "conv_up1", "conv_up2", "conv_hr")
        lines.append(convolution(weight, activated))
        numbers += stored(weight, half) + state[f"{name}.bias"].numpy().tobytes()
    if isinstance(network, RRDBNet):
        lines += (
            ["Eltwise e 2 1 a b c 0=1 -23301=2,2.000000e-01,1.000000e+00"] * 4 * len(network.body)
        )
        lines += ["Interp i 1 1 a b 0=1 1=2.000000e+00 2=2.000000e+00"] * 2
    else:
        lines += [f"PixelShuffle s 1 1 a b 0={network.scale}"]
        lines += [f"Interp i 1 1 a b 0=1 1={network.scale}.0 2={network.scale}.0"]
    return write(folder, lines, numbers)


def tiny(kind: str) -> RRDBNet | SRVGGNetCompact:
    """An untrained network of few channels."""
    torch.manual_seed(0)
    if kind == "compact":
        return SRVGGNetCompact(num_feat=5, num_conv=2, upscale=2).requires_grad_(False)
    return RRDBNet(num_feat=6, num_block=2, num_grow_ch=3).requires_grad_(False)
