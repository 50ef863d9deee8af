"""The FFHQ dataset's list: one JSON object of 267 MB, read a face at a time.

Source: the metadata format of the FFHQ dataset (Karras et al., CVPR 2019).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from anyres_bench.collectors.ffhq_align import FaceQuad, Points, face_quad
from anyres_bench.core.errors import DataError, DatasetError, UsageError
from anyres_bench.core.filekinds import HEAD_BYTES, describe
from anyres_bench.core.geometry import Size
from anyres_bench.core.quoting import storable

ADVICE = """ It is NVIDIA's, CC BY-NC-SA 4.0:
  get      https://drive.google.com/uc?id=16N0RV4fHI6joBuKbQAoG34V_cQk7vxSA
  it has   70,000 faces, 267,793,842 bytes
  md5      425ae20f06a4da1d4dc0f46d40ba5fd6
  and then the pictures: all photographs are 955 GB, all faces of 1024 px 89 GB; --dry-run counts
           what is needed of them"""
_CHUNK = 1 << 20
_LONGEST_ENTRY = 1 << 20
_QUAD_TOLERANCE_PX = 0.05
_AGAIN = "download it again"
_CATEGORIES = ("training", "validation")
_INDEX, _MD5 = re.compile(r"[0-9]{1,9}"), re.compile(r"[0-9a-fA-F]{32}")
_LARGEST = 1 << 50  # bytes or pixels


@dataclass(frozen=True)
class Face:
    """One entry of the list.

    Attributes:
        index: 0 to 69,999.
        category: "training" or "validation".
        about: photo_url, author, license, license_url and more, as the list has them.
        wild: the photograph that the face was found in: file_url, file_size, file_md5, ...
        aligned: the published 1024 px image.
        quad: where the face is in the photograph.
        quad_agrees: whether the listed corners are those of the landmarks, within 0.05 px.
    """

    index: int
    category: str
    about: Mapping[str, str]
    wild: Mapping[str, Any]
    aligned: Mapping[str, Any]
    quad: FaceQuad
    quad_agrees: bool

    @property
    def picture(self) -> Size:
        """Size of the photograph."""
        width, height = self.wild["pixel_size"]
        return Size(height, width)

    @property
    def photo(self) -> str:
        """What tells photographs apart: several faces may come from one."""
        return str(self.wild.get("pixel_md5") or self.about.get("photo_url") or self.index)

    @property
    def outside(self) -> float:
        """Share of the face's square that lies outside the photograph, in [0, 1]."""
        picture = self.picture
        inside = _clipped_area(self.quad.corners, picture)
        return max(1.0 - inside / self.quad.side**2, 0.0)


def read_faces(path: Path) -> Iterator[Face]:
    """All faces of `ffhq-dataset-v2.json`, in order, in memory for one entry at a time.

    Raises:
        UsageError: no such file.
        DatasetError: it is not that list.
    """
    seen = set()
    for key, entry in _entries(Path(path)):
        try:
            face = _face(key, entry)
        except (KeyError, TypeError, ValueError, DataError) as error:
            told = f"lacks {error}" if isinstance(error, KeyError) else f"is not a face: {error}"
            raise DatasetError(f"{path}: entry {key!r:.60} {told}; {_AGAIN}") from error
        if face.index in seen:
            raise DatasetError(f"{path} has the entry {key!r} twice; {_AGAIN}")
        seen.add(face.index)
        yield face


