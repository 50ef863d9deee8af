"""Zips of torch are read in the one way in which they can be read."""

from __future__ import annotations

import io
import zipfile

import pytest
import torch

from anyres_bench.core.budget import Budget
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.zips import MAGIC, ZipArchive

FILES = {"a/data.pkl": b"\x80\x02N.", "a/data/0": bytes(range(64)), "a/empty": b""}


def zipped(files: dict[str, bytes] = FILES, method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def opened(data: bytes, steps: int = 1000) -> ZipArchive:
    return ZipArchive(memoryview(data), Budget(len(data), steps=steps))


def test_files_come_back_as_views_of_the_archive() -> None:
    data = zipped()
    archive = opened(data)
    assert {name: bytes(archive.read(name)) for name in archive.entries} == FILES
    assert archive.read("a/data/0").obj is data


def test_what_torch_writes_is_read() -> None:
    file = io.BytesIO()
    torch.save({"w": torch.arange(5)}, file)
    data = file.getvalue()
    assert data.startswith(MAGIC)
    with zipfile.ZipFile(file) as known:
        archive = opened(data)
        assert list(archive.entries) == known.namelist()
        for name in known.namelist():
            assert bytes(archive.read(name)) == known.read(name)


def test_missing_packed_and_changed_files_are_refused() -> None:
    with pytest.raises(CheckpointError, match="a zip without 'b'"):
        opened(zipped()).read("b")
    with pytest.raises(CheckpointError, match="is compressed, which torch never does"):
        opened(zipped(method=zipfile.ZIP_DEFLATED)).read("a/data/0")
    changed = zipped().replace(bytes(range(64)), bytes(range(1, 65)))
    with pytest.raises(CheckpointError, match="checksum of 'a/data/0' is wrong"):
        opened(changed).read("a/data/0")
    assert bytes(opened(changed).read("a/data.pkl")) == FILES["a/data.pkl"]


def test_every_cut_and_everything_behind_the_end_is_refused() -> None:
    whole = zipped()
    for damaged in [whole[:end] for end in range(len(whole))] + [whole + b"x", b"x" + whole]:
        with pytest.raises(CheckpointError):
            opened(damaged)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_stands_once_and_entries_are_paid() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with pytest.raises(CheckpointError, match="repeat a name"):
        opened(file.getvalue())
    with pytest.raises(CheckpointError, match="steps more"):
        opened(zipped(), steps=2)
