"""Patch n' pack: groups, masks, dropped tokens, and what packing wastes."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.tilers.packing import (
    Packed,
    fractional_positions,
    group,
    kept_tokens,
    packing_report,
    resolution_at_area,
)


def test_masks_keep_images_apart() -> None:
    packed = Packed.of([[2, 1], [4]])
    mask = packed.attention_mask()[:, 0]
    assert mask[0].astype(int).tolist() == [
        [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0],
    ]  # fmt: skip
    assert mask[1].all()
    assert packed.pooling_mask()[:, 0].astype(int).tolist() == [
        [[1, 1, 0, 0], [0, 0, 1, 0]], [[1, 1, 1, 1], [0, 0, 0, 0]],
    ]  # fmt: skip


def test_packing_says_what_it_wastes() -> None:
    lengths = [10, 6, 9, 3]
    groups = group(lengths, 16)
    assert groups == [[0, 1], [2, 3]]
    done = packing_report(lengths, groups, 16)
    assert (done.sequences, done.efficiency) == (2, 28 / 32)
    assert (done.masked_pairs, done.needed_pairs) == (512, 226)
    with pytest.raises(UsageError, match="image 1 has 17 tokens"):
        group([3, 17], 16)


def test_dropped_tokens_depend_on_seed_and_image_alone() -> None:
    kept = kept_tokens(100, 0.75, seed=1, index=3)
    assert len(kept) == 25
    assert (np.diff(kept) > 0).all()
    assert np.array_equal(kept, kept_tokens(100, 0.75, seed=1, index=3))
    assert not np.array_equal(kept, kept_tokens(100, 0.75, seed=1, index=4))
    assert len(kept_tokens(1, 0.9, seed=0, index=0)) == 1


def test_fractional_positions_lose_the_aspect() -> None:
    wide, tall = fractional_positions(2, 4), fractional_positions(4, 2)
    assert sorted(map(tuple, wide[:, ::-1])) == sorted(map(tuple, tall))
    assert wide.max() < 1


@pytest.mark.parametrize("aspect", [0.25, 1.0, 3.0])
def test_sizes_at_constant_area(aspect: float) -> None:
    size = resolution_at_area(aspect, 256, 16)
    assert abs(size.pixels / 256 / 256 - 1) < 0.1
    assert abs(size.width / size.height / aspect - 1) < 0.15
