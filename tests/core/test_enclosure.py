"""Nothing in a folder leads out of it: names, links, pipes and devices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyres_bench.core.enclosure import (
    Enclosure,
    create_regular,
    inner_parts,
    open_regular,
    read_bounded,
)
from anyres_bench.core.errors import DataError, DatasetError

CLIMBING = ["", ".", "..", "/etc/passwd", "../a", "a/../../b", "a//b", "a/", "./a", "a/./b", "a\\b",
            "C:a", "a\nb", "a\x00b", "a/" + "b" * 256, "a/" * 600 + "b", "\ud800"]  # fmt: skip


@pytest.mark.parametrize("name", CLIMBING)
def test_names_that_lead_out_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="names no file inside the folder"):
        inner_parts(name)
    inside = Enclosure(tmp_path)
    for act in (inside.open, inside.remove, inside.size, inside.exists, inside.make_folder):
        with pytest.raises(DatasetError):
            act(name)
    with pytest.raises(DatasetError):
        inside.move("a", name)


@given(st.text(max_size=30))
def test_what_is_let_through_stays_inside(name: str) -> None:
    try:
        parts = inner_parts(name)
    except DatasetError:
        return
    top = "/top/folder"
    assert os.path.normpath(os.path.join(top, *parts)).startswith(top + "/")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    (tmp_path / "outside/00000").mkdir(parents=True)
    for name in ("precious", "00000/precious"):
        (tmp_path / "outside" / name).write_text("precious")
    return tmp_path / "outside"


@pytest.mark.parametrize("link", ["images", "images/00000"])
def test_folders_that_are_links(tmp_path: Path, outside: Path, link: str) -> None:
    top = tmp_path / "top"
    (top / link).parent.mkdir(parents=True)
    (top / link).symlink_to(outside if link == "images" else outside / "00000")
    (top / "a").write_text("a")
    inside = Enclosure(top)
    name = "images/00000/precious"
    for act in (
        lambda: inside.remove(name),
        lambda: inside.move(name, "b"),
        lambda: inside.move("a", name),
        lambda: inside.open(name),
        lambda: inside.create(name, os.O_WRONLY | os.O_TRUNC),
        lambda: inside.make_folder("images/00000/new"),
        lambda: list(inside.names(link)),
    ):
        with pytest.raises(DatasetError, match="is a link or no folder"):
            act()
    assert sorted(p.name for p in outside.rglob("*")) == ["00000", "precious", "precious"]
    assert (outside / "00000/precious").read_text() == "precious"


def test_files_that_are_none(tmp_path: Path, outside: Path) -> None:
    inside = Enclosure(tmp_path / "top", make=True)
    (inside.path / "link").symlink_to(outside / "precious")
    (inside.path / "linked").symlink_to(outside)
    (inside.path / "zero").symlink_to("/dev/zero")
    os.mkfifo(inside.path / "pipe")
    (inside.path / "folder").mkdir()
    for name in ("link", "zero", "pipe", "folder", "linked"):
        assert inside.size(name) is None
        assert inside.exists(name)
        with pytest.raises(OSError):
            inside.open(name)
        with pytest.raises(OSError):
            inside.create(name, os.O_WRONLY | os.O_TRUNC)
    for path in ("zero", "pipe", "folder"):
        with pytest.raises(OSError, match="no regular file"):
            open_regular(inside.path / path)
    with open_regular(inside.path / "link") as file:
        assert file.read() == b"precious", "a link that the user names is followed"
    with pytest.raises(OSError):
        create_regular(inside.path / "link", os.O_WRONLY | os.O_TRUNC)
    inside.move("link", "moved")
    inside.remove("moved")
    inside.remove("moved")
    assert (outside / "precious").read_text() == "precious"
    assert not inside.exists("nowhere/at/all")
    assert inside.size("nowhere/at/all") is None


def test_all_names_are_told(tmp_path: Path, outside: Path) -> None:
    inside = Enclosure(tmp_path / "top")
    (inside.path / "images/00000/.deep").mkdir(parents=True)
    for name in ("a", "00000/b", "00000/.deep/.c"):
        (inside.path / "images" / name).write_text(name)
    (inside.path / "images/linked").symlink_to(outside)
    (inside.path / "images/broken").symlink_to("nowhere")
    assert sorted(inside.names("images")) == [
        "images/00000/.deep/.c",
        "images/00000/b",
        "images/a",
        "images/broken",
        "images/linked",
    ]
    assert list(inside.names("nothing")) == []


def test_reading_and_writing(tmp_path: Path) -> None:
    inside = Enclosure(tmp_path / "new/top", make=True)
    with os.fdopen(inside.create("a/b/c", os.O_WRONLY), "wb") as file:
        file.write(b"12345")
    inside.move("a/b/c", "d/e")
    assert inside.size("d/e") == 5
    with inside.open("d/e") as read:
        assert read.read() == b"12345"
    with os.fdopen(inside.create("d/e", os.O_WRONLY | os.O_TRUNC), "wb") as file:
        file.write(b"1")
    assert inside.size("d/e") == 1


def test_small_files_are_read_within_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5, "list") == b"12345"
    with pytest.raises(DataError, match="a has more than 4 bytes, which no list has"):
        read_bounded(path, 4, "list")
    with pytest.raises(DatasetError, match="cannot be read: it is no regular file"):
        read_bounded(tmp_path, 4, "list", DatasetError)


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    inside = Enclosure(tmp_path)
    found = [inside.is_irregular(name) for name in ("file", "folder", "link", "absent")]
    assert found == [False, True, True, False]


def test_errors_name_the_whole_path(tmp_path: Path) -> None:
    inside = Enclosure(tmp_path)
    (tmp_path / "a" / "folder").mkdir(parents=True)
    (tmp_path / "a" / "file").write_bytes(b"")
    for act, name in (
        (lambda: inside.open("a/none"), "a/none"),
        (lambda: inside.open("none/b"), "none/b"),
        (lambda: inside.create("a/folder", os.O_RDWR), "a/folder"),
        (lambda: inside.move("a/file", "a/folder"), "a/folder"),
        (lambda: inside.remove("a/folder"), "a/folder"),
    ):
        with pytest.raises(OSError, match=r"\[Errno") as caught:
            act()
        assert caught.value.filename == str(tmp_path / name)
        assert caught.value.filename2 is None
        assert "None" not in str(caught.value)
