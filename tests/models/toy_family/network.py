"""The network: one plane wave a channel, by absolute coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Waves(nn.Module):
    """(n, 3) latents and (h, w, 2) coordinates to (n, 3, h, w) in [-1, 1]."""

    def __init__(self, frequency: float) -> None:
        super().__init__()
        self.frequency = frequency
        self.direction = nn.Parameter(torch.eye(3, 2))
        self.phase = nn.Parameter(torch.zeros(3))

    def forward(self, z: Tensor, coords: Tensor) -> Tensor:
        waves = self.frequency * (coords.to(z) @ self.direction.T).permute(2, 0, 1)
        return torch.sin(waves + (z + self.phase)[:, :, None, None])


def from_config(config: Mapping[str, Any]) -> Waves:
    """An untrained network."""
    return Waves(config["frequency"])
