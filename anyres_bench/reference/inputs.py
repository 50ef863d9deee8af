"""Where an image begins: Fourier features of the position on the canvas."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.layers import FullyConnected, normal
from anyres_bench.reference.schedule import Signal


class SynthesisInput(nn.Module):
    """A plane of sinusoids, sampled where the window lies.

    Args:
        config: of the network.
        signal: rate, cutoff, size and channels of what it hands on.
        rng: draws frequencies, phases and weights.

    Source: Alias-Free Generative Adversarial Networks (Karras et al., 2021), section 3.2; the
    transform for each sample is AnyRes-GAN's (Chai et al., 2022), section 3.1.
    """

    transform: Tensor
    freqs: Tensor
    phases: Tensor
    fine_freqs: Tensor
    fine_phases: Tensor

    def __init__(self, config: GeneratorConfig, signal: Signal, rng: torch.Generator) -> None:
        super().__init__()
        self.signal = signal
        n = signal.channels
        self.weight = nn.Parameter(normal(rng, n, n))
        self.affine = FullyConnected(config.w_dim, 4, rng, weight_init=0)
        with torch.no_grad():
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        freqs = normal(rng, n, 2)
        radius = freqs.square().sum(dim=1, keepdim=True).sqrt()
        # Uniform in the disc of the bandwidth, with a soft edge.
        freqs = freqs / (radius * radius.square().exp().pow(0.25)) * signal.cutoff
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", freqs)
        self.register_buffer("phases", torch.special.ndtr(normal(rng, n)) - 0.5)
        self.n_fine = n * config.input_octaves
        if self.n_fine:
            self._draw_fine(config.input_octaves, rng)

    def _draw_fine(self, n_octaves: int, rng: torch.Generator) -> None:
        """Sinusoids above the cutoff, as many in each octave."""
        n = self.signal.channels
        octave = torch.arange(n_octaves).repeat_interleave(n) + torch.special.ndtr(
            normal(rng, self.n_fine)
        )
        direction = F.normalize(normal(rng, self.n_fine, 2))
        self.register_buffer("fine_freqs", direction * self.signal.cutoff * 2 ** octave[:, None])
        self.register_buffer("fine_phases", torch.special.ndtr(normal(rng, self.n_fine)) - 0.5)
        self.fine_weight = nn.Parameter(torch.zeros(n, self.n_fine))

    def forward(
        self, w: Tensor, transform: Tensor | None = None, size: Size | None = None
    ) -> Tensor:
        """Features (n, c, size, size) for styles (n, w_dim).

        Args:
            w: turns and shifts the whole canvas.
            transform: (n, 3, 3) from window to canvas; None for the transform that is stored.
            size: (h, w) of more or fewer samples, around the same middle.
        """
        # In double precision, because 2 pi times the frequency magnifies rounding.
        own = (self.transform if transform is None else transform).double()
        matrix = self._pose(w.double()) @ own
        all_freqs, all_phases = self.freqs, self.phases
        if self.n_fine:
            all_freqs = torch.cat([all_freqs, self.fine_freqs])
            all_phases = torch.cat([all_phases, self.fine_phases])
        freqs = (all_freqs.double() @ matrix[:, :2, :2]).to(w.dtype)
        shifts = (all_freqs.double() @ matrix[:, :2, 2:]).squeeze(2)
        phases = (all_phases + shifts).to(w.dtype)
        x, y = self.grid(size)
        return self._mix(self._waves(freqs, phases, x, y) * self._amplitudes(freqs)[:, None, None])

    def _pose(self, w: Tensor) -> Tensor:
        """The learned rotation and translation, (n, 3, 3)."""
        t = self.affine(w)
        cos, sin, dx, dy = (t / t[:, :2].norm(dim=1, keepdim=True)).unbind(dim=1)
        zero, one = torch.zeros_like(cos), torch.ones_like(cos)
        turn = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], dim=1)
        shift = torch.stack([one, zero, -dx, zero, one, -dy, zero, zero, one], dim=1)
        return turn.view(-1, 3, 3) @ shift.view(-1, 3, 3)

    def grid(self, size: Size | None = None) -> tuple[Tensor, Tensor]:
        """Sample centres x (1, w) and y (h, 1), of the window by default, around its middle.

        The network's picture spans [-1/2, 1/2].
        """
        height, width = size or Size.square(self.signal.size)
        y, x = (
            torch.arange(n, device=self.freqs.device, dtype=self.freqs.dtype) - (n - 1) / 2
            for n in (height, width)
        )
        return x[None, :] / self.signal.rate, y[:, None] / self.signal.rate

    def _waves(self, freqs: Tensor, phases: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Sinusoids (n, h, w, c) at positions that broadcast to (n, h, w)."""
        fx, fy = freqs[:, None, None].unbind(dim=4)
        turns = x[..., None] * fx + y[..., None] * fy + phases[:, None, None]
        return torch.sin(2 * math.pi * turns)

    def _amplitudes(self, freqs: Tensor) -> Tensor:
        """Damping (n, c) of frequencies that this sampling rate cannot carry."""
        cutoff, nyquist = self.signal.cutoff, self.signal.rate / 2
        radius: Tensor = freqs.norm(dim=2)
        return (1 - (radius - cutoff) / (nyquist - cutoff)).clamp(0, 1)

    def _mix(self, features: Tensor) -> Tensor:
        weight: Tensor = self.weight
        if self.n_fine:
            weight = torch.cat([weight, self.fine_weight], dim=1)
        weight = weight / math.sqrt(self.signal.channels)
        mixed: Tensor = F.linear(features, weight)
        return mixed.permute(0, 3, 1, 2)


