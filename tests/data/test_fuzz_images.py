"""Mutations of sound images: an ImageError, or pixels on which header and decoder agree."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from anyres_bench.core.errors import ImageError
from anyres_bench.data.headers import probe
from anyres_bench.data.pixels import decode
from benchmarks import layouts
from tests.fuzz import fuzz, replay


def seeds() -> Iterator[bytes]:
    """One file in eleven of the layouts, of every format."""
    makers = (layouts.png_cases, layouts.jpeg_cases, layouts.gif_cases, layouts.bmp_cases)
    for make in (*makers, layouts.ppm_cases):
        yield from (case.data for i, case in enumerate(make()) if i % 11 == 0)
    for compression in ("none", "lzw"):
        yield from (
            case.data for i, case in enumerate(layouts.tiff_cases([compression])) if i % 29 == 0
        )


def read(data: bytes) -> None:
    """Decode, and hold the header against what came."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on damaged tags
        decoded = decode(data, max_pixels=1_000_000)
        assert probe(data) == decoded.info
        assert decoded.pixels.shape == (*decoded.info.size, 3)


@pytest.mark.slow
def test_mutated_images() -> None:
    assert fuzz("images", seeds(), read, (ImageError,)) > 500


def test_the_corpus_of_images() -> None:
    replay("images", read, (ImageError,))
