"""What is measured on the pixels of every image."""

from __future__ import annotations

import json

import numpy as np

from anyres_bench.building.image_statistics import measure


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_levels_measure_more_and_all_is_json() -> None:
    seen, full = (measure(picture(64, 80), level) for level in ("decode", "full"))
    assert set(seen) == {"phash", "detail"}
    assert set(full) - set(seen) == {"effective_resolution", "confidence", "blockiness"}
    assert {name: full[name] for name in seen} == seen
    assert len(bytes.fromhex(seen["phash"])) == 32
    assert json.loads(json.dumps(full)) == full
    assert 0 < full["effective_resolution"] <= 1


def test_blocks_are_not_looked_for_in_the_smallest() -> None:
    assert "blockiness" not in measure(picture(15, 40), "full")
    assert "blockiness" in measure(picture(16, 40), "full")