class PanoramaInput(SynthesisInput):
    """The same around a cylinder, for 360 degree panoramas; the learned pose is not used.

    The window's picture, one field of view, spans [-1/2, 1/2] here too. A transform that shifts by
    1 along x turns by one field of view.

    Source: AnyRes-GAN (Chai et al., 2022), supplement, "panoramas".
    """

    def __init__(self, config: GeneratorConfig, signal: Signal, rng: torch.Generator) -> None:
        assert config.panorama_fov is not None
        super().__init__(config, signal, rng)
        self.margin = config.margin
        self.columns_a_turn = (signal.size - 2 * config.margin) * 360 // config.panorama_fov

    def forward(
        self, w: Tensor, transform: Tensor | None = None, size: Size | None = None
    ) -> Tensor:
        """Features (n, c, size, size); of `w` only the number counts."""
        if size is not None:
            raise UsageError("panoramas are rendered in windows of the network's own size")
        matrix = (self.transform if transform is None else transform).to(w.dtype)
        matrix = matrix.expand(len(w), 3, 3)
        a, b, dx, c, d, dy = (v[:, None, None] for v in matrix[:, :2].flatten(1).unbind(dim=1))
        x, y = self.grid()
        x, y = a * x + b * y + dx, c * x + d * y + dy
        angle = self.turn(x * self.signal.rate + (self.signal.size - 1) / 2) * math.pi
        waves = self._waves_on_cylinder(angle, y)
        return self._mix(waves * self._amplitudes(self.freqs[None])[:, None, None])

    @property
    def frames_a_turn(self) -> float:
        """Frames that go around once; a whole number if the field of view divides 360."""
        return self.columns_a_turn / (self.signal.size - 2 * self.margin)

    def turn(self, column: Tensor) -> Tensor:
        """Position of a column of the input on the cylinder; 2 is all the way round."""
        return (column - self.margin) / self.columns_a_turn * 2 - 1

    def _waves_on_cylinder(self, angle: Tensor, y: Tensor) -> Tensor:
        freqs, phases, half = self.freqs[None], self.phases[None], self.signal.channels // 2
        first = self._waves(freqs[:, :half], phases[:, :half], angle.sin(), y)
        second = self._waves(freqs[:, half:], phases[:, half:], angle.cos(), y)
        return torch.cat([first, second], dim=3)
