"""Patches and their orders: nothing is lost, and each stands where the order says."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.tilers.patches import (
    block_major,
    cumulative,
    patchify,
    pixel_shuffle,
    space_to_depth,
    window_lengths,
    window_order,
)


def test_patches_stand_in_block_major_order() -> None:
    y, x = np.indices((8, 12))
    images = np.stack([y // 2, x // 2])[None]  # each pixel says its patch
    flat, grid = patchify(images, patch=2, merge=2)
    assert grid == (1, 4, 6)
    assert flat.reshape(24, 2, 4).min(-1).tolist() == flat.reshape(24, 2, 4).max(-1).tolist()
    assert np.array_equal(flat.reshape(24, 2, 4)[..., 0], block_major(4, 6, 2))


def test_the_last_frame_is_repeated() -> None:
    frames = np.arange(3.0).reshape(3, 1, 1, 1) * np.ones((3, 1, 2, 2))
    flat, grid = patchify(frames, patch=2, temporal=2)
    assert grid == (2, 1, 1)
    assert flat[:, ::4].tolist() == [[0, 1], [2, 2]]


def test_a_shuffle_keeps_every_number_and_version_1_is_transposed() -> None:
    features = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    shuffled = pixel_shuffle(features, 2)
    assert shuffled.shape == (2, 2, 3, 12)
    assert shuffled[0, 0, 0].tolist() == features[0, :2, :2].ravel().tolist()
    assert sorted(shuffled.ravel()) == sorted(features.ravel())
    assert np.array_equal(pixel_shuffle(features, 2, version=1), shuffled.transpose(0, 2, 1, 3))


def test_windows_hold_every_token_once_and_agree_on_their_lengths() -> None:
    grids = [(1, 10, 14), (2, 4, 6)]
    order, lengths = window_order(grids, side=4)
    assert sorted(order) == list(range(5 * 7 + 2 * 2 * 3))
    assert lengths == window_lengths(grids, side=4)
    assert sum(lengths) == 10 * 14 + 2 * 4 * 6
    assert cumulative(lengths)[-1] == sum(lengths)
    assert order[:4].tolist() == [0, 1, 2, 3]
    assert order[4] == 7  # the next row of the window, not of the image


def test_sides_that_are_no_multiples_are_refused() -> None:
    with pytest.raises(UsageError, match="no multiples"):
        patchify(np.zeros((1, 3, 10, 8)), 4)
    with pytest.raises(UsageError, match="not cut into"):
        block_major(3, 4, 2)
    with pytest.raises(UsageError, match="not cut into"):
        space_to_depth(np.zeros((3, 4, 1)), 2)
