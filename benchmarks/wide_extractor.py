"""Features as long as Inception's that cost next to nothing: 2,048 levels of a picture, as floats.

For benchmarks of everything around a network. A picture is 32 px or is brought to that by taking
the nearest pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate

SIDE = 32  # px


@dataclass(frozen=True)
class Levels:
    """The first 2,048 levels of a picture of 32 px, colour by colour, row by row."""

    id: ClassVar[str] = "levels"
    dim: ClassVar[int] = 2048
    n_views: ClassVar[int] = 1
    is_fid: ClassVar[bool] = False

    def __call__(self, images: Tensor) -> Tensor:
        """Features of (n, 3, h, w) uint8, (n, 2048) float32 in [0, 1]."""
        small = interpolate(images, SIDE) if images.shape[-2:] != (SIDE, SIDE) else images
        return small.flatten(1)[:, : self.dim].to(torch.float32) / 255


def build() -> Levels:
    """What `--extractor benchmarks.wide_extractor:build` asks for."""
    return Levels()
