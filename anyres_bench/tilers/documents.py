"""Procedural documents with known content: letters of known heights, dots to count, lines, bars.

A document is drawn by its seed at any size and aspect. Beside the document itself there are its
variants, in which every letter is another one of the alphabet at the same place: what a reader has
to tell apart.

The typeface is DejaVu Sans as matplotlib carries it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.data.pixels import Pixels

ALPHABET = "ACEFHJKPRSVX"
HEIGHTS = (4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64)  # px of a capital letter
DOT = 3.0  # px, radius
_CAPITAL = 0.729  # height of a capital over the size of the typeface
_LETTERS = 32  # in a row, at most
_DOTS = 40  # at most
_LINE_EVERY = 40  # px
_CLEAR = 12  # px around lines and tops of bars
_BAR = 8  # px, the narrowest
_BARS = 12  # at most
_SMALLEST = Size(160, 160)
_MARGIN = 8  # px around everything
_SPACING = 4.5  # radii between the centres of two dots, at least
_INK, _PAPER = 0, 255


@dataclass(frozen=True)
class Letter:
    """One letter.

    Attributes:
        number: in `ALPHABET`.
        height: of a capital, px.
        box: a little more than its ink.
    """

    number: int
    height: int
    box: Box


@dataclass(frozen=True)
class Document:
    """What stands where on a page of some size.

    Attributes:
        size: of the page.
        letters: in rows, each row of one height.
        dots: (y, x) centres, px; the first stands alone, as the legend of what a dot looks like.
        panel: where the other dots are.
        lines: (row, thickness) of horizontal lines, px, the first row of ink.
        rules: where the lines are.
        bars: (left, right, top) of bars that stand on the bottom of `chart`.
        chart: where the bars are.
    """

    size: Size
    letters: tuple[Letter, ...]
    dots: tuple[tuple[float, float], ...]
    panel: Box
    lines: tuple[tuple[int, int], ...]
    rules: Box
    bars: tuple[tuple[int, int, int], ...]
    chart: Box

    def stretch(self, k: int) -> Box:
        """The part of the panel that line `k` alone stands in."""
        return _stretch(self.rules, k, len(self.lines))


def document(size: Size, seed: int) -> Document:
    """The document of a seed: letters in the upper half; dots, lines and bars in the lower.

    Raises:
        UsageError: the page is smaller than 160 x 160 px.
    """
    if size.height < _SMALLEST.height or size.width < _SMALLEST.width:
        raise UsageError(f"a page of {size} px is too small; {_SMALLEST} is the least")
    rng = stream(seed, "document", *size)
    half, third = size.height // 2, size.width // 3
    text = Box(_MARGIN, _MARGIN, half - 2 * _MARGIN, size.width - 2 * _MARGIN)
    panel, rules, chart = (
        Box(half, k * third + _MARGIN, half - _MARGIN, third - 2 * _MARGIN) for k in range(3)
    )
    return Document(
        size=size,
        letters=tuple(_letters(text, rng)),
        dots=tuple(_dots(panel, rng)),
        panel=panel,
        lines=tuple(_lines(rules, rng)),
        rules=rules,
        bars=tuple(_bars(chart, rng)),
        chart=chart,
    )


def draw(page: Document, turn: int = 0) -> Pixels:
    """The page as (h, w, 3) uint8, black on white.

    Args:
        page: what stands where.
        turn: each letter becomes the one so many places further in the alphabet.
    """
    image = Image.new("L", (page.size.width, page.size.height), _PAPER)
    pen = ImageDraw.Draw(image)
    for letter in page.letters:
        text = ALPHABET[(letter.number + turn) % len(ALPHABET)]
        middle = letter.box.left + letter.box.width / 2
        baseline = letter.box.bottom - _room(letter.height)
        pen.text((middle, baseline), text, fill=_INK, font=_font(letter.height), anchor="ms")
    for top, thickness in page.lines:
        box = page.rules
        pen.rectangle((box.left, top, box.right - 1, top + thickness - 1), fill=_INK)
    for left, right, top in page.bars:
        pen.rectangle((left, top, right - 1, page.chart.bottom - 1), fill=_INK)
    pixels = np.array(image)
    for centre in page.dots:
        _stamp(pixels, centre)
    return np.repeat(pixels[:, :, None], 3, axis=2)


def _letters(area: Box, rng: Stream) -> Iterator[Letter]:
    """Rows of letters, each of one height, from the smallest up, while there is room."""
    top = area.top
    for height in HEIGHTS:
        room = _room(height)
        cell = Size(height + 2 * room, round(1.2 * height) + 2 * room)
        n = min(area.width // cell.width, _LETTERS)
        if top + cell.height > area.bottom or not n:
            return
        step = area.width // n
        numbers = rng.integers(0, len(ALPHABET) - 1, n)
        for i, number in enumerate(numbers.tolist()):
            yield Letter(number, height, Box(top, area.left + i * step, *cell))
        top += cell.height


def _room(height: int) -> int:
    """White around a letter, px."""
    return max(2, round(0.2 * height))


def _dots(panel: Box, rng: Stream) -> Iterator[tuple[float, float]]:
    """The legend in the upper left corner, then dots that keep their distance."""
    inset, apart = 2 * DOT, _SPACING * DOT
    yield panel.top + inset, panel.left + inset
    top = panel.top + 2 * inset + apart  # the legend stands alone
    wanted = rng.integer(_DOTS // 4, _DOTS)
    placed: list[tuple[float, float]] = []
    for v, u in rng.uniform((20 * _DOTS, 2)).tolist():
        y = top + v * (panel.bottom - inset - top)
        x = panel.left + inset + u * (panel.width - 2 * inset)
        if len(placed) < wanted and all(math.hypot(y - b, x - a) >= apart for b, a in placed):
            placed.append((y, x))
    yield from placed


def _stamp(pixels: NDArray[np.uint8], centre: tuple[float, float], fine: int = 8) -> None:
    """Draw a dot, each pixel as dark as the share of it that the dot covers."""
    top, left = (math.floor(c - DOT) - 1 for c in centre)
    side = math.ceil(2 * DOT) + 3
    at = (np.arange(side * fine) + 0.5) / fine
    y, x = at[:, None] + top - centre[0], at[None] + left - centre[1]
    covered = (y**2 + x**2 <= DOT**2).reshape(side, fine, side, fine).mean(axis=(1, 3))
    part = pixels[top : top + side, left : left + side]
    part[:] = np.round(part * (1 - covered)).astype(np.uint8)


def _lines(box: Box, rng: Stream) -> Iterator[tuple[int, int]]:
    """Horizontal lines of 1 to 3 px, one in each stretch of the panel."""
    for k in range(n := box.height // _LINE_EVERY):
        thickness, part = 1 + k % 3, _stretch(box, k, n)
        yield rng.integer(part.top + _CLEAR, part.bottom - _CLEAR - thickness), thickness


def _stretch(box: Box, k: int, n: int) -> Box:
    top = box.top + k * box.height // n
    return Box(top, box.left, box.top + (k + 1) * box.height // n - top, box.width)


def _bars(box: Box, rng: Stream) -> Iterator[tuple[int, int, int]]:
    """Bars of a chart, a gap as wide as a bar between them."""
    n = max(min(box.width // (2 * _BAR), _BARS), 1)
    step = box.width // n
    for k in range(n):
        top = rng.integer(box.top + _CLEAR, box.bottom - _CLEAR)
        yield box.left + k * step, box.left + k * step + step // 2, top


@cache
def _font(height: int) -> ImageFont.FreeTypeFont:
    """The typeface with capitals of a height, px."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), height / _CAPITAL)
