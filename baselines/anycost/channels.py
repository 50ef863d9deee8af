"""Anycost-GAN's channels: which are kept first, and how many.

Source: Lin et al., "Anycost GANs for Interactive Image Synthesis and Editing", CVPR 2021,
section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from anyres_bench.baselines.anycost.network import RATIOS, AnycostNetwork
from anyres_bench.models.stylegan2 import ModulatedConv

FEWEST, STEP = 8, 4  # channels of a layer whose width is chosen on its own, and its multiples
Sub = tuple[list[int], list[float]]
"""Widths of the constant and of every convolution, and their ratios for the discriminator."""


def uniform_sub(network: AnycostNetwork, ratio: float) -> Sub:
    """One ratio for all layers."""
    return network.uniform_widths(ratio), [ratio] * len(network.widths)


def flexible_sub(network: AnycostNetwork, choose: Callable[[int], int]) -> Sub:
    """A ratio for every layer, none below what the uniform ratio 1/4 leaves.

    Args:
        network: the full one.
        choose: an index below a number.
    """
    fewest, widths, ratios = network.uniform_widths(RATIOS[0]), [], []
    for full, least in zip(network.widths, fewest, strict=True):
        offered = [ratio for ratio in RATIOS if ratio * full >= least]
        ratio = offered[choose(len(offered))]
        width = min(max(int(ratio * full), FEWEST), full)
        widths.append(min(-(-width // STEP) * STEP, full))
        ratios.append(ratio)
    return widths, ratios


@torch.no_grad()
def sorted_state(network: AnycostNetwork, w: Tensor) -> dict[str, Tensor]:
    """The state with every layer's channels sorted, the most important first; the same images.

    A channel is as important as the weights of the layer that reads it are large, times the mean
    size of its style.

    Args:
        network: the full generator.
        w: (n, style_dim), styles to take the mean over.
    """
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    makers = ["input", "conv1", *(f"convs.{i}" for i in range(len(network.convs)))]
    for i, maker in enumerate(makers):
        rgb = {1: "to_rgb1"}.get(i) or (f"to_rgbs.{i // 2 - 1}" if i > 1 and i % 2 else None)
        convs = [f"{name}.conv" for name in makers[i + 1 : i + 2]]
        readers = [*convs, *([f"{rgb}.conv"] if rgb else [])]
        conv = network.get_submodule(readers[0])
        assert isinstance(conv, ModulatedConv)
        order = importance(conv, w).argsort(descending=True)
        if maker == "input":
            state["input.input"] = state["input.input"][:, order]
        else:
            state[f"{maker}.conv.weight"] = state[f"{maker}.conv.weight"][:, order]
            state[f"{maker}.activate.bias"] = state[f"{maker}.activate.bias"][order]
        for name in readers:
            state[f"{name}.weight"] = state[f"{name}.weight"][:, :, order]
            for leaf in ("weight", "bias"):
                key = f"{name}.modulation.{leaf}"
                state[key] = state[key][order]
    return state


def importance(conv: ModulatedConv, w: Tensor) -> Tensor:
    """Of every input channel: its absolute weights times its mean absolute style, (c_in,)."""
    style: Tensor = conv.modulation(w)
    return conv.weight[0].abs().sum((0, 2, 3)) * style.abs().mean(0)
