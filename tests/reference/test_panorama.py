"""Panoramas: frames around the cylinder, square pixels, edges that meet."""

from __future__ import annotations

import torch

from anyres_bench.core.geometry import Region, Size
from anyres_bench.reference.panorama import panorama_affine


def test_panorama_pixels_are_square() -> None:
    region = Region(Size(100, 384), 34, 100, Size(32, 32))
    expected = [[0.5, 0, (116 - 32) / 64], [0, 0.5, 0], [0, 0, 1]]
    torch.testing.assert_close(panorama_affine(region, 6), torch.tensor(expected).double())
