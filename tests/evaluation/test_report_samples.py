"""The pictures that a report may show: free ones, and small."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from anyres_bench.evaluation.report_samples import keep_samples, may_show, samples_path
from anyres_bench.evaluation.sample_sets import SampleSet


def samples(licences: list[str]) -> SampleSet:
    n = len(licences)
    return SampleSet(
        "real", {"licences": licences}, range(n), licences, range(n), lambda parts: iter(())
    )


def test_only_free_pictures_are_kept() -> None:
    pixels = (torch.arange(3)[:, None, None, None] * 100).expand(3, 3, 4, 5).to(torch.uint8)
    mixed = samples(["CC0-1.0", "all-rights-reserved", "CC-BY-4.0"])
    keep_samples(mixed, pixels)
    kept = np.asarray(Image.open(samples_path(mixed.key)))
    assert kept.shape == (4, 10, 3)
    assert sorted(set(kept.flatten())) == [0, 200]
    closed = samples(["unknown"] * 3)
    keep_samples(closed, pixels)
    assert not samples_path(closed.key).exists()


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("CC0-1.0", True),
        ("CC-BY-4.0", True),
        ("CC-BY-NC-SA-2.0", True),
        ("CC BY 2.0", True),
        ("PDM-1.0", True),
        ("generated", True),
        ("CC-BY-ND-4.0", False),
        ("CC-BY-NC-ND-2.0", False),
        ("all-rights-reserved", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_licences(licence: str, free: bool) -> None:
    assert may_show(licence) is free


def test_large_pictures_are_shrunk() -> None:
    wide = samples(["CC0-1.0"] * 2)
    keep_samples(wide, torch.zeros(2, 3, 512, 256, dtype=torch.uint8))
    assert Image.open(samples_path(wide.key)).size == (256, 256)


def test_what_may_not_be_published_is_kept_apart() -> None:
    pixels = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    mixed, free = samples(["CC0-1.0", "unknown"]), samples(["CC0-1.0"] * 2)
    keep_samples(mixed, pixels)
    keep_samples(free, pixels)
    assert Image.open(samples_path(mixed.key)).size == (4, 4)
    assert Image.open(samples_path(mixed.key, private=True)).size == (8, 4)
    assert not samples_path(free.key, private=True).exists()
