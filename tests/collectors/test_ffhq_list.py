"""The list of the FFHQ dataset, read a face at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anyres_bench.collectors.ffhq_align import face_quad
from anyres_bench.collectors.ffhq_list import read_faces
from anyres_bench.core.errors import DatasetError
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
    return {
        "category": "training",
        "metadata": {"photo_url": "https://photos.example/1/", "author": "a"},
        "image": {"file_path": "images1024x1024/1.png", "face_landmarks": points.tolist()},
        "in_the_wild": {
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


def test_an_empty_list_has_no_faces(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(" {}\n")
    assert not list(read_faces(tmp_path / "list.json"))
    with pytest.raises(DatasetError, match=r"(?s)cannot read the list.+267,793,842 bytes"):
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
