"""Perceptual terms of losses, by name.

The published terms need published weights; where those cannot be had, that is an error. "laplacian"
needs none and is another term: a configuration says so by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from anyres_bench.core import distributed
from anyres_bench.features.lpips import load_lpips
from anyres_bench.features.vgg19 import load_vgg19
from anyres_bench.training.losses import at_most_256, laplacian_distance

Kind = Literal["vgg19", "lpips-vgg", "laplacian", "none"]
Distance = Callable[[Tensor, Tensor], Tensor]
"""Two (n, 3, h, w) batches in [-1, 1] -> (n,), with gradients."""


def load_distance(kind: Kind) -> Distance | None:
    """The term of a name; None for "none".

    Raises:
        WeightsError: it needs weights that cannot be had; the message says what to do.
    """
    device = str(distributed.device())
    if kind == "none":
        return None
    if kind == "laplacian":
        return lambda a, b: laplacian_distance(a, b).mean((1, 2, 3))
    if kind == "vgg19":
        return load_vgg19(device=device)
    lpips = load_lpips("vgg", device=device)
    return lambda a, b: lpips.spatial(at_most_256(a), at_most_256(b)).mean((1, 2))
