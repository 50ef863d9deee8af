"""`ffhq6k` from end to end, against a server that behaves like Google Drive."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from anyres_bench.building.assemble import Built
from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.ffhq6k import Ffhq6k, choose_native, published_side
from anyres_bench.collectors.ffhq_align import face_quad
from anyres_bench.collectors.ffhq_list import read_faces
from anyres_bench.core.errors import ConfigError, UnknownNameError
from anyres_bench.core.files import sha256_file
from tests.collectors.doubles import DriveDouble, jpeg
from tests.servers import Handler, ImageHost, etag, raw, send_file, serve

SIDE = 900  # of the test's photographs, px


def landmarks(index: int, eyes: float) -> list[list[float]]:
    """A level face in the middle of its photograph; 4 * eyes px is its native side."""
    points = np.full((68, 2), SIDE / 2 + index)
    points[36:42] += (-eyes / 2, -eyes / 10)
    points[42:48] += (eyes / 2, -eyes / 10)
    points[48:60] += (0, 0.9 * eyes)
    return [[float(x), float(y)] for x, y in np.round(points, 2)]


def entry(index: int, drive: DriveDouble, eyes: float, **changes: Any) -> dict[str, Any]:
    points = landmarks(index, eyes)
    wild, aligned = f"wild{index}", f"aligned{index}"
    return {
        "category": "training",
        "metadata": {
            "photo_url": f"https://www.flickr.com/photos/u/{index}/",
            "author": f"author {index}",
            "license": "Attribution License",
            "license_url": "https://creativecommons.org/licenses/by/2.0/",
        },
        "image": {
            "file_url": drive.link(aligned),
            "file_path": f"images1024x1024/00000/{index:05d}.png",
            "file_size": len(drive.files[aligned]),
            "file_md5": drive.md5(aligned),
            "pixel_size": [1024, 1024],
            "face_landmarks": points,
        },
        "in_the_wild": {
            "file_url": drive.link(wild),
            "file_path": f"in-the-wild-images/00000/{index:05d}.png",
            "file_size": len(drive.files[wild]),
            "file_md5": drive.md5(wild),
            "pixel_size": [SIDE, SIDE],
            "pixel_md5": f"photo{index}",
            "face_landmarks": points,
            "face_quad": [float(v) for v in face_quad(points).corners.flatten()],
        },
        **changes,
    }


@pytest.fixture
def drive() -> Iterator[DriveDouble]:
    files = {}
    for i in range(4):
        files[f"wild{i}"] = jpeg(i, SIDE, SIDE)
        files[f"aligned{i}"] = jpeg(100 + i, 1024, 1024)
    with DriveDouble(files, confirm=frozenset({"wild1"})).run() as running:
        yield running


def write_list(path: Path, entries: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({str(i): entry for i, entry in enumerate(entries)}, indent=1))
    return path


def run(collector: Ffhq6k, out: Path, **policy: Any) -> Built:
    resources = ResourceLimits(threads=4, processes=1, rate=0.0)
    policy_of = dataclasses.replace(resources.policy(allow_private=True), **policy)
    engine = LocalEngine(resources, policy_of)
    return build(Order(collector, out, "ffhq6k", Rules(near_duplicates="keep")), engine)


def test_native_faces_keep_their_size(drive: DriveDouble, tmp_path: Path) -> None:
    eyes = [130.0, 130.3, 90.0]
    entries = [entry(i, drive, e) for i, e in enumerate(eyes)]
    path = write_list(tmp_path / "list.json", entries)
    built = run(Ffhq6k(path), tmp_path / "out")
    hr = {r.source_id: r for r in built.dataset.roles["hr"]}
    lr = {r.source_id: r for r in built.dataset.roles["lr"]}
    assert {i: r.size for i, r in hr.items()} == {"0": (520, 520), "1": (521, 521)}
    assert set(lr) == {"0", "1", "2"}
    assert all(r.size == (256, 256) for r in lr.values())
    assert hr["0"].group == lr["0"].group != hr["1"].group
    assert hr["0"].licence_id == "CC-BY-2.0"
    asked = {name for name, n in drive.calls.items() if n}
    assert asked == {"wild0", "wild1", "aligned2"}, "only what is needed is downloaded"
    made = pd.read_parquet(tmp_path / "out" / "provenance.parquet")
    assert "bicubic" in made.to_json()
    chosen = tmp_path / "out" / "chosen.txt"
    assert chosen.read_text() == "0\n1\n"
    assert sha256_file(chosen) == built.dataset.recipe["chosen_sha256"]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Not for face recognition" in card
    assert "`anyres-bench recheck` before you publish" in card


@pytest.mark.slow
def test_downloads_go_on_where_they_broke_off(drive: DriveDouble, tmp_path: Path) -> None:
    """Within a run, and in the next one after a run whose tries were not enough."""
    whole = drive.files["wild0"]
    with serve(ImageHost()) as host:

        def answer(h: Handler) -> None:
            """Two times no more than 1,000 bytes."""
            if host.hits["/wild0"] > 2:
                return send_file(h, whole)
            start = int(h.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
            head = "HTTP/1.1 206 Partial" if start else "HTTP/1.1 200 OK"
            head += f"\nContent-Range: bytes {start}-{len(whole) - 1}/{len(whole)}"
            head += f"\nETag: {etag(whole)}\nContent-Length: {len(whole) - start}"
            raw(h, head, whole[start:][:1000])

        host.routes["/wild0"] = answer
        listed = entry(0, drive, 150.0)
        listed["in_the_wild"]["file_url"] = host.url("/wild0")
        path = write_list(tmp_path / "list.json", [listed, entry(1, drive, 150.0)])
        faces = Ffhq6k(path, low=False)
        first = run(faces, tmp_path / "out", n_retries=1)
        assert (len(first.dataset.manifest), first.rejects) == (1, {"incomplete": 1})
        second = run(faces, tmp_path / "out", n_retries=1)
        assert len(second.dataset.manifest) == 2
        asked = [headers.get("Range") for path, headers in host.headers]
        assert asked == [None, "bytes=1000-", "bytes=2000-"]
    assert not list((tmp_path / "out" / ".collect" / "incoming").iterdir())


def test_the_published_protocol(drive: DriveDouble, tmp_path: Path) -> None:
    entries = [entry(i, drive, 150.0) for i in range(2)]
    built = run(Ffhq6k(write_list(tmp_path / "l.json", entries), "published"), tmp_path / "out")
    sides = [r.size.height for r in built.dataset.roles["hr"]]
    assert sides == [512, 512]
    assert published_side(4999) == published_side(5999) == 1024
    assert published_side(2500) == 768
    assert len(built.dataset.roles["lr"]) == 2
    assert not any(name.startswith("wild") for name in drive.calls)


@pytest.mark.slow
def test_a_spent_quota_is_met_again_later(drive: DriveDouble, tmp_path: Path) -> None:
    entries = [entry(i, drive, 150.0) for i in range(2)]
    path = write_list(tmp_path / "list.json", entries)
    drive.quota["wild0"] = 2  # a try, and the look at its page
    built = run(Ffhq6k(path, low=False, quota_pause=0.2), tmp_path / "out")
    assert drive.calls["wild0"] == 3
    assert sorted(r.source_id for r in built.dataset.manifest) == ["0", "1"]


def test_a_wrong_file_is_refused(drive: DriveDouble, tmp_path: Path) -> None:
    entries = [entry(i, drive, 150.0) for i in range(2)]
    entries[0]["in_the_wild"]["file_md5"] = "0" * 32
    path = write_list(tmp_path / "list.json", entries)
    built = run(Ffhq6k(path, low=False), tmp_path / "out")
    assert built.rejects == {"digest-mismatch": 1}


def test_the_choice(drive: DriveDouble, tmp_path: Path) -> None:
    entries = [entry(i, drive, 140.0 + 10 * i) for i in range(4)]
    entries[1]["category"] = "validation"
    entries[3]["in_the_wild"]["pixel_md5"] = entries[2]["in_the_wild"]["pixel_md5"]
    faces = list(read_faces(write_list(tmp_path / "list.json", entries)))
    assert set(choose_native(faces, 10, 512, 0.0)) == {0, 3}, "one face a photo, the largest"
    assert len(choose_native(faces, 1, 512, 0.0)) == 1
    assert choose_native(faces, 10, 600, 0.0) == [3]
    assert Ffhq6k(tmp_path / "list.json", n=1).recipe()["chosen_sha256"]


def test_a_face_that_leaves_the_picture_is_measured(drive: DriveDouble, tmp_path: Path) -> None:
    moved = entry(0, drive, 150.0)
    points = (np.array(landmarks(0, 150.0)) - [SIDE / 2 - 150, 0]).tolist()
    moved["in_the_wild"]["face_landmarks"] = points
    moved["in_the_wild"]["face_quad"] = face_quad(points).corners.reshape(4, 2).tolist()
    [face] = read_faces(write_list(tmp_path / "list.json", [moved]))
    assert face.outside == pytest.approx(0.25, abs=0.01)
    assert face.quad_agrees
    assert choose_native([face], 1, 512, 0.0) == []
    assert choose_native([face], 1, 512, 0.3) == [0]


@pytest.mark.slow
def test_the_list_is_read_in_little_memory(drive: DriveDouble, tmp_path: Path) -> None:
    import tracemalloc

    one = json.dumps(entry(0, drive, 150.0))
    path = tmp_path / "list.json"
    path.write_text("{" + ",\n".join(f'"{i}": {one}' for i in range(2000)) + "}")
    tracemalloc.start()
    assert sum(1 for _ in read_faces(path)) == 2000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 5e6
    assert peak < 8e6


@pytest.mark.parametrize("pause", [-1.0, float("nan"), float("inf")])
def test_a_pause_has_an_end(tmp_path: Path, pause: float) -> None:
    with pytest.raises(ConfigError, match="expected seconds"):
        Ffhq6k(tmp_path / "x", quota_pause=pause)


def test_unknown_protocol(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean native"):
        Ffhq6k(tmp_path / "x", "natif")


def test_pictures_of_the_double_decode() -> None:
    assert Image.open(io.BytesIO(jpeg(1, 30, 20))).size == (30, 20)
