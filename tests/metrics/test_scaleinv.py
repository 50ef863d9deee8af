"""ScaleInv and spatial features; their numbers are held by the golden case."""

from __future__ import annotations

import torch

from anyres_bench.metrics.scaleinv import centre_crop, scale_inverse, spatial_features


def test_sides_are_the_real_images_at_every_scale() -> None:
    for scale, side in ((1, 197), (2, 397), (4, 792)):
        images = torch.randn(1, 3, side, side)
        assert scale_inverse(images, full=197, real=128, scale=scale).shape == (1, 3, 128, 128)
    assert centre_crop(torch.zeros(1, 3, 5, 5), 8).shape == (1, 3, 5, 5)


def test_a_row_of_cells_is_one_images() -> None:
    images = torch.randn(3, 3, 18, 18)
    rows = spatial_features(images, lambda cells: cells.mean((2, 3)))
    assert rows.shape == (3, 48)
    alone = torch.cat([spatial_features(x[None], lambda c: c.mean((2, 3))) for x in images])
    assert torch.equal(rows, alone)
