"""Whole numbers: those that Python users give (of images, of pixels, of workers), and in words."""

from __future__ import annotations

import operator
from typing import Any

from anyres_bench.core.errors import UsageError


def whole_number(name: str, value: Any, least: int | None = None) -> int:
    """A whole number of any type, numpy's too, as Python's own, which records can hold.

    Args:
        name: what messages call it.
        value: whatever was given.
        least: the smallest that makes sense.

    Raises:
        UsageError: it is no whole number, or smaller.

    >>> whole_number("n", 3, 2)
    3
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise UsageError(f"{name} is {value!r:.40}; expected a whole number")
    if least is not None and number < least:
        raise UsageError(f"{name} is {number}; expected {least} or more")
    return number


def whole_number_or_none(name: str, value: Any, least: int | None = None) -> int | None:
    """As `whole_number`; None, which stands for what nobody chose, is let through."""
    return None if value is None else whole_number(name, value, least)


def counted(n: int, what: str) -> str:
    """How many of what, in words.

    >>> counted(1, "image"), counted(2, "image")
    ('1 image', '2 images')
    """
    return f"{n:,} {what}{'' if n == 1 else 's'}"
