"""Networks made ready to look at images: batch norms and ReLUs inside the convolutions before them.

A batch norm that is not trained scales and shifts channels, which the convolution before it can do
itself: one pass over the activations less for each. The same goes for ReLUs, by oneDNN on a CPU and
by cuDNN on an NVIDIA GPU. On a CPU the channels of a pixel lie beside each other, as its fastest
convolutions want them; on a GPU those of half precision. Features move by rounding alone.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018, section 3.2.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from anyres_bench.core.precision import single_precision

BOUND = 1e-5
"""Of a row's norm: how far features may move and keep their id."""

_CUDNN = (torch.float32, torch.float16, torch.bfloat16)  # in which it convolves and rectifies

# What a library's `forward` may raise when it is given a stand-in for its input
_UNTRACEABLE = (
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,  # torch.fx's own among them
)


def folded(network: nn.Module) -> nn.Module:
    """The network with its batch norms folded into its convolutions; the same up to rounding.

    Args:
        network: in eval mode; its parts are taken over, so it is not to be used any more. One
            whose `forward` cannot be traced, because what it does depends on values, is returned
            as it is.
    """
    if not any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        return network
    try:
        traced = fx.GraphModule(network, _Tracer().trace(network))
    except _UNTRACEABLE:
        return network
    calls = Counter(node.target for node in traced.graph.nodes if node.op == "call_module")
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or len(before.users) != 1:
            continue
        if calls[node.target] == calls[before.target] == 1:
            _fold(traced, before, node)
    traced.recompile()
    return traced.eval().requires_grad_(False)


def pixel_by_pixel(images: Tensor) -> Tensor:
    """Images or weights (n, c, h, w), laid out so that a pixel's channels lie together.

    On a GPU in half precision alone, whose tensor cores want them so.
    """
    if images.device.type != "cpu" and images.dtype == torch.float32:
        return images
    return images.contiguous(memory_format=torch.channels_last)


def laid_out(weights: Tensor) -> Tensor:
    """Weights of a layer, those of a convolution `pixel_by_pixel`."""
    return pixel_by_pixel(weights) if weights.ndim == 4 else weights


def arranged(network: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The network with its convolutions of a dtype, their weights laid out `pixel_by_pixel`; one
    that is `folded` has its ReLUs in them too, where it is."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            weight = module.to(dtype).weight
            weight.data = pixel_by_pixel(weight.data)
    if isinstance(network, fx.GraphModule):
        _rectify(network)
    return network


@single_precision()
@torch.inference_mode()
def quickened(network: nn.Module, side: int) -> nn.Module:
    """The network folded and arranged, if its vectors of noise stay where they are; else itself.

    Deep networks of libraries can carry rounding far. Those without batch norms stay as they are.

    Args:
        network: in eval mode, from (n, 3, side, side) to (n, dim).
        side: px.
    """
    if not any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        return network
    where = next(network.parameters()).device
    noise = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0)).to(where)
    fast = arranged(folded(copy.deepcopy(network)))
    off = (fast(pixel_by_pixel(noise)) - network(noise)).norm(dim=1)
    return fast if bool((off <= BOUND * network(noise).norm(dim=1)).all()) else network


class _Rectified(nn.Module):
    """A convolution and the ReLU behind it in one pass of oneDNN over the pixels.

    Unlike a convolution of torch's own it takes the same way for any batch and number of threads.
    The first input says in which order of its own oneDNN wants the weights; they stay in it.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self._weight, self.bias = conv.weight.detach(), conv.bias
        self._how = (conv.padding, conv.stride, conv.dilation, conv.groups)

    def forward(self, x: Tensor) -> Tensor:
        weight = self._weight  # once, as another thread may be here too
        if not weight.is_mkldnn and _has_own_order(weight.dtype):
            order = torch.ops.mkldnn._reorder_convolution_weight
            self._weight = weight = order(weight, *self._how, x.shape)
        convolve = torch.ops.mkldnn._convolution_pointwise
        y: Tensor = convolve(x, weight, self.bias, *self._how, "relu", [], "")
        return y


class _RectifiedOnGPU(nn.Module):
    """A convolution, its bias and the ReLU behind it in one kernel of cuDNN; without gradients."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        how: tuple[Any, ...] = (conv.stride, conv.padding, conv.dilation, conv.groups)
        y: Tensor = torch.cudnn_convolution_relu(x, conv.weight, conv.bias, *how)
        return y


@functools.cache
def _has_own_order(dtype: torch.dtype) -> bool:
    """Whether torch lets oneDNN order weights: not where it has to emulate bfloat16."""
    return dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _rectify(network: fx.GraphModule) -> None:
    """Put ReLUs into the convolutions before them, where nothing else looks at what is between."""
    modules = dict(network.named_modules())
    calls = Counter(node.target for node in network.graph.nodes if node.op == "call_module")
    for node in list(network.graph.nodes):
        before = node.args[0] if node.args else None
        if not (_is_relu(node, modules) and isinstance(before, fx.Node)):
            continue
        conv = modules.get(str(before.target)) if before.op == "call_module" else None
        alone = len(before.users) == calls[before.target] == 1
        both = _rectified(conv) if alone and type(conv) is nn.Conv2d else None
        if both is not None:
            network.set_submodule(str(before.target), both)
            _leave_out(network, node)
    network.recompile()


def _is_relu(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_function":
        return node.target in (torch.relu, functional.relu)
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    steps = list(module) if isinstance(module, nn.Sequential) else [module]
    kinds = [type(step) for step in steps if not isinstance(step, nn.Identity)]
    return kinds == [nn.ReLU]


def _rectified(conv: nn.Conv2d) -> nn.Module | None:
    """A convolution with a ReLU behind it; None where no library here does both at once."""
    if not isinstance(conv.padding, tuple) or conv.padding_mode != "zeros":
        return None
    device, dtype = conv.weight.device.type, conv.weight.dtype
    if device == "cpu":
        has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        return _Rectified(conv) if has_onednn else None
    # AMD's GPUs call themselves so too. Of groups cuDNN has slow kernels, or none.
    has_cudnn = device == "cuda" and torch.version.hip is None
    has_cudnn = has_cudnn and torch.backends.cudnn.is_available()  # type: ignore[no-untyped-call]
    return _RectifiedOnGPU(conv) if has_cudnn and conv.groups == 1 and dtype in _CUDNN else None


def _leave_out(network: fx.GraphModule, node: fx.Node) -> None:
    node.replace_all_uses_with(node.all_input_nodes[0])
    network.graph.erase_node(node)


class _Tracer(fx.Tracer):
    """Leaves also those batch norms whole that are a library's own."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one step."""
        return isinstance(m, nn.BatchNorm2d) or super().is_leaf_module(m, module_qualified_name)


def _fold(traced: fx.GraphModule, before: fx.Node, node: fx.Node) -> None:
    """Fold one batch norm; what else the step did, as timm's activate, stays in its place."""
    conv, norm = (traced.get_submodule(str(step.target)) for step in (before, node))
    if type(conv) is not nn.Conv2d or not isinstance(norm, nn.BatchNorm2d) or norm.training:
        return
    steps = dict(norm.named_children())
    known = type(norm) is nn.BatchNorm2d or list(steps) == ["drop", "act"]
    if not known or norm.running_mean is None or norm.running_var is None:
        return
    # In double precision, so that every weight is rounded once.
    conv.double(), norm.double()
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    conv.float()
    if steps:
        rest = nn.Sequential(*(step.float() for step in steps.values()))
        traced.set_submodule(str(node.target), rest)
    else:
        traced.delete_submodule(str(node.target))
        _leave_out(traced, node)
