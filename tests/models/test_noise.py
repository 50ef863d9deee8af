"""Noise by seed and place: windows of one field agree, fields differ."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.geometry import Box
from anyres_bench.models.noise import latent_vector, normal_field

WHOLE = Box(-70, -5, 150, 90)


@pytest.mark.parametrize("box", [Box(-70, -5, 1, 1), Box(-3, 10, 70, 20), Box(60, 60, 20, 25)])
def test_a_window_is_the_crop_of_any_larger_one(box: Box) -> None:
    whole = normal_field(3, "a", WHOLE, channels=2)
    part = normal_field(3, "a", box, channels=2)
    top, left = box.top - WHOLE.top, box.left - WHOLE.left
    assert torch.equal(part, whole[:, :, top : top + box.height, left : left + box.width])


def test_the_field_is_standard_normal_without_a_seam() -> None:
    field = normal_field(0, "x", Box(-128, -128, 256, 256))[0, 0]
    assert abs(float(field.mean())) < 0.02
    assert abs(float(field.std()) - 1) < 0.02
    across = (field[:, 127] * field[:, 128]).mean()  # neighbours in two blocks
    assert abs(float(across)) < 0.25


def test_fields_of_other_seeds_and_labels_are_others() -> None:
    box = Box(0, 0, 4, 4)
    first = normal_field(0, "a", box)
    assert not torch.equal(first, normal_field(1, "a", box))
    assert not torch.equal(first, normal_field(0, "b", box))


def test_latents_are_of_their_seed_alone() -> None:
    z = latent_vector(5, 16)
    assert (z.shape, z.dtype) == ((1, 16), torch.float32)
    assert torch.equal(z, latent_vector(5, 16))
    assert not torch.equal(z, latent_vector(6, 16))
