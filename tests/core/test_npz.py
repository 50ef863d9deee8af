"""Archives of arrays: numpy's are read, hostile ones are refused before they are unpacked."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from anyres_bench.core.errors import DataError
from anyres_bench.core.npz import NpzFile


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back(tmp_path: Path, save) -> None:
    arrays = {
        "a": np.arange(12.0).reshape(3, 4),
        "f": np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)),
        "images": np.arange(5 * 2 * 2 * 3, dtype=np.uint8).reshape(5, 2, 2, 3),
        "text": np.array("naïve"),
        "scalar": np.array(7),
    }
    save(tmp_path / "x.npz", **arrays)
    with NpzFile(tmp_path / "x.npz") as file:
        assert file.headers.keys() == arrays.keys()
        for name in ("a", "f", "images", "scalar"):
            np.testing.assert_array_equal(file.read(name), arrays[name])
        assert file.text("text") == "naïve"
        blocks = list(file.blocks("images", 2))
        assert [len(block) for block in blocks] == [2, 2, 1]
        np.testing.assert_array_equal(np.concatenate(blocks), arrays["images"])
        with pytest.raises(DataError, match="not stored row by row"):
            list(file.blocks("f", 2))
        with pytest.raises(DataError, match="expected a short text"):
            file.text("a")


def test_a_table_of_contents_that_is_huge(tmp_path: Path) -> None:
    """2 MB of entries, of which each would be an object before anyone could count them."""
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(40):
            archive.writestr(f"{i:02d}" + "n" * 60_000 + ".npy", b"")
    with pytest.raises(DataError, match="a table of contents of 24"):
        NpzFile(path)


def test_the_digest_is_of_the_numbers_not_of_the_packing(tmp_path: Path) -> None:
    digests = set()
    for save, name in ((np.savez, "a"), (np.savez_compressed, "b")):
        save(tmp_path / f"{name}.npz", x=np.arange(10))
        with NpzFile(tmp_path / f"{name}.npz") as file:
            digests.add(file.digest("x"))
    assert len(digests) == 1


def header(shape: str, descr: str = "'<f8'", fortran: str = "False") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def archive(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items():
            file.writestr(f"{name}.npy", data)
    return path


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (header("(1000000, 1000000)"), "damaged or hostile"),
        (header("(3,)", "'|O'") + bytes(24), "would be executed"),
        (header("(3,)", "[('a', '<f8')]") + bytes(24), "holds records"),
        (header("(-3,)") + bytes(24), "which is none"),
        (header("(True,)") + bytes(24), "which is none"),
        (header("(2,)", "'<M8[s]'") + bytes(16), "expected plain numbers"),
        (header("__import__('os').system('true')") + bytes(24), "damaged one"),
        (header("(" * 5000 + ")" * 5000), "header of|damaged one"),
        (b"\x93NUMPY\x01\x00\xff\xff" + bytes(70000), "header of 65535 bytes"),
        (b"not an array", "no array of numpy"),
        (header("(2,)", "'nonsense'") + bytes(16), "expected plain numbers"),
    ],
)
def test_hostile_arrays_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        NpzFile(archive(tmp_path / "x.npz", mu=data))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """What is longer than its shape says is noticed after one byte more."""
    path = archive(tmp_path / "x.npz", mu=header("(2,)") + bytes(50_000_000))
    assert path.stat().st_size < 100_000
    with NpzFile(path) as file, pytest.raises(DataError, match="longer than its shape"):
        file.read("mu")


def test_objects_as_numpy_writes_them_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", mu=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="would be executed"):
        NpzFile(tmp_path / "x.npz")


def test_damaged_archives(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", a=np.random.default_rng(0).normal(size=500))
    data = (tmp_path / "x.npz").read_bytes()
    changed = bytearray(data)
    changed[600:610] = bytes(10)
    for name, content in {"cut": data[:-40], "empty": b"", "text": b"hello" * 20}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=r"is no \.npz file"):
            NpzFile(tmp_path / name)
    (tmp_path / "changed").write_bytes(changed)
    with pytest.raises(DataError), NpzFile(tmp_path / "changed") as file:
        file.read("a")


def test_other_things_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "nothing", "."):
        with pytest.raises(DataError, match="cannot be read"):
            NpzFile(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "zip", "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match="which is no array"):
        NpzFile(tmp_path / "zip")
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(2))
    with zipfile.ZipFile(tmp_path / "twice", "w") as file:
        file.writestr("a.npy", buffer.getvalue())
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.npy", buffer.getvalue())
    with pytest.raises(DataError, match="of different names"):
        NpzFile(tmp_path / "twice")
