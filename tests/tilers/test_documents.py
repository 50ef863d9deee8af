"""Procedural documents: their seed alone, and what stands where."""

from __future__ import annotations

import math

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.documents import ALPHABET, DOT, document, draw

SIZE = Size(224, 336)


def test_documents_are_their_seed_alone_and_stay_on_their_page() -> None:
    page = document(SIZE, 3)
    assert page == document(SIZE, 3) != document(SIZE, 4)
    assert all(letter.box.fits(SIZE) for letter in page.letters)
    assert len({letter.height for letter in page.letters}) >= 4
    for a in page.dots:
        for b in page.dots:
            assert a == b or math.dist(a, b) >= 4 * DOT
    with pytest.raises(UsageError, match="too small"):
        document(Size(100, 900), 0)


def test_letters_are_as_high_as_they_say_and_the_rest_stays_where_it_is() -> None:
    page = document(SIZE, 3)
    pixels = draw(page)[:, :, 0]
    for letter in page.letters:
        if ALPHABET[letter.number] in "EFHKPRX" and letter.height >= 8:
            box = letter.box
            ink = pixels[box.top : box.bottom, box.left : box.right] < 128
            assert abs(int(ink.any(axis=1).sum()) - letter.height) <= 1
    turned_once = draw(page, 1)[:, :, 0]
    assert not np.array_equal(turned_once, pixels)
    assert np.array_equal(turned_once[SIZE.height // 2 :], pixels[SIZE.height // 2 :])
    assert np.array_equal(draw(page, len(ALPHABET)), draw(page))
    for top, thickness in page.lines:
        assert (pixels[top : top + thickness, page.rules.left : page.rules.right] == 0).all()
