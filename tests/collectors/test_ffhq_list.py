"""The list of the FFHQ dataset, read a face at a time."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anyres_bench.collectors.ffhq_align import face_quad
from anyres_bench.collectors.ffhq_list import read_faces
from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.core.geometry import Size


@pytest.mark.parametrize("text", ["", "[]", '{"0": {"category": "tr', '{"0": {"category": "x"}}'])
def test_a_damaged_list_is_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match=r"list\.json"):
        list(read_faces(path))


def entry(centre: float = 500.0, eyes: float = 100.0, **wild: Any) -> dict[str, Any]:
    """A level face whose native side is 4 * eyes px, in a photograph of 1000 x 800 px."""
    points = np.full((68, 2), centre)
    points[36:42] += (-eyes / 2, -eyes / 10)
    points[42:48] += (eyes / 2, -eyes / 10)
    points[48:60] += (0, 0.9 * eyes)
    file = {"file_url": "https://drive.example/1", "file_size": 9, "file_md5": "0" * 32}
    return {
        "category": "training",
        "metadata": {"photo_url": "https://photos.example/1/", "author": "a"},
        "image": {
            **file,
            "file_path": "images1024x1024/1.png",
            "face_landmarks": points.tolist(),
        },
        "in_the_wild": {
            **file,
            "file_path": "in-the-wild-images/1.png",
            "pixel_size": [1000, 800],
            "face_landmarks": points.tolist(),
            "face_quad": face_quad(points).corners.ravel().tolist(),
            **wild,
        },
    }


def test_faces_come_in_order_with_what_the_list_says(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    listed = {"7": entry(400.0), "3": entry(400.0, 50.0, pixel_md5="m")}
    for indent in (None, 1):
        path.write_text(json.dumps(listed, indent=indent))
        one, two = read_faces(path)
        assert (one.index, two.index) == (7, 3)
        assert (one.quad.side, two.quad.side) == (400, 200)
        assert one.picture == Size(800, 1000)
        assert (one.photo, two.photo) == ("https://photos.example/1/", "m")
        assert one.quad_agrees
        assert "face_landmarks" not in {**one.wild, **one.aligned}


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("category", "x", "category is 'x', expected training or validation"),
        ("metadata", None, "metadata is None, expected an object"),
        ("metadata.license_url", 4, "license_url is 4, expected text"),
        ("metadata.license", "\ud800", "license is .+, expected text"),
        ("image", [1], "image or in_the_wild is .1., expected an object"),
        ("image.file_url", ..., "lacks 'file_url'"),
        ("in_the_wild.file_md5", "", "file_md5 is '', expected 32 hex digits"),
        ("in_the_wild.file_md5", "x" * 32, "file_md5 is .+, expected 32 hex digits"),
        ("in_the_wild.file_size", None, "file_size is None, expected a number of bytes"),
        ("in_the_wild.file_size", -1, "file_size is -1"),
        ("in_the_wild.pixel_size", [1000], r"pixel_size is \[1000\], expected two numbers"),
        ("in_the_wild.pixel_size", "ab", "pixel_size is 'ab'"),
        ("in_the_wild.face_landmarks", [], "landmarks have shape"),
    ],
)
def test_an_entry_that_lacks_something_is_named(
    tmp_path: Path, place: str, value: Any, told: str
) -> None:
    listed = entry()
    *groups, name = place.split(".")
    group = listed
    for one in groups:
        group = group[one]
    group.pop(name) if value is ... else group.update({name: value})
    (tmp_path / "list.json").write_text(json.dumps({"0": entry(), "7": listed}))
    with pytest.raises(DatasetError, match=rf"list\.json: entry '7' .*{told}.*; download it again"):
        list(read_faces(tmp_path / "list.json"))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda one: f'{{"0": {one}, "0": {one}}}', "has the entry '0' twice"),
        (lambda one: f'{{"0": {one}}} {{', "goes on behind its end"),
        (lambda one: f'{{"-1": {one}}}', "entry '-1' .+ no number"),
        (lambda one: '{"0": ' + "[" * 100_000, "not UTF-8, or not JSON"),
        (lambda one: b'{"0": "\xff"', "not UTF-8, or not JSON; it is JSON"),
        (lambda one: gzip.compress(one.encode()), "it is compressed with gzip; unpack it first"),
    ],
)
def test_what_is_no_list_is_told(tmp_path: Path, made: Any, told: str) -> None:
    data = made(json.dumps(entry()))
    (tmp_path / "list.json").write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(DatasetError, match=told):
        list(read_faces(tmp_path / "list.json"))


def test_a_mark_of_the_byte_order_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps({"0": entry()}), encoding="utf-8-sig")
    assert len(list(read_faces(tmp_path / "list.json"))) == 1


def test_an_empty_list_has_no_faces(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(" {}\n")
    assert not list(read_faces(tmp_path / "list.json"))
    with pytest.raises(UsageError, match=r"(?s)there is no list .+267,793,842 bytes"):
        list(read_faces(tmp_path / "none.json"))


def test_other_corners_than_the_landmarks_say_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    listed = entry()["in_the_wild"]["face_quad"]
    for off, agrees in ((0.04, True), (0.06, False)):
        moved = [listed[0] + off, *listed[1:]]
        path.write_text(json.dumps({"0": entry(face_quad=moved)}))
        [face] = read_faces(path)
        assert face.quad_agrees == agrees


@pytest.mark.parametrize(
    ("centre", "eyes", "outside"),
    [(400.0, 100.0, 0.0), (800.0, 100.0, None), (-900.0, 100.0, 1.0), (400.0, 1000.0, None)],
)
def test_what_leaves_the_photograph_is_measured(
    tmp_path: Path, centre: float, eyes: float, outside: float | None
) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"0": entry(centre, eyes)}))
    [face] = read_faces(path)
    left, top = face.quad.corners.min(axis=0)
    right, bottom = face.quad.corners.max(axis=0)  # it is level
    width, height = min(right, 1000) - max(left, 0), min(bottom, 800) - max(top, 0)
    inside = max(width, 0) * max(height, 0) / face.quad.side**2
    assert face.outside == pytest.approx(1 - inside, abs=1e-9)
    if outside is not None:
        assert face.outside == outside
