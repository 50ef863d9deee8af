"""The samples of a model: which they are, and which are not independent."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from anyres_bench.core.errors import DatasetError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.pixels import to_uint8
from anyres_bench.data.protocols import protocol_from
from anyres_bench.evaluation.sample_sets import model_samples
from anyres_bench.models.loading import load
from tests.fakes import write_dataset


def test_enlarged_images_are_a_set_of_images(tmp_path: Path) -> None:
    """Every one comes before any comes again, and windows of one image are one group."""
    small = write_dataset(tmp_path / "small", [(20, 20)] * 5).folder
    reference = write_dataset(tmp_path / "large", [(64, 64)] * 8)
    generator = load(f"lanczos:folder:{small}")
    samples = model_samples(generator, reference, protocol_from("patch32-at40"), 15, 0)
    assert Counter(samples.groups) == dict.fromkeys(range(5), 3)
    assert set(samples.groups[:5]) == set(range(5))
    again = model_samples(generator, reference, protocol_from("patch32-at40"), 15, 1)
    assert list(samples.groups) != list(again.groups)

    whole = protocol_from("anyres-full40")
    samples = model_samples(generator, reference, whole, 5, 0)
    [(images,)] = samples.batches([list(samples.order)])
    pictures = generator.sample(generator.latents(samples.groups), [Region.whole(Size(40, 40))] * 5)
    assert torch.equal(images, to_uint8(pictures, whole.rounding))
    with pytest.raises(DatasetError, match="6 different pictures, but there are only 5"):
        model_samples(generator, reference, whole, 6, 0)
