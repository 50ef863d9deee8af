"""InfinityGAN's canvas as a grid of patches.

Source: Lin et al., "InfinityGAN: Towards Infinite-Pixel Image Synthesis", ICLR 2022, section 3.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from anyres_bench.baselines.infinitygan.network import PATCH, Architecture
from anyres_bench.core.geometry import Box, Size

STRIDE = 6  # structure latents between two patches: the largest step whose patches leave no gap


@dataclass(frozen=True)
class Patches:
    """A canvas as a grid of patches of one fixed size; every pixel belongs to one of them.

    A pixel is always made by its own patch, whatever window it is asked for in, so it comes out the
    same bit for bit however an image is cut.

    Attributes:
        architecture: of the network.
        steps: how many patches, down and across.
    """

    architecture: Architecture
    steps: Size

    @classmethod
    def covering(cls, architecture: Architecture, pixels: Size, extra: int = 0) -> Patches:
        """The fewest patches that cover so many pixels, and `extra` more on each axis."""
        patch, step = architecture.layer_sizes(PATCH)[-1], STRIDE * architecture.unit
        steps = (max(0, math.ceil((side - patch) / step)) + 1 + extra for side in pixels)
        return cls(architecture, Size(*steps))

    @property
    def pixels(self) -> Size:
        """Size of the canvas."""
        return self._extent(
            STRIDE * self.architecture.unit, self.architecture.layer_sizes(PATCH)[-1]
        )

    @property
    def latents(self) -> Size:
        """Size of the field of local latents, halo included."""
        return self._extent(STRIDE, self.architecture.window)

    @property
    def noise(self) -> list[Size]:
        """Size of the noise of every convolution."""
        sizes = self.architecture.layer_sizes(PATCH)
        return [self._extent(self._step(i), size) for i, size in enumerate(sizes)]

    def _extent(self, step: int, size: int) -> Size:
        return Size(*(step * (n - 1) + size for n in self.steps))

    @staticmethod
    def _step(layer: int) -> int:
        return STRIDE << (layer // 2 + 1)

    def latents_of(self, a: int, b: int) -> Box:
        """Local latents that patch (a, b) reads."""
        side = self.architecture.window
        return Box(STRIDE * a, STRIDE * b, side, side)

    def noise_of(self, a: int, b: int) -> list[Box]:
        """Noise that patch (a, b) reads, per convolution."""
        sizes = self.architecture.layer_sizes(PATCH)
        return [Box(self._step(i) * a, self._step(i) * b, n, n) for i, n in enumerate(sizes)]

    def assemble(self, window: Box, render: Callable[[int, int], Tensor]) -> Tensor:
        """A window of the canvas from the patches that it touches.

        Args:
            window: pixels of the canvas.
            render: gives the whole patch (a, b), (n, 3, p, p).
        """
        rows = list(self._owned(window.top, window.bottom, self.steps.height))
        columns = list(self._owned(window.left, window.right, self.steps.width))
        strips = []
        for a, inside_a in rows:
            parts = [render(a, b)[:, :, inside_a, inside_b] for b, inside_b in columns]
            strips.append(torch.cat(parts, 3))
        return torch.cat(strips, 2)

    def _owned(self, start: int, stop: int, n: int) -> Iterator[tuple[int, slice]]:
        """(patch, its own pixels in [start, stop)); the last patch owns its overlap."""
        step = STRIDE * self.architecture.unit
        for k in range(min(start // step, n - 1), min((stop - 1) // step, n - 1) + 1):
            end = stop if k == n - 1 else min(stop, (k + 1) * step)
            yield k, slice(max(start - k * step, 0), end - k * step)
