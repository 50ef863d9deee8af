"""InfinityGAN's grid of patches: every pixel has one patch, whatever window asks for it."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.baselines.infinitygan.network import PATCH
from anyres_bench.baselines.infinitygan.patches import STRIDE, Patches
from anyres_bench.core.geometry import Box, Size
from tests.baselines import tiny

PATCHES = Patches.covering(tiny.INFINITY, Size(150, 200))


def numbered(a: int, b: int) -> torch.Tensor:
    """A patch whose pixels say which patch they are of, and where they lie on the canvas."""
    side, step = tiny.INFINITY.layer_sizes(PATCH)[-1], STRIDE * tiny.INFINITY.unit
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    number = torch.full_like(y, a * PATCHES.steps.width + b)
    return torch.stack([number, y + a * step, x + b * step])[None]


def test_the_fewest_patches_cover() -> None:
    assert all(a >= b for a, b in zip(PATCHES.pixels, Size(150, 200), strict=True))
    step = STRIDE * tiny.INFINITY.unit
    assert PATCHES.pixels.height - step < 150
    assert PATCHES.pixels.width - step < 200
    more = Patches.covering(tiny.INFINITY, Size(150, 200), extra=1)
    assert more.steps == Size(PATCHES.steps.height + 1, PATCHES.steps.width + 1)
    assert Patches.covering(tiny.INFINITY, Size(1, 1)).steps == Size(1, 1)


def test_a_canvas_shows_every_pixel_at_its_place() -> None:
    whole = PATCHES.assemble(Box.whole(PATCHES.pixels), numbered)
    y, x = torch.meshgrid(*(torch.arange(side) for side in PATCHES.pixels), indexing="ij")
    assert torch.equal(whole[0, 1:], torch.stack([y, x]))
    assert len(whole[0, 0].unique()) == PATCHES.steps.pixels


@pytest.mark.parametrize("box", [Box(0, 0, 1, 1), Box(40, 13, 70, 100), Box(100, 150, 50, 50)])
def test_a_pixel_is_of_one_patch_in_any_window(box: Box) -> None:
    whole = PATCHES.assemble(Box.whole(PATCHES.pixels), numbered)
    part = PATCHES.assemble(box, numbered)
    assert torch.equal(part, whole[:, :, box.top : box.bottom, box.left : box.right])


def test_what_patches_read_lies_in_the_fields() -> None:
    last = PATCHES.steps.height - 1, PATCHES.steps.width - 1
    assert PATCHES.latents_of(*last).fits(PATCHES.latents)
    assert PATCHES.latents_of(*last).bottom == PATCHES.latents.height
    for box, size in zip(PATCHES.noise_of(*last), PATCHES.noise, strict=True):
        assert (box.bottom, box.right) == tuple(size)
