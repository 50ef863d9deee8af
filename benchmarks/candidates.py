"""What was compared with the built-in extractor on the design half of its study, and lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from anyres_bench.core.seeds import stream
from anyres_bench.features.builtin import ID, N_OCTAVES, BuiltinExtractor
from anyres_bench.features.octaves import octaves, planes

CHANNELS = (3, 24, 32, 40)


def thumbnail(images: Tensor) -> Tensor:
    """Means of 8 x 8 parts of each channel: what is left of a picture from afar, 192 numbers."""
    return functional.adaptive_avg_pool2d(images.float(), 8).flatten(1)


def random_convolutions(images: Tensor) -> Tensor:
    """Three convolutions with random weights; mean and spread of each channel, 192 numbers."""
    x, pooled = (images.float() - 128) / 64, []
    for n_in, n_out in itertools.pairwise(CHANNELS):
        draws = stream(0, "random convolutions", n_in).normal((n_out, n_in, 3, 3))
        weights = torch.from_numpy(draws).float() * (2 / (9 * n_in)) ** 0.5
        x = functional.relu(functional.conv2d(x, weights, stride=2))
        pooled += [x.mean((2, 3)), x.std((2, 3))]
    return torch.cat(pooled, 1)


def log_energies(images: Tensor) -> Tensor:
    """Log strength of each filter in each octave of each plane, as it is, 96 numbers."""
    rows = [
        [octave.magnitude for plane in planes(image) for octave in octaves(plane, N_OCTAVES)]
        for image in images.numpy()
    ]
    return torch.from_numpy(np.log(np.asarray(rows, np.float32) + 0.1)).flatten(1)


CANDIDATES: dict[str, Callable[[Tensor], Tensor]] = {
    "thumbnail": thumbnail,
    "random-convolutions": random_convolutions,
    "log-energies": log_energies,
    ID: BuiltinExtractor(),
}