def existing(path: Path) -> Path:
    """The path, of a list that is there.

    Raises:
        UsageError: it is not; the message says where to get it.
    """
    if not path.is_file():
        raise UsageError(f"there is no list {path}.{ADVICE}")
    return path


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    """(key, value) of a JSON object, without holding the whole of it."""
    try:
        with open(existing(path), encoding="utf-8-sig") as file:
            yield from _entries_of(file, path)
    except OSError as error:
        raise DatasetError(f"cannot read the list {path}: {error.strerror}.{ADVICE}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        with open(path, "rb") as data:
            told = describe(data.read(HEAD_BYTES))
        raise DatasetError(f"{path} is not UTF-8, or not JSON; it is {told}.{ADVICE}") from error


def _entries_of(file: IO[str], path: Path) -> Iterator[tuple[str, Any]]:
    decoder = json.JSONDecoder()
    text, ended = "", False
    started = False
    while True:
        text = text.lstrip(" \t\r\n,") if started else text.lstrip()
        if not started and text:
            if text[0] != "{":
                raise DatasetError(f"{path} is no JSON object; give ffhq-dataset-v2.json.{ADVICE}")
            text, started = text[1:], True
            continue
        if started and text.startswith("}"):
            if (text[1:] + file.read(_CHUNK)).strip():
                raise DatasetError(f"{path} goes on behind its end; {_AGAIN}")
            return
        entry = _first_entry(decoder, text)
        if entry is not None:
            yield entry[0], entry[1]
            text = text[entry[2] :]
            continue
        if ended or len(text) > _LONGEST_ENTRY:
            raise DatasetError(f"{path} is cut off or damaged; {_AGAIN}")
        chunk = file.read(_CHUNK)
        ended = not chunk
        text += chunk


def _first_entry(decoder: json.JSONDecoder, text: str) -> tuple[str, Any, int] | None:
    """The first `"key": value` of a text and where it ends; None if it is not all there."""
    try:
        key, end = decoder.raw_decode(text)
        colon = text.index(":", end)
        start = colon + 1 + (len(text[colon + 1 :]) - len(text[colon + 1 :].lstrip()))
        value, end = decoder.raw_decode(text, start)
    except ValueError:
        return None
    return (key, value, end) if isinstance(key, str) else None


def _face(key: str, entry: Mapping[str, Any]) -> Face:
    """A face of its entry, of which nothing is taken that is not of the type it must be."""
    if not _INDEX.fullmatch(key):
        raise ValueError("its name is no number")
    category, about, wild = entry["category"], entry["metadata"], entry["in_the_wild"]
    _check(category in _CATEGORIES, "category", category, " or ".join(_CATEGORIES))
    _check(isinstance(about, dict), "metadata", about, "an object")
    for file in (entry["image"], wild):
        _check(isinstance(file, dict), "image or in_the_wild", file, "an object")
        _check_file(file)
    for name in ("photo_url", "author", "license", "license_url"):
        _check(_is_text(about.get(name, "")), name, about.get(name), "text")
    sides = wild["pixel_size"]
    _check(len(sides) == 2 and all(map(_is_count, sides)), "pixel_size", sides, "two numbers")
    quad = face_quad(wild["face_landmarks"])
    listed = np.asarray(wild["face_quad"], dtype=np.float64).reshape(4, 2)
    return Face(
        index=int(key),
        category=category,
        about=about,
        wild={k: v for k, v in wild.items() if k != "face_landmarks"},
        aligned={k: v for k, v in entry["image"].items() if k != "face_landmarks"},
        quad=quad,
        quad_agrees=bool(np.abs(listed - quad.corners).max() <= _QUAD_TOLERANCE_PX),
    )


def _check_file(file: Mapping[str, Any]) -> None:
    """Hold to what a download is checked by: without a digest any bytes would be the file."""
    for name in ("file_url", "file_path"):
        _check(_is_text(file[name]), name, file[name], "text")
    _check(_is_count(file["file_size"]), "file_size", file["file_size"], "a number of bytes")
    is_md5 = isinstance(file["file_md5"], str) and _MD5.fullmatch(file["file_md5"])
    _check(bool(is_md5), "file_md5", file["file_md5"], "32 hex digits")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value == storable(value)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value < _LARGEST


def _check(is_sound: bool, name: str, value: object, expected: str) -> None:
    if not is_sound:
        raise ValueError(f"{name} is {value!r:.60}, expected {expected}")


def _clipped_area(corners: Points, picture: Size) -> float:
    """Area of a convex polygon inside the picture, px squared.

    Source: Sutherland and Hodgman, "Reentrant polygon clipping", CACM 1974.
    """
    polygon = [tuple(map(float, corner)) for corner in corners]
    limits = [
        (0, 0.0, 1),
        (0, float(picture.width), -1),
        (1, 0.0, 1),
        (1, float(picture.height), -1),
    ]
    for axis, limit, sign in limits:
        polygon = _clip(polygon, axis, limit, sign)
        if len(polygon) < 3:
            return 0.0
    x, y = np.array(polygon).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _clip(
    polygon: list[tuple[float, ...]], axis: int, limit: float, sign: int
) -> list[tuple[float, ...]]:
    """The part of a polygon on one side of a horizontal or vertical line."""
    kept: list[tuple[float, ...]] = []
    for start, end in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        in_start, in_end = sign * (start[axis] - limit) >= 0, sign * (end[axis] - limit) >= 0
        if in_start:
            kept.append(start)
        if in_start != in_end:
            t = (limit - start[axis]) / (end[axis] - start[axis])
            kept.append(tuple(a + t * (b - a) for a, b in zip(start, end, strict=True)))
    return kept
