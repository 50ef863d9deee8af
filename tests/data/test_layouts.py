"""Layouts of image files against other decoders."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import pytest

from anyres_bench.core.errors import ImageError
from anyres_bench.data.headers import probe
from anyres_bench.data.pixels import decode
from benchmarks import layouts


@pytest.mark.parametrize(
    "make",
    [
        layouts.png_cases,
        layouts.jpeg_cases,
        layouts.web_cases,
        layouts.wide_cases,
        layouts.gif_cases,
        layouts.bmp_cases,
        layouts.ppm_cases,
        functools.partial(layouts.tiff_cases, ("none", "lzw")),
        pytest.param(layouts.tiff_cases, marks=pytest.mark.slow),
    ],
)
def test_every_layout_is_decoded_right_or_refused_by_name(make: object) -> None:
    cases: list[layouts.Case] = list(make())  # type: ignore[operator]
    wrong = {f"{c.group}, {c.layout}": layouts.verdict(c) for c in cases}
    assert cases
    assert {name: word for name, (word, right) in wrong.items() if not right} == {}
    for case in cases:
        try:
            decoded = decode(case.data)
        except ImageError:
            continue
        assert probe(case.data) == decoded.info, case.layout


def test_what_is_common_is_not_refused() -> None:
    kept = {
        case.layout: layouts.verdict(case)[0] != "refused"
        for case in layouts.tiff_cases(("none", "adobe_deflate"))
    }
    for kind, bits, compression in itertools.product(
        ("minisblack", "rgb", "separated"), (8, 16), ("none", "adobe_deflate")
    ):
        assert kept[f"{kind}, {bits} bit, {compression}, little-endian"]
    assert kept["miniswhite, 16 bit, none, little-endian"]
    assert kept["rgb, 8 bit, none, planar, little-endian"]
    assert not kept["rgb, 16 bit, none, planar, little-endian"]


def test_the_document_is_the_one_that_the_benchmark_writes() -> None:
    document = (Path(__file__).parents[2] / "docs" / "layouts.md").read_text(encoding="utf-8")
    for case in itertools.chain(layouts.png_cases(), layouts.bmp_cases()):
        assert f"| {case.layout} |" in document
