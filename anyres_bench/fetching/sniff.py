"""What bytes are, by the first of them: what a server calls them counts for nothing."""

from __future__ import annotations

import re

from anyres_bench.core.errors import ImageError

# Pictures that nothing here decodes. A general HEIF names its codec among the brands that follow.
_UNREAD = (
    (
        "heic",
        re.compile(rb"....ftyp((mif1|msf1)....(?:(?!avi[fs])....)*?)?he(i[cmsx]|v[cmsx])", re.S),
    ),
    ("jpeg-xl", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL ")),
    ("jpeg-2000", re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51")),
    ("camera-raw", re.compile(rb"....ftypcrx |FUJIFILMCCD-RAW|II(U\0|RO|RS)|MMOR", re.S)),
)
# What hosts send in place of a picture, most telling first.
_OTHERS = (
    *_UNREAD,
    ("svg", re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*|<!doctype svg[^>]*>\s*)*<svg", re.S)),
    ("html", re.compile(rb"\s*(<!doctype html|<html|<head|<body|<\?xml[^>]*>\s*<!doctype html)")),
    ("video", re.compile(rb"....ftyp(?!avif|avis|mif1|miaf)|\x1a\x45\xdf\xa3|RIFF....AVI ", re.S)),
    ("archive", re.compile(rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!")),
    ("pdf", re.compile(rb"%PDF-")),
    ("json", re.compile(rb"\s*[{\[]\s*[\"\]}]")),
)


def other_kind(head: bytes) -> str | None:
    """What the first bytes of a file are known to be, where no picture is had of it; else None.

    >>> other_kind(b"<!DOCTYPE html><p>Not found")
    'html'
    """
    lowered = head.lower() if head.lstrip()[:1] == b"<" else head
    return next((kind for kind, pattern in _OTHERS if pattern.match(lowered)), None)


def refuse_others(head: bytes) -> None:
    """Refuse what is plainly no picture, or one that nothing here decodes, before more of it comes.

    Raises:
        ImageError: `html`, `svg`, `video`, `archive`, `pdf` or `json`; or `heic`, `jpeg-xl`,
            `jpeg-2000` or `camera-raw`, which are not decoded.
    """
    if kind := other_kind(head):
        told = f"not a picture; it begins {head[:40]!r}"
        if kind in dict(_UNREAD):
            told = "which is not read here; convert it to JPEG or PNG"
        raise ImageError(kind, f"it is {kind}, {told}")
