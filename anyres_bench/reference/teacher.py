"""The teacher: a frozen stage-1 generator that holds the layout of patches.

Source: AnyRes-GAN (Chai et al., ECCV 2022), section 3.2, "teacher regularization".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from anyres_bench.core.errors import ConfigError
from anyres_bench.models.warp import affine_resample
from anyres_bench.training.losses import Perceptual, masked_l1, masked_perceptual

OFFICIAL_BORDER = 16  # px, whatever the resolution: empty masks at 32 px and below


@dataclass(frozen=True)
class TeacherOptions:
    """How a patch is held against the teacher.

    Attributes:
        weight: of the teacher's terms beside the adversarial loss; at 0 the networks start from
            the teacher and are then on their own.
        mode: "inverse" puts the patch at its place in the teacher's image; "forward" cuts the
            patch's place out of the teacher's image.
        perceptual: the second term beside L1. "lpips-alex" needs its weights; "laplacian" is
            built in; "none" leaves it out.
        border: px at each side of the patch that are not compared in mode "inverse"; None for a
            16th of the resolution, which is the official number at 256 px.
    """

    weight: float = 5.0
    mode: Literal["inverse", "forward"] = "inverse"
    perceptual: Literal["lpips-alex", "laplacian", "none"] = "lpips-alex"
    border: int | None = None

    def __post_init__(self) -> None:
        if not self.weight >= 0 or (self.border is not None and self.border < 0):
            raise ConfigError(
                f"teacher weight is {self.weight} and border {self.border}; "
                "expected 0 or more, both"
            )


class Teacher:
    """A frozen generator and how patches are held against it.

    Args:
        network: renders whole images from the same latents; it is frozen here.
        options: mode, terms and border.
        distance: the perceptual term's distance a pixel; None to leave the term out.
    """

    def __init__(
        self, network: nn.Module, options: TeacherOptions, distance: Perceptual | None
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self._options = options
        self._distance = distance

    def terms(
        self, z: Tensor, c: Tensor | None, patches: Tensor, transforms: Tensor
    ) -> dict[str, Tensor]:
        """The teacher's terms, each (n,), not weighted.

        Args:
            z, c: latents and labels that the patches were rendered from.
            patches: (n, 3, R, R), with gradients.
            transforms: (n, 3, 3), window to canvas.
        """
        with torch.no_grad():
            whole = self.network(z, c)
        if self._options.mode == "forward":
            a, _ = affine_resample(whole, transforms.inverse())
            b, mask = patches, torch.ones_like(patches[:, :1])
        else:
            (a, official_mask), b = affine_resample(patches, transforms), whole
            mask = self._mask(transforms, patches.shape[-1], official_mask)
        terms = {"l1": masked_l1(a, b, mask)}
        if self._distance is not None:
            terms["perceptual"] = masked_perceptual(a, b, mask, self._distance)
        return terms

    def _mask(self, transforms: Tensor, side: int, official: Tensor) -> Tensor:
        border = side // 16 if self._options.border is None else self._options.border
        return official if border == OFFICIAL_BORDER else window_mask(transforms, side, border)


def window_mask(transforms: Tensor, side: int, border: float) -> Tensor:
    """Which pixels of the base image lie in a window, but for a border.

    Args:
        transforms: (n, 3, 3), window to canvas; scaling and shifts only.
        side: of the base image and of the window, px.
        border: of the window, in its own px.

    Returns:
        (n, 1, side, side) of 0 and 1.
    """
    centres = (torch.arange(side, device=transforms.device, dtype=transforms.dtype) + 0.5) / side
    half = transforms[:, 0, 0] * (0.5 - border / side)
    inside_x = (centres - 0.5 - transforms[:, 0, 2, None]).abs() <= half[:, None]
    inside_y = (centres - 0.5 - transforms[:, 1, 2, None]).abs() <= half[:, None]
    return (inside_y[:, None, :, None] & inside_x[:, None, None, :]).to(transforms.dtype)
