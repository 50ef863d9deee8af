"""A tree of anything: images come in as they are, the rest goes to the rejects table."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.outcomes import Outcome
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.collector import Candidate
from anyres_bench.collectors.folder import Folder, readable
from anyres_bench.core.errors import ConfigError, DatasetError, ImageError, UsageError
from anyres_bench.core.files import sha256_file
from anyres_bench.data.dataset import Dataset
from anyres_bench.fetching.http import Fetcher
from tests.servers import photo

ENGINE = LocalEngine(ResourceLimits(processes=1))
RULES = Rules(measure="decode")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "sub" / "deep").mkdir(parents=True)
    (tree / ".hidden").mkdir()
    (tree / "a.jpg").write_bytes(photo(1))
    (tree / "a.png").write_bytes(photo(2, format="PNG", quality=None))
    (tree / "A.JPG").write_bytes(photo(3))
    (tree / "sub" / "grün und blau.webp").write_bytes(photo(4, format="WEBP"))
    (tree / "sub" / "deep" / "lies.gif").write_bytes(photo(5))
    (tree / os.fsdecode(b"latin-\xe9.jpg")).write_bytes(photo(6))
    (tree / "cut.jpg").write_bytes(photo(7)[:-300])
    (tree / "empty.png").write_bytes(b"")
    (tree / "notes.txt").write_text("no picture")
    (tree / "page.jpg").write_text("<html>not found</html>")
    (tree / "copy.jpg").write_bytes(photo(1))
    (tree / "gone.jpg").symlink_to(tree / "nowhere")
    (tree / ".hidden" / "b.jpg").write_bytes(photo(8))
    return tree


def test_a_tree_of_anything(tree: Path, tmp_path: Path) -> None:
    built = build(
        Order(Folder(tree, source="mine", licence="CC-BY-4.0"), tmp_path / "out", "t", RULES),
        ENGINE,
    )
    dataset = Dataset.read(tmp_path / "out")
    assert dataset.digest == built.dataset.digest
    names = {record.source_id: record.file_name for record in dataset.manifest}
    assert names.pop("a.png").startswith("images/00000/mine_a-")
    assert names == {
        "A.JPG": "images/00000/mine_A.jpg",
        "a.jpg": names["a.jpg"],
        "sub/grün und blau.webp": names["sub/grün und blau.webp"],
        "sub/deep/lies.gif": names["sub/deep/lies.gif"],
        "latin-\\xe9.jpg": names["latin-\\xe9.jpg"],
    }
    assert len({name.lower() for name in names.values()}) == 5
    assert all(name.isascii() and " " not in name for name in names.values())
    assert names["sub/deep/lies.gif"].endswith(".jpg"), "named for what it is"
    for record in dataset.manifest:
        path = tree / os.fsdecode(record.source_id.encode().replace(rb"\xe9", b"\xe9"))
        assert sha256_file(dataset.path(record)) == record.sha256 == sha256_file(path)
        assert (record.licence_id, record.source, record.n_bytes) == (
            "CC-BY-4.0",
            "mine",
            path.stat().st_size,
        )
    rejects = pd.read_parquet(tmp_path / "out" / "rejects.parquet")
    assert dict(zip(rejects.source_id, rejects.reason, strict=True)) == {
        "copy.jpg": "duplicate",
        "cut.jpg": "truncated",
        "empty.png": "empty",
        "gone.jpg": "unreadable",
        "notes.txt": "not-an-image",
        "page.jpg": "html",
    }
    told = dict(zip(rejects.source_id, rejects.message, strict=True))
    for name in ("cut.jpg", "empty.png", "notes.txt"):
        assert told[name].startswith(f"{name} is "), "not where it lay for a moment"
    assert built.rejects["duplicate"] == 1
    listed = {record.file_name for record in dataset.manifest}
    stored = {
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out/images").rglob("*.*")
    }
    assert stored == listed


def test_again_does_nothing_and_new_files_are_added(tree: Path, tmp_path: Path) -> None:
    order = Order(Folder(tree), tmp_path / "out", "t", RULES)
    done: list[Outcome] = []
    first = build(order, ENGINE, on_outcome=done.append)
    assert len(done) == 12
    done.clear()
    again = build(order, ENGINE, on_outcome=done.append)
    assert not done
    assert again.dataset.digest == first.dataset.digest
    (tree / "new.jpg").write_bytes(photo(9))
    (tmp_path / "out" / first.dataset.manifest[0].file_name).unlink()
    more = build(order, ENGINE, on_outcome=done.append)
    assert len(done) == 2, "the new one and the one that was lost"
    assert len(more.dataset.manifest) == len(first.dataset.manifest) + 1


def test_links_and_labels(tree: Path, tmp_path: Path) -> None:
    folder = Folder(tree / "sub", labels=True, hardlink=True)
    dataset = build(Order(folder, tmp_path / "out", "t", RULES), ENGINE).dataset
    assert sorted(r.label for r in dataset.manifest) == ["", "deep"]
    assert all(dataset.path(record).stat().st_nlink == 2 for record in dataset.manifest)


def test_labels_of_an_archive_that_windows_wrote(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "birds.zip", "w") as file:
        file.writestr(r"all\wren\a.jpg", b"")
        file.writestr("robin/b.jpg", b"")
    labels = {
        c.source_id: c.label for c in Folder(tmp_path / "birds.zip", labels=True).candidates()
    }
    assert labels == {r"all\wren\a.jpg": "wren", "robin/b.jpg": "robin"}
    (tmp_path / "tree" / "robin").mkdir(parents=True)
    (tmp_path / "tree" / "robin" / r"no\folder.jpg").touch()
    assert [c.label for c in Folder(tmp_path / "tree", labels=True).candidates()] == ["robin"]


def test_refusals(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        build(Order(Folder(tree / "nothing"), tmp_path / "a", "t"), ENGINE)
    assert not (tmp_path / "a").exists()
    with pytest.raises(UsageError, match="lies inside path"):
        build(Order(Folder(tree), tree / "out", "t"), ENGINE)
    with pytest.raises(DatasetError, match="is not empty"):
        build(Order(Folder(tree / "sub"), tree, "t"), ENGINE)
    with pytest.raises(ConfigError, match="source is empty"):
        Folder(tree, source="")
    (tmp_path / "void").mkdir()
    with pytest.raises(DatasetError, match=r"nothing came into .*: no candidates"):
        build(Order(Folder(tmp_path / "void"), tmp_path / "b", "t"), ENGINE)
    build(Order(Folder(tree), tmp_path / "c", "t", RULES), ENGINE)
    with pytest.raises(DatasetError, match="another collection: it differs in licence"):
        build(Order(Folder(tree, licence="CC0-1.0"), tmp_path / "c", "t", RULES), ENGINE)


@pytest.mark.slow
def test_sources_that_changed_or_are_gone(tmp_path: Path) -> None:
    tree = tmp_path / "in"
    tree.mkdir()
    for i in range(4):
        (tree / f"{i}.jpg").write_bytes(photo(i))
    (tree / "broken.jpg").write_bytes(photo(9)[:99])
    order = Order(Folder(tree), tmp_path / "out", "t", RULES)
    build(order, ENGINE)
    (tree / "0.jpg").write_bytes(photo(7))
    (tree / "1.jpg").unlink()
    (tree / "broken.jpg").write_bytes(photo(8))
    done: list[Outcome] = []
    again = build(order, ENGINE, on_outcome=done.append)
    assert len(done) == 2
    assert len(again.dataset.manifest) == 5
    assert [note[:40] for note in again.notes] == [
        "1 sources changed since they were collec",
        "1 sources are gone; what was collected o",
    ]
    assert not again.rejects
    changed = next(r for r in again.dataset.manifest if r.source_id == "0.jpg")
    assert again.dataset.path(changed).read_bytes() == photo(7)
    (tree / "0.jpg").write_bytes(b"no picture")
    (tree / "2.jpg").unlink()
    (order.folder / "images/00000/folder_2.jpg").unlink()
    last = build(order, ENGINE)
    assert last.rejects == {"not-an-image": 1, "unreadable": 1}
    (tree / "2.jpg").write_bytes(photo(2))
    (tree / "0.jpg").unlink()
    back = build(order, ENGINE)
    assert not back.rejects
    assert len(back.dataset.manifest) == 4


def test_folders_that_are_left_out_are_counted(tmp_path: Path) -> None:
    tree = tmp_path / "in"
    (tree / "locked").mkdir(parents=True)
    (tmp_path / "else").mkdir()
    (tree / "a.jpg").write_bytes(photo(1))
    (tmp_path / "else" / "b.jpg").write_bytes(photo(2))
    (tree / "more").symlink_to("../else")
    listed = {c.source_id: c.refusal.partition(":")[0] for c in Folder(tree).candidates()}
    assert listed == {"a.jpg": "", "more": "linked-folder"}
    if os.geteuid() == 0:  # whom no mode keeps out
        pytest.skip("root reads every folder")
    (tree / "locked").chmod(0)
    try:
        listed = {c.source_id: c.refusal.partition(":")[0] for c in Folder(tree).candidates()}
        assert listed["locked"] == "unreadable"
    finally:
        (tree / "locked").chmod(0o700)


def test_trees_of_links_are_linked_to_the_files(tmp_path: Path) -> None:
    """As caches of downloads are laid out: links to blobs."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "tree/abc").mkdir(parents=True)
    for i in range(3):
        (tmp_path / "blobs" / f"{i}").write_bytes(photo(i))
        (tmp_path / "tree/abc" / f"{i}.jpg").symlink_to(f"../../blobs/{i}")
    (tmp_path / "tree/abc/broken.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "tree/abc/pipe.jpg")
    folder = Folder(tmp_path / "tree", hardlink=True)
    built = build(Order(folder, tmp_path / "out", "t", RULES), ENGINE)
    assert built.rejects == {"unreadable": 2}
    for record in built.dataset.manifest:
        path = built.dataset.path(record)
        assert not path.is_symlink()
        assert path.stat().st_nlink == 2


def test_what_could_not_be_read_is_looked_at_again(tmp_path: Path) -> None:
    """As a link that led to a disk that was not there."""
    tree = tmp_path / "in"
    tree.mkdir()
    (tree / "a.jpg").write_bytes(photo(1))
    (tree / "link.jpg").symlink_to("../disk/b.jpg")
    os.mkfifo(tree / "pipe.jpg")
    order = Order(Folder(tree), tmp_path / "out", "t", RULES)
    assert build(order, ENGINE).rejects == {"unreadable": 2}
    assert build(order, ENGINE, on_outcome=pytest.fail).rejects == {"unreadable": 2}
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/b.jpg").write_bytes(photo(2))
    built = build(order, ENGINE)
    assert {r.source_id for r in built.dataset.manifest} == {"a.jpg", "link.jpg"}
    assert built.rejects == {"unreadable": 1}
    (tmp_path / "disk/b.jpg").unlink()
    assert len(build(order, ENGINE).dataset.manifest) == 2, "what was collected stays"


def test_a_file_that_may_not_be_read_has_no_stamp(tmp_path: Path) -> None:
    """Its rights are no part of one: it is looked at again once it has one."""
    if os.geteuid() == 0:  # whom no mode keeps out
        pytest.skip("root reads every file")
    (tmp_path / "a.jpg").write_bytes(photo(1))
    (tmp_path / "a.jpg").chmod(0)
    assert [c.stamp for c in Folder(tmp_path).candidates()] == [""]
    (tmp_path / "a.jpg").chmod(0o600)
    assert [bool(c.stamp) for c in Folder(tmp_path).candidates()] == [True]


def test_no_path_of_a_candidate_leads_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.jpg").write_bytes(photo(1))
    for url in ("../secret.jpg", str(tmp_path / "secret.jpg"), "a/../../secret.jpg", "a%00"):
        with pytest.raises(ImageError):
            Folder(tmp_path / "in").obtain(Candidate(key="x", url=url), tmp_path / "x", Fetcher())
    assert not (tmp_path / "x").exists()


@given(st.lists(st.binary(min_size=1, max_size=8), min_size=2, max_size=6, unique=True))
def test_no_two_names_read_the_same(names: list[bytes]) -> None:
    assert len({readable(name) for name in names}) == len(names)
    for name in (b"a\xff", b"a\\xff", b"a\\\xff", b"a\\\\xff"):
        readable(name).encode()
