"""Panoramas of 360 degrees: where a window lies on the cylinder, and the training image."""

from __future__ import annotations

import torch
from torch import Tensor

from anyres_bench.core.geometry import Region
from anyres_bench.reference.network import SynthesisNetwork


def panorama_affine(region: Region, frames_a_turn: float) -> Tensor:
    """Matrix from a window's picture to the panorama's first frame, in (x, y, 1) columns.

    The canvas' width is one full turn and its pixels are square, so its height may be any: one
    frame, the trained field of view, is as high as it is wide, and the horizon runs through the
    middle of the canvas. What lies above and below the frames was never trained.

    Args:
        region: a square window; it may reach over the canvas' left and right edge.
        frames_a_turn: frames that go around once, 360 over the field of view.

    Returns:
        (3, 3) float64.
    """
    frame = region.canvas.width / frames_a_turn
    side = region.size.width
    x = (region.left + side / 2 - frame / 2) / frame
    y = (region.top + side / 2 - region.canvas.height / 2) / frame
    a = side / frame
    return torch.tensor([[a, 0, x], [0, a, y], [0, 0, 1]], dtype=torch.float64)


def turn_by(column: int, synthesis: SynthesisNetwork) -> Tensor:
    """(3, 3) matrix that starts the first frame at a column of the input's grid."""
    signal, margin = synthesis.input.signal, synthesis.config.margin
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[0, 2] = column / (signal.size - 2 * margin)
    return matrix


def spliced_image(
    synthesis: SynthesisNetwork, ws: Tensor, column: int, cut: int, update_emas: bool = False
) -> Tensor:
    """A training image that runs over the seam between two frames.

    Args:
        synthesis: a panorama's synthesis network.
        ws: (n, n_ws, w_dim).
        column: of the input's grid, where the first frame starts.
        cut: pixel of the two frames at which the image starts, from 0 to the resolution.
        update_emas: follow the power of the feature maps, in both frames.

    Returns:
        (n, channels, resolution, resolution) float32.

    Source: AnyRes-GAN (Chai et al., 2022), supplement, "panoramas".
    """
    first = turn_by(column, synthesis)
    second = first.clone()
    second[0, 2] += 1
    frames = [
        synthesis(ws, matrix.float().to(ws.device).expand(len(ws), 3, 3), update_emas=update_emas)
        for matrix in (first, second)
    ]
    return torch.cat(frames, dim=3)[..., cut : cut + synthesis.config.resolution]
