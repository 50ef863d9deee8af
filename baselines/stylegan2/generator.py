"""StyleGAN2 snapshots as generators; see `FixedSizes` for canvases of other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from anyres_bench.baselines.stylegan2.network import StyleGAN2Network
from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.fixed_sizes import FixedSizes
from anyres_bench.models.labels import Labels, read_labels
from anyres_bench.models.networks import load_network
from anyres_bench.models.noise import latent_vector, normal_field
from anyres_bench.models.official_files import device_of, read_number

NOISES = ("seed", "const")


class SeedStyle(NamedTuple):
    """A seed, for the noise, and its style, (1, w_dim), truncated."""

    seed: int
    w: Tensor


@dataclass(frozen=True)
class StyleGAN2Renderer:
    """The renderer of a snapshot; see `FixedSizes`.

    Attributes:
        network: the weights.
        digest: of its checkpoint.
        psi: truncation towards the mean style of the snapshot; 1 is none.
        labels: how labels are drawn; None for a network that knows none.
        noise: "seed" draws it anew for every seed, "const" takes the snapshot's.
    """

    network: StyleGAN2Network
    digest: str
    psi: float = 1.0
    labels: Labels | None = None
    noise: str = "seed"

    @property
    def id(self) -> str:
        parts = [
            f"stylegan2@{self.digest[:12]}",
            self.labels.name if self.labels else "",
            f"psi{self.psi:g}" if self.psi != 1 else "",
            "noise-const" if self.noise == "const" else "",
        ]
        return "+".join(filter(None, parts))

    @property
    def sizes(self) -> tuple[Size, ...]:
        return (Size.square(self.network.config.resolution),)

    def latent(self, seed: int) -> SeedStyle:
        """The truncated style of a seed, and of its label."""
        network, device = self.network, device_of(self.network)
        c = None
        if self.labels is not None:
            number = torch.tensor(self.labels.of([seed]))
            c = F.one_hot(number, network.config.c_dim).float().to(device)
        z = latent_vector(seed, network.config.z_dim).to(device)
        return SeedStyle(seed, network.mapping(z, c, self.psi))

    def render(self, latent: SeedStyle, size: Size) -> Tensor:
        """The whole image."""
        image: Tensor = self.network.synthesis(latent.w, self._noise(latent))
        return image

    def _noise(self, latent: SeedStyle) -> Sequence[Tensor] | None:
        if self.noise == "const":
            return None
        boxes = [Box.whole(Size.square(side)) for side in self.network.synthesis.noise_sides]
        fields = (normal_field(latent.seed, i, box) for i, box in enumerate(boxes))
        return [field.to(latent.w.device) for field in fields]

    def n_parameters(self, size: Size) -> int:
        """All weights take part."""
        return sum(parameter.numel() for parameter in self.network.parameters())


def from_checkpoint(
    checkpoint: Checkpoint,
    psi: str = "1",
    label: str | None = None,
    labels: str | None = None,
    noise: str = "seed",
    exact: str = "",
    device: str = "cpu",
) -> FixedSizes:
    """The generator of a checkpoint on a device; options as text.

    Args:
        checkpoint: of a snapshot.
        psi: truncation.
        label, labels: see `read_labels`.
        noise: see `StyleGAN2Renderer`.
        exact: "yes" refuses canvases of other sizes, which are resized otherwise.
        device: where it renders, as torch names it.

    Raises:
        CheckpointError: the weights do not fit.
        UsageError: an option cannot be read.
    """
    if noise not in NOISES:
        raise UsageError(f"noise {noise!r}: expected {' or '.join(NOISES)}")
    if exact not in ("", "no", "yes"):
        raise UsageError(f"exact {exact!r}: expected yes or no")
    network = load_network(checkpoint)
    assert isinstance(network, StyleGAN2Network)
    counts = (checkpoint.training or {}).get("labels")
    renderer = StyleGAN2Renderer(
        network.to(device),
        checkpoint.digest,
        read_number("psi", psi, 0, 2),
        read_labels(label, labels, network.config.c_dim, counts),
        noise,
    )
    return FixedSizes(renderer, exact=exact == "yes")
