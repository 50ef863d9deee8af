"""InfinityGAN's discriminator: StyleGAN2's, which also says how high in the scene a patch lies.

Source: Lin et al., "InfinityGAN: Towards Infinite-Pixel Image Synthesis", ICLR 2022, section 3.3.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from anyres_bench.baselines.infinitygan.network import COORDINATES
from anyres_bench.models.stylegan2 import (
    BiasLeaky,
    EqualConv,
    EqualLinear,
    ResidualBlock,
    minibatch_stddev,
)


def widths(patch: int, multiplier: int, largest: int) -> list[int]:
    """Channels from the full size down to 4 px, as if the patch were the nearest power of two."""
    sides = [2**i for i in range(round(math.log2(patch)), 1, -1)]
    return [min(largest, 512 if side <= 32 else 16384 * multiplier // side) for side in sides]


class InfinityGANDiscriminator(nn.Module):
    """A logit and three coordinates for every patch; training looks at the first of these alone.

    Args:
        patch: side of the images, px.
        multiplier: of the channels above 32 px.
        largest: the widest layer.
    """

    def __init__(self, patch: int, multiplier: int = 2, largest: int = 512) -> None:
        super().__init__()
        wide = widths(patch, multiplier, largest)
        first = nn.Sequential(EqualConv(3, wide[0], 1), BiasLeaky(wide[0]))
        self.convs = nn.Sequential(first, *(ResidualBlock(pair) for pair in pairwise(wide)))
        last = wide[-1]
        self.final_conv = nn.Sequential(EqualConv(last + 1, last, 3, padding=1), BiasLeaky(last))
        n_features = last * (patch >> (len(wide) - 1)) ** 2
        self.final_linear = nn.Sequential(
            EqualLinear(n_features, last, activate=True), EqualLinear(last, 1)
        )
        self.coordinate_linear = nn.Sequential(
            EqualLinear(n_features, last, activate=True), EqualLinear(last, COORDINATES)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, patch, patch) -> (n, 1) logits and (n, 3) coordinates."""
        features = self.final_conv(minibatch_stddev(self.convs(images))).flatten(1)
        return self.final_linear(features), self.coordinate_linear(features)
