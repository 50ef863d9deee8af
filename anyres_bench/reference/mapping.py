"""From latents and labels to styles, and from scales to styles."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from anyres_bench.core.errors import UsageError
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.layers import FullyConnected, normalize_rms

_LR_MULTIPLIER = 0.01
_W_AVG_BETA = 0.998
_N_OCTAVES = 4  # of the Fourier features of the logarithm of the scale


class _Stack(nn.Module):
    """Fully connected layers `fc0`, `fc1`, ... that learn slowly.

    They compute in double precision, which costs nothing here: a matrix product rounds
    differently for each size of batch, and the sinusoids of the input would make much of that.
    """

    def __init__(self, widths: Sequence[int], rng: torch.Generator) -> None:
        super().__init__()
        self.n_layers = len(widths) - 1
        for i in range(self.n_layers):
            layer = FullyConnected(
                widths[i], widths[i + 1], rng, activation="lrelu", lr_multiplier=_LR_MULTIPLIER
            )
            self.add_module(f"fc{i}", layer)

    def run(self, x: Tensor) -> Tensor:
        """(n, widths[0]) -> (n, widths[-1]), dtype of the weights."""
        dtype = next(self.parameters()).dtype
        x = x.double()
        for i in range(self.n_layers):
            x = self.get_submodule(f"fc{i}")(x)
        return x.to(dtype)


class MappingNetwork(_Stack):
    """Latent and label to one style vector.

    Args:
        z_dim: width of the latent; 0 for none.
        c_dim: width of the label; 0 for none.
        w_dim: width of the style.
        n_layers: fully connected layers.
        rng: draws the initial weights.
        tracks_average: keep the running mean of w, which truncation needs.
    """

    w_avg: Tensor

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        n_layers: int,
        rng: torch.Generator,
        tracks_average: bool = True,
    ) -> None:
        super().__init__([z_dim + (w_dim if c_dim else 0)] + [w_dim] * n_layers, rng)
        self.z_dim, self.c_dim = z_dim, c_dim
        if c_dim:
            self.embed = FullyConnected(c_dim, w_dim, rng)
        if tracks_average:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor | None, c: Tensor | None = None) -> Tensor:
        """Styles (n, w_dim) for latents (n, z_dim) and labels (n, c_dim), not truncated.

        Raises:
            UsageError: labels are missing or not wanted.
        """
        if (c is None) != (self.c_dim == 0):
            wanted = f"labels of width {self.c_dim}" if self.c_dim else "no labels"
            raise UsageError(f"this network takes {wanted}, got {'none' if c is None else 'some'}")
        parts = [] if z is None else [normalize_rms(z.double())]
        if c is not None:
            parts.append(normalize_rms(self.embed(c.double())))
        return self.run(torch.cat(parts, dim=1))

    @torch.no_grad()
    def update_average(self, w: Tensor) -> None:
        """Move the running mean of w a little towards this batch's."""
        self.w_avg.copy_(w.detach().mean(dim=0).lerp(self.w_avg, _W_AVG_BETA))

    def truncate(self, ws: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """Pull the first `cutoff` rows (None: all) of ws (n, rows, w_dim) towards the mean of w.

        Source: A Style-Based Generator Architecture (Karras et al., 2019), appendix B.
        """
        if psi == 1:
            return ws
        head, tail = ws[:, :cutoff], ws[:, ws.shape[1] if cutoff is None else cutoff :]
        return torch.cat([self.w_avg.lerp(head, psi), tail], dim=1)


class OfficialScaleMapping(MappingNetwork):
    """The published scale branch: a mapping network with the normalised scale as its latent.

    Its input is a vector of one number, which the mapping network normalises to about +1 or -1,
    so it tells "positive" scales not at all and "zerocentered" ones by their sign. Kept for the
    sake of published checkpoints.
    """

    def __init__(self, config: GeneratorConfig, rng: torch.Generator) -> None:
        super().__init__(1, config.c_dim, config.w_dim, config.n_mapping_layers, rng)
        self.config = config

    def styles(self, scale: Tensor, c: Tensor | None = None) -> Tensor:
        """Styles (n, w_dim) for scales (n,), canvas / resolution."""
        styles: Tensor = self(self.normalize(scale[:, None]), c)
        return styles

    def normalize(self, scale: Tensor) -> Tensor:
        """The scale as the branch sees it; not clamped."""
        low, high = self.config.scale_min, self.config.scale_max
        share = (scale - low) / (high - low)
        return share + 0.1 if self.config.scale_norm == "positive" else 2 * share - 1


class FourierScaleMapping(_Stack):
    """Fourier features of the logarithm of the scale, through fully connected layers.

    The logarithm runs from 0 at `scale_min` to 1 at `scale_max`. The slowest feature does a
    quarter turn on that way, so scales stay distinct far outside the range.
    """

    def __init__(self, config: GeneratorConfig, rng: torch.Generator) -> None:
        super().__init__([2 * _N_OCTAVES] + [config.w_dim] * config.n_mapping_layers, rng)
        self.log_min = math.log2(config.scale_min)
        self.log_range = math.log2(config.scale_max) - self.log_min

    def styles(self, scale: Tensor, c: Tensor | None = None) -> Tensor:
        """Styles (n, w_dim) for scales (n,), canvas / resolution; labels are not looked at."""
        share = (scale.log2() - self.log_min) / self.log_range
        octaves = 2.0 ** torch.arange(_N_OCTAVES, device=scale.device, dtype=scale.dtype)
        angle = math.pi / 2 * share[:, None] * octaves
        return self.run(torch.cat([angle.sin(), angle.cos()], dim=1))
