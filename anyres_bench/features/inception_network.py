"""The layers of Inception-v3 (2015-12-05 graph) and the names its weights have in published files.

Unlike torchvision's Inception-v3 it has 1008 classes and no auxiliary head; the average pools of
the mixed blocks do not count padding; and the last block pools by maximum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.states import misfits
from anyres_bench.features.tensors import Undrawn

_STAGES = {
    "64": ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "pool"),
    "192": ("Conv2d_3b_1x1", "Conv2d_4a_3x3", "pool"),
    "768": tuple(f"Mixed_{block}" for block in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e")),
    "2048": ("Mixed_7a", "Mixed_7b", "Mixed_7c"),
}
"""Tap -> the layers between the tap before and it; "pool" halves the size by maximum."""

SPATIAL = "sfid"
_SPATIAL_CHANNELS = 7  # of 17 x 17 places: 2,023 numbers, near the 2,048 of FID


class Conv(nn.Module):
    """Convolution without bias, batch norm, ReLU. Stride 1 keeps the size unless `valid`."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        valid: bool = False,
    ) -> None:
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (0, 0) if valid or stride > 1 else (height // 2, width // 2)
        self.conv = nn.Conv2d(n_in, n_out, (height, width), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(n_out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)), inplace=True)


def _average(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def _halve(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 3, stride=2)


class MixedA(nn.Module):
    """35x35 blocks: 1x1, 5x5, double 3x3, pool."""

    def __init__(self, n_in: int, n_pool: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(n_in, 64)
        self.branch5x5_1 = Conv(n_in, 48)
        self.branch5x5_2 = Conv(48, 64, 5)
        self.branch3x3dbl_1 = Conv(n_in, 64)
        self.branch3x3dbl_2 = Conv(64, 96, 3)
        self.branch3x3dbl_3 = Conv(96, 96, 3)
        self.branch_pool = Conv(n_in, n_pool)

    def forward(self, x: Tensor) -> Tensor:
        branches = [
            self.branch1x1(x),
            self.branch5x5_2(self.branch5x5_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.branch_pool(_average(x)),
        ]
        return torch.cat(branches, 1)


class MixedB(nn.Module):
    """35x35 to 17x17."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.branch3x3 = Conv(n_in, 384, 3, stride=2)
        self.branch3x3dbl_1 = Conv(n_in, 64)
        self.branch3x3dbl_2 = Conv(64, 96, 3)
        self.branch3x3dbl_3 = Conv(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        branches = [
            self.branch3x3(x),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            _halve(x),
        ]
        return torch.cat(branches, 1)


class MixedC(nn.Module):
    """17x17 blocks: 1x1, 7x7 and double 7x7 in one-dimensional parts, pool."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(768, 192)
        self.branch7x7_1 = Conv(768, n)
        self.branch7x7_2 = Conv(n, n, (1, 7))
        self.branch7x7_3 = Conv(n, 192, (7, 1))
        self.branch7x7dbl_1 = Conv(768, n)
        self.branch7x7dbl_2 = Conv(n, n, (7, 1))
        self.branch7x7dbl_3 = Conv(n, n, (1, 7))
        self.branch7x7dbl_4 = Conv(n, n, (7, 1))
        self.branch7x7dbl_5 = Conv(n, 192, (1, 7))
        self.branch_pool = Conv(768, 192)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        branches = [
            self.branch1x1(x),
            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
            self.branch7x7dbl_5(self.branch7x7dbl_4(double)),
            self.branch_pool(_average(x)),
        ]
        return torch.cat(branches, 1)


class MixedD(nn.Module):
    """17x17 to 8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = Conv(768, 192)
        self.branch3x3_2 = Conv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Conv(768, 192)
        self.branch7x7x3_2 = Conv(192, 192, (1, 7))
        self.branch7x7x3_3 = Conv(192, 192, (7, 1))
        self.branch7x7x3_4 = Conv(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        branches = [
            self.branch3x3_2(self.branch3x3_1(x)),
            self.branch7x7x3_4(seven),
            _halve(x),
        ]
        return torch.cat(branches, 1)


class MixedE(nn.Module):
    """8x8 blocks, whose 3x3 chains end in a fork."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(n_in, 320)
        self.branch3x3_1 = Conv(n_in, 384)
        self.branch3x3_2a = Conv(384, 384, (1, 3))
        self.branch3x3_2b = Conv(384, 384, (3, 1))
        self.branch3x3dbl_1 = Conv(n_in, 448)
        self.branch3x3dbl_2 = Conv(448, 384, 3)
        self.branch3x3dbl_3a = Conv(384, 384, (1, 3))
        self.branch3x3dbl_3b = Conv(384, 384, (3, 1))
        self.branch_pool = Conv(n_in, 192)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        branches = [
            self.branch1x1(x),
            self.branch3x3_2a(three),
            self.branch3x3_2b(three),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(self.pool(x)),
        ]
        return torch.cat(branches, 1)

    def pool(self, x: Tensor) -> Tensor:
        """What comes before the pool branch's convolution."""
        return _average(x)


class MixedELast(MixedE):
    """The last block, which pools by maximum."""

    def pool(self, x: Tensor) -> Tensor:
        """Maximum instead of average."""
        return functional.max_pool2d(x, 3, stride=1, padding=1)


class InceptionNetwork(nn.Module):
    """The network; attribute names are those of the published state dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3, valid=True)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3)
        self.Conv2d_3b_1x1 = Conv(64, 80)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3, valid=True)
        self.Mixed_5b = MixedA(192, n_pool=32)
        self.Mixed_5c = MixedA(256, n_pool=64)
        self.Mixed_5d = MixedA(288, n_pool=64)
        self.Mixed_6a = MixedB(288)
        self.Mixed_6b = MixedC(128)
        self.Mixed_6c = MixedC(160)
        self.Mixed_6d = MixedC(160)
        self.Mixed_6e = MixedC(192)
        self.Mixed_7a = MixedD()
        self.Mixed_7b = MixedE(1280)
        self.Mixed_7c = MixedELast(2048)
        self.fc = nn.Linear(2048, 1008)
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor, last: str = "logits") -> dict[str, Tensor]:
        """Taps by name, each (n, dim).

        Args:
            x: (n, 3, 299, 299) in [-1, 1].
            last: which tap, alone; "logits" gives all but "sfid".

        Source: of "sfid" Nash et al., "Generating images with sparse representations", ICML 2021,
        at the layer that ADM's evaluation reads: the 1x1 branch of Mixed_6d, places row by row.
        """
        taps: dict[str, Tensor] = {}
        for tap, names in _STAGES.items():
            for name in names:
                if last == SPATIAL and name == "Mixed_6d":
                    places = self.Mixed_6d.branch1x1(x)[:, :_SPATIAL_CHANNELS]
                    return {SPATIAL: places.permute(0, 2, 3, 1).flatten(1)}
                x = _halve(x) if name == "pool" else self.get_submodule(name)(x)
            if last in (tap, "logits", "logits_unbiased"):
                taps[tap] = x.mean((2, 3), dtype=torch.float32)
            if tap == last:
                return taps
        taps["logits_unbiased"] = functional.linear(taps["2048"], self.fc.weight)
        taps["logits"] = taps["logits_unbiased"] + self.fc.bias
        return taps


def load_network(tensors: Mapping[str, Tensor]) -> InceptionNetwork:
    """The network with weights as named in a published file of either kind.

    Args:
        tensors: a state dict, with or without `num_batches_tracked`, or the attributes of the
            TorchScript file.

    Raises:
        CheckpointError: names, shapes or kinds are not this network's.
    """
    with Undrawn():
        network = InceptionNetwork()
    # The counters of batch norm serve training alone, and old files lack them.
    own = {n: v for n, v in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    state = {n: v for n, v in tensors.items() if not n.endswith("num_batches_tracked")}
    if not state.keys() & own.keys():
        state = _from_torchscript(state, network)
    missing, extra = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    other = misfits(own, state)
    if missing or extra or other:
        raise CheckpointError(
            f"these are not the weights of the 2015-12-05 Inception-v3: {len(missing)} tensors are "
            f"missing {missing[:3]}, {len(extra)} are unknown {extra[:3]}, {len(other)} have "
            f"another shape or kind {other[:3]}"
        )
    network.load_state_dict(state, strict=False)
    return network


# How the TensorFlow graph names what is called `branch...` here; the rest of a chain is counted.
_TF_TOWERS = {
    MixedA: {"branch5x5": "tower_", "branch3x3dbl": "tower_1_", "branch_pool": "tower_2_"},
    MixedB: {"branch3x3dbl": "tower_"},
    MixedC: {"branch7x7": "tower_", "branch7x7dbl": "tower_1_", "branch_pool": "tower_2_"},
    MixedD: {"branch3x3": "tower_", "branch7x7x3": "tower_1_"},
    MixedE: {"branch3x3": "tower_", "branch3x3dbl": "tower_1_", "branch_pool": "tower_2_"},
    MixedELast: {"branch3x3": "tower_", "branch3x3dbl": "tower_1_", "branch_pool": "tower_2_"},
}
_TF_BRANCH = re.compile(r"(branch_pool|branch\w+?)(?:_(\d[ab]?))?$")
_TF_STEPS = {
    **{"": "conv", "1": "conv", "2": "conv_1", "3": "conv_2", "4": "conv_3", "5": "conv_4"},
    **{"2a": "mixed_conv", "2b": "mixed_conv_1", "3a": "mixed_conv", "3b": "mixed_conv_1"},
}
# Leaves of a convolution; its batch norm has no scale. Only ports of the file are documented, so
# every name that they use for a leaf is understood.
_TF_LEAVES = {
    "conv.weight": ("weight",),
    "bn.bias": ("beta", "bias"),
    "bn.running_mean": ("mean", "running_mean", "moving_mean"),
    "bn.running_var": ("var", "running_var", "moving_variance"),
}


def tf_names(network: InceptionNetwork) -> dict[str, str]:
    """Name of each convolution here -> its name in the TensorFlow graph, parts joined by "_"."""
    children = dict(network.named_children())
    stem = [name for name, layer in children.items() if isinstance(layer, Conv)]
    names = {name: f"conv_{i}" if i else "conv" for i, name in enumerate(stem)}
    blocks = [name for name, layer in children.items() if type(layer) in _TF_TOWERS]
    for i, block in enumerate(blocks):
        towers = _TF_TOWERS[type(children[block])]
        for branch, _ in children[block].named_children():
            base, step = _TF_BRANCH.findall(branch)[0]
            mixed = f"mixed_{i}" if i else "mixed"
            names[f"{block}.{branch}"] = f"{mixed}_{towers.get(base, '')}{_TF_STEPS[step]}"
    return names


def _from_torchscript(
    tensors: Mapping[str, Tensor], network: InceptionNetwork
) -> dict[str, Tensor]:
    """Our names for the attributes of the TorchScript file; unknown ones keep theirs."""
    modules: dict[str, str] = {tf: name for name, tf in tf_names(network).items()}
    leaves = {leaf: name for name, known in _TF_LEAVES.items() for leaf in known}
    state = {}
    for attribute, value in tensors.items():
        module, _, leaf = attribute.removeprefix("layers.").rpartition(".")
        module = module.replace(".", "_")
        if module == "output":
            state[f"fc.{leaf}"] = value
        elif module in modules and leaf in leaves:
            state[f"{modules[module]}.{leaves[leaf]}"] = value
        else:
            state[attribute] = value
    means = [name for name in state if name.endswith("bn.running_mean")]
    ones = {n.replace("running_mean", "weight"): torch.ones_like(state[n]) for n in means}
    return state | ones
