"""What is read of documents through tilers."""

from __future__ import annotations

import math

import pytest

from anyres_bench.core.geometry import Size
from anyres_bench.tilers import load
from anyres_bench.tilers.documents import document
from anyres_bench.tilers.legibility import Reading, legible, measure, read, summarize, turned

SIZE = Size(224, 336)


def test_at_its_own_size_and_without_noise_everything_is_read() -> None:
    page = document(SIZE, 0)
    found = read(load("navit:patch=16"), page, turned(page), seed=0, noise=0.0)
    assert found.right == found.asked
    assert found.counted == found.dots
    assert max(found.line_errors) <= 0.5


def test_less_is_read_of_a_smaller_picture() -> None:
    page = document(SIZE, 1)
    variants = turned(page)
    share = []
    for patches in (294, 120, 40, 8):
        found = read(load(f"siglip2-naflex:max_patches={patches}"), page, variants, seed=1)
        share.append(sum(found.right.values()) / sum(found.asked.values()))
    assert share == sorted(share, reverse=True)
    assert share[0] > 0.95
    assert share[-1] < 0.35


def test_a_finer_cut_is_read_where_it_lies() -> None:
    size = Size(448, 640)
    coarse = measure(load("seed-content:tile=112,max_tiles=4,coarse_tiles=4"), size, [0])
    finer = measure(load("seed-content:tile=112,max_tiles=13,coarse_tiles=4"), size, [0])
    assert finer.tokens > coarse.tokens
    assert sum(finer.accuracy.values()) > sum(coarse.accuracy.values())


def test_the_smallest_legible_letter() -> None:
    assert legible([4, 8], [1.0, 0.95]) == 4
    assert legible([4, 8], [0.95, 0.2]) == math.inf
    assert legible([4, 8, 16], [0.1, 0.7, 0.9]) == 16


def test_intervals_are_never_of_no_width() -> None:
    same = Reading(7, {4: 30, 8: 30}, {4: 30, 8: 30}, 20, 20, (0.5, 0.5, 0.25))
    found = summarize([same, same, same])
    assert (found.legible.value, found.counting.value, found.lines.value) == (
        4,
        0,
        pytest.approx(5 / 12),
    )
    assert found.counting.high == pytest.approx(3 / 60)
    assert found.lines.low < 5 / 12 < found.lines.high
    half = Reading(7, {4: 10, 8: 27}, {4: 30, 8: 30}, 20, 25, (3.0,))
    found = summarize([same, half])
    assert 4 < found.legible.value <= 8
    assert found.legible.low < found.legible.value < found.legible.high
    assert found.counting.low == 0 < found.counting.value < found.counting.high
