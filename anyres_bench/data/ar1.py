"""The `ar1` protocols: scale and shape as axes.

Windows of one size on canvases of stated sizes. Every image is shown once before any is shown
again, a real image counts only where it is natively large enough, and window i of a protocol lies
at point i of a scrambled Sobol sequence, the same for reals and for every model.

    ar1-patch{P}-at{S}              windows of P x P on canvases of S x S: one point of a curve
    ar1-patch{P}-min{A}max{B}       the curve: canvases from A to B by half octaves; -octaves: by
                                    whole ones
    ar1-patch{P}-native             canvas i has the size and shape of real image i
    ar1-patch{P}-ar{W}x{H}-{M}mp    canvases of W:H (width to height) and M million pixels
    ar1-patch{P}-aspects-{M}mp      seven shapes, from 1x3 to 3x1, of M million pixels each

The curve and the seven shapes are made of strata, each a protocol of its own: nothing is ever
pooled over sizes. `ar16x9-1mp`, `aspects-1mp` and `ar1-native`, without a window, are read as of
windows of 64 px.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.views import Window

ASPECTS = ("1x3", "9x16", "3x4", "1x1", "4x3", "16x9", "3x1")  # width x height, as people say it
SQUARE = "1x1"
MIN_SIZES = 2  # one size is no curve
WINDOW = 64  # px, where a shape is named without its window: that of the suite `ar1`

StrataKind = Literal["", "sizes", "aspects"]

_NUMBER = r"([1-9][0-9]{0,6})"
_MEGAPIXELS = r"((?:0|[1-9][0-9]{0,3})(?:\.[0-9]{0,5}[1-9])?)mp"
_FORMS = {
    "at": rf"ar1-patch{_NUMBER}-at{_NUMBER}",
    "sizes": rf"ar1-patch{_NUMBER}-min{_NUMBER}max{_NUMBER}(-octaves)?",
    "native": rf"ar1-patch{_NUMBER}-native",
    "aspect": rf"ar1-patch{_NUMBER}-ar{_NUMBER}x{_NUMBER}-{_MEGAPIXELS}",
    "aspects": rf"ar1-patch{_NUMBER}-aspects-{_MEGAPIXELS}",
}
_SHAPE = re.compile(
    rf"(?:ar1-)?(ar{_NUMBER}x{_NUMBER}-{_MEGAPIXELS}|aspects-{_MEGAPIXELS}|(?<=ar1-)native)"
)
EXAMPLES = (
    "ar1-patch64-at256",
    "ar1-patch64-min64max512",
    "ar1-patch64-native",
    "ar1-patch256-ar16x9-1mp",
    "ar1-patch256-aspects-1mp",
)


@dataclass(frozen=True)
class Ar1:
    """What an id of this family says.

    Attributes:
        rule: of the windows; of strata, that of the largest canvas.
        kind: what the strata are; empty where there is one canvas.
        strata: label -> id of the protocol that a stratum is, the smallest canvas first.
    """

    rule: Window
    kind: StrataKind = ""
    strata: Mapping[str, str] = field(default_factory=dict)


def read_ar1(text: str) -> Ar1 | None:
    """The protocol of an id of this family; None if it has none of its forms.

    Raises:
        UsageError: its numbers do not go together.
    """
    for form, pattern in _FORMS.items():
        if match := re.fullmatch(pattern, text):
            patch = int(match[1])
            return _READERS[form](text, patch, *match.groups()[1:])
    return None


def with_window(text: str) -> str:
    """The id of a shape that was named without its window; any other text as it is.

    >>> with_window("ar16x9-1mp")
    'ar1-patch64-ar16x9-1mp'
    """
    match = _SHAPE.fullmatch(text)
    return f"ar1-patch{WINDOW}-{match[1]}" if match else text


def ladder(smallest: int, largest: int, octaves: bool = False) -> Iterator[int]:
    """Canvas sizes, px, from the smallest up by half octaves, to the nearest pixel.

    >>> list(ladder(64, 256))
    [64, 91, 128, 181, 256]
    """
    for half in itertools.count(step=2 if octaves else 1):
        size = (math.isqrt(4 * smallest**2 << half) + 1) // 2
        if size > largest:
            return
        yield size


def canvas_of(aspect: str, n_pixels: int) -> Size:
    """The canvas of a shape, WIDTHxHEIGHT, that has about so many pixels.

    >>> canvas_of("16x9", 1_000_000)
    Size(height=750, width=1333)
    """
    width, height = map(int, aspect.split("x"))
    return Size(
        _root(Fraction(n_pixels * height, width)), _root(Fraction(n_pixels * width, height))
    )


def _root(square: Fraction) -> int:
    """The integer nearest to a square root; halves go up."""
    return (math.isqrt(int(4 * square)) + 1) // 2


def _at(text: str, patch: int, size: str) -> Ar1:
    if int(size) < patch:
        raise UsageError(f"{text}: the canvas has {size} px and must hold a window of {patch}")
    return Ar1(Window(patch, Size.square(int(size))))


def _sizes(text: str, patch: int, smallest: str, largest: str, octaves: str | None) -> Ar1:
    if int(smallest) < patch:
        raise UsageError(f"{text}: the smallest canvas must hold a window of {patch} px")
    sizes = list(ladder(int(smallest), int(largest), bool(octaves)))
    if len(sizes) < MIN_SIZES or sizes[-1] != int(largest):
        above = next(s for s in ladder(int(smallest), 1 << 40, bool(octaves)) if s > int(largest))
        below = f"{sizes[-1]} or " if len(sizes) >= MIN_SIZES else ""
        raise UsageError(
            f"{text}: the largest canvas is no step up from {smallest} px by "
            f"{'whole' if octaves else 'half'} octaves; write max{below}{above}"
        )
    strata = {str(size): f"ar1-patch{patch}-at{size}" for size in sizes}
    return Ar1(Window(patch, Size.square(sizes[-1])), "sizes", strata)


def _native(text: str, patch: int) -> Ar1:
    return Ar1(Window(patch, None))


def _aspect(text: str, patch: int, width: str, height: str, megapixels: str) -> Ar1:
    if math.gcd(int(width), int(height)) > 1:
        shape = Fraction(int(width), int(height))
        raise UsageError(f"{text}: write ar{shape.numerator}x{shape.denominator}")
    canvas = canvas_of(f"{width}x{height}", _pixels(megapixels))
    if canvas.shorter < patch:
        raise UsageError(f"{text}: the canvas is {canvas} and must hold a window of {patch} px")
    return Ar1(Window(patch, canvas))


def _aspects(text: str, patch: int, megapixels: str) -> Ar1:
    strata = {aspect: f"ar1-patch{patch}-ar{aspect}-{megapixels}mp" for aspect in ASPECTS}
    for aspect, name in strata.items():
        width, height = aspect.split("x")
        _aspect(name, patch, width, height, megapixels)
    return Ar1(Window(patch, canvas_of(SQUARE, _pixels(megapixels))), "aspects", strata)


def _pixels(megapixels: str) -> int:
    return int(Fraction(megapixels) * 1_000_000)


_READERS: Mapping[str, Callable[..., Ar1]] = {
    "at": _at,
    "sizes": _sizes,
    "native": _native,
    "aspect": _aspect,
    "aspects": _aspects,
}
