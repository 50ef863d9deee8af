"""Hostile archives: every member is looked at before a byte of it is unpacked."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import subprocess
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.archives import open_archive
from anyres_bench.collectors.folder import Folder
from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.data.dataset import Dataset
from tests.servers import photo

ENGINE = LocalEngine(ResourceLimits(processes=1))
RULES = Rules(measure="header")


def collected(archive: Path, out: Path) -> tuple[set[str], dict[str, str]]:
    """What came in, and why the rest did not."""
    dataset = build(Order(Folder(archive), out, "a", RULES), ENGINE).dataset
    rejects = pd.read_parquet(out / "rejects.parquet")
    reasons = dict(zip(rejects.source_id, rejects.reason, strict=True))
    return {record.source_id for record in dataset.manifest}, reasons


def test_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("b/one.jpg", "two.jpg", ".hidden.jpg", "__MACOSX/two.jpg"):
            archive.writestr(name, photo(len(name)))
        for name in ("../out.jpg", "/etc/out.jpg", "C:\\out.jpg", "x/../../out.jpg", "..\\w.jpg"):
            archive.writestr(name, photo(9))
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("zeros.png", bytes(4 << 20))
        archive.writestr("inner.zip", b"PK\x03\x04" + bytes(100))
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(b"two.jpg") + 60] ^= 255  # inside the packed data of two.jpg
    (tmp_path / "a.zip").write_bytes(data)
    came, reasons = collected(tmp_path / "a.zip", tmp_path / "out")
    assert came == {"b/one.jpg"}
    assert reasons == {
        "../out.jpg": "unsafe-member",
        "/etc/out.jpg": "unsafe-member",
        "C:\\out.jpg": "unsafe-member",
        "x/../../out.jpg": "unsafe-member",
        "..\\w.jpg": "unsafe-member",
        "link.jpg": "unsafe-member",
        "zeros.png": "bomb",
        "inner.zip": "archive",
        "two.jpg": "corrupt",
    }
    inside = {path for path in tmp_path.rglob("*.jpg") if "out/images" not in path.as_posix()}
    assert not inside, "nothing was unpacked to where it wanted to be"


def test_an_archive_of_the_other_ending_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip.tar", "w") as archive:
        archive.writestr("a.jpg", photo(1))
    with tarfile.open(tmp_path / "tar.zip", "w") as tar:
        tar.addfile(tarfile.TarInfo("a.jpg"))
    for name, kind in (("zip.tar", ".zip"), ("tar.zip", ".tar")):
        with pytest.raises(DatasetError, match=f"it is a {kind}; give it that ending"):
            open_archive(tmp_path / name)


def test_what_is_not_read_is_told_why(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../up.jpg", photo(1))
        archive.writestr("lzma.jpg", photo(2), zipfile.ZIP_LZMA)
        archive.writestr("zeros.png", bytes(4 << 20), zipfile.ZIP_DEFLATED)
        archive.writestr("b.jpg", photo(3))
        archive.writestr("locked.jpg", photo(4))
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert collected(tmp_path / "a.zip", tmp_path / "out")[0] == {"b.jpg"}
    rejects = pd.read_parquet(tmp_path / "out" / "rejects.parquet")
    told = dict(zip(rejects.source_id, rejects.message, strict=True))
    assert "leads out of the archive" in told["../up.jpg"]
    assert "another way than deflate and bzip2; unpack the archive" in told["lzma.jpg"]
    assert "unpack to far more" in told["zeros.png"]
    assert "wants a password; unpack the archive" in told["locked.jpg"]


def test_encrypted_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.jpg", photo(1))
        archive.writestr("b.jpg", photo(2))
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    came, reasons = collected(tmp_path / "a.zip", tmp_path / "out")
    assert (came, reasons) == ({"b.jpg"}, {"a.jpg": "encrypted"})


def test_tar(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:

        def add(name: str, data: bytes = b"", **changes: object) -> None:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            for field, value in changes.items():
                setattr(member, field, value)
            archive.addfile(member, io.BytesIO(data))

        add("a.jpg", photo(1))
        add("sub/b\udce9.jpg", photo(2))
        add("../c.jpg", photo(3))
        add("soft.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add("hard.jpg", type=tarfile.LNKTYPE, linkname="a.jpg")
        add("device.jpg", type=tarfile.CHRTYPE)
        add("pipe.jpg", type=tarfile.FIFOTYPE)
    came, reasons = collected(tmp_path / "a.tar", tmp_path / "out")
    assert came == {"a.jpg", "sub/b\\xe9.jpg"}
    names = ("../c.jpg", "soft.jpg", "hard.jpg", "device.jpg", "pipe.jpg")
    assert reasons == dict.fromkeys(names, "unsafe-member")


def test_a_bomb_as_a_whole(tmp_path: Path) -> None:
    """Many members that share their packed data: each is modest, the sum is not."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.png", bytes(190_000))
        for i in range(1, 60):
            again = zipfile.ZipInfo(f"{i}.png")
            again.compress_type, again.file_size = zipfile.ZIP_DEFLATED, 190_000
            again.compress_size, again.header_offset = archive.infolist()[0].compress_size, 0
            again.CRC = archive.infolist()[0].CRC
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
    with pytest.raises(DatasetError, match="that is a bomb"):
        collected(tmp_path / "a.zip", tmp_path / "out")


def test_a_table_of_contents_that_is_huge(tmp_path: Path) -> None:
    """It would be read at once, and each of its entries takes ten times its room in memory."""
    n_bytes = 1 << 28
    with open(tmp_path / "a.zip", "wb") as file:
        file.truncate(n_bytes)  # takes no room on the disk
        file.seek(n_bytes)
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, n_bytes, 0, 0))
    with pytest.raises(DatasetError, match="table of contents has 268435456 bytes"):
        open_archive(tmp_path / "a.zip")


def test_an_entry_that_a_damaged_length_hides(tmp_path: Path) -> None:
    """Readers take it for the comment of the one before, and one picture fewer is there."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a.png", "b.png", "c.png"):
            archive.writestr(name, b"1")
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\1\2")
    data[first + 32 : first + 34] = (46 + 5).to_bytes(2, "little")  # of the comment of a.png
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["a.png", "c.png"]
    with pytest.raises(DatasetError, match="shows 2 entries, its end counts 3"):
        open_archive(path)


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK no")
    (tmp_path / "a.tar").write_bytes(b"no" * 1000)
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    for name in ("a.zip", "a.tar"):
        with pytest.raises(DatasetError, match="cannot be read"):
            collected(tmp_path / name, tmp_path / "out")
    with pytest.raises(UsageError, match="neither a folder nor"):
        collected(tmp_path / "a.rar", tmp_path / "out")


def test_a_tar_of_a_folder_and_names_that_come_twice(tmp_path: Path) -> None:
    """`tar -C folder -cf x.tar .` writes `./a.jpg`; of a name the last member counts."""
    for i in range(3):
        (tmp_path / f"{i}.jpg").write_bytes(photo(i))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "0.jpg", "./one.jpg")
        archive.add(tmp_path / "1.jpg", "./sub/two.jpg")
        archive.add(tmp_path / "1.jpg", "./.hidden.jpg")
        archive.add(tmp_path / "2.jpg", "one.jpg")
    came, reasons = collected(tmp_path / "a.tar", tmp_path / "out")
    assert came == {"one.jpg", "sub/two.jpg"}
    assert list(reasons.values()) == ["name-twice"]
    dataset = Dataset.read(tmp_path / "out")
    (one,) = (r for r in dataset.manifest if r.source_id == "one.jpg")
    assert dataset.path(one).read_bytes() == photo(2)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the name
        for i in range(3):
            zipped.write(tmp_path / f"{i}.jpg", "same.jpg")
    came, reasons = collected(tmp_path / "a.zip", tmp_path / "out-zip")
    assert (came, list(reasons.values())) == ({"same.jpg"}, ["name-twice"] * 2)


def test_packings_that_ask_for_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.jpg", photo(1))
        archive.writestr("b.jpg", photo(2), zipfile.ZIP_LZMA)
        archive.writestr("c.jpg", photo(3), zipfile.ZIP_BZIP2)
    came, reasons = collected(tmp_path / "a.zip", tmp_path / "out")
    assert (came, reasons) == ({"a.jpg", "c.jpg"}, {"b.jpg": "packing"})


@pytest.mark.parametrize("size", [-512, -1024, -(1 << 40)])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_tar_of_negative_size(tmp_path: Path, size: int, kind: bytes) -> None:
    header = bytearray(tarfile.TarInfo("a.jpg").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" + (size % (1 << 88)).to_bytes(11, "big")
    header[156:157] = kind
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:]) + 8 * 32)
    (tmp_path / "a.tar").write_bytes(tarfile.TarInfo("0.jpg").tobuf() + header + bytes(1024))
    with pytest.raises(DatasetError, match="cannot be read"):
        collected(tmp_path / "a.tar", tmp_path / "out")


def made_tar(path: Path, n: int = 4, end: int = 10_240) -> Path:
    """Members of 700 bytes, three blocks each, and zeros up to a length."""
    with tarfile.open(path, "w") as tar:
        for i in range(n):
            member = tarfile.TarInfo(f"{i}.png")
            member.size = 700
            tar.addfile(member, io.BytesIO(bytes([i + 1]) * 700))
    path.write_bytes(path.read_bytes()[: n * 1536].ljust(end, b"\0"))
    return path


@pytest.mark.parametrize("place", [10, 124 + 8, 150])
def test_a_header_that_is_damaged_is_not_the_end(tmp_path: Path, place: int) -> None:
    """One flipped bit in a name, a length or a checksum would drop every picture behind it."""
    path = made_tar(tmp_path / "a.tar")
    assert len(list(open_archive(path).members())) == 4
    data = bytearray(path.read_bytes())
    data[2 * 1536 + place] ^= 1
    path.write_bytes(data)
    with tarfile.open(path) as tar:
        assert len(tar.getmembers()) == 2
    with pytest.raises(DatasetError, match="behind member 2, at byte 3072, is neither"):
        open_archive(path)


def test_ends_of_a_tar(tmp_path: Path) -> None:
    for end in (4 * 1536, 4 * 1536 + 512, 4 * 1536 + 1024, 1 << 21):
        assert len(list(open_archive(made_tar(tmp_path / "a.tar", end=end)).members())) == 4
    two = made_tar(tmp_path / "b.tar").read_bytes() * 2  # as `cat` puts them together
    (tmp_path / "b.tar").write_bytes(two)
    with pytest.raises(DatasetError, match="several archives in one file"):
        open_archive(tmp_path / "b.tar")


def test_what_stands_in_the_place_of_an_archive_is_named(tmp_path: Path) -> None:
    for name, content, message in (
        ("a.tar", b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        ("a.zip", b"<html>404</html>", "a web page"),
        ("b.tar", gzip.compress(bytes(2000)), "compressed with gzip"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatasetError, match=message):
            open_archive(tmp_path / name)


def test_a_tar_of_a_huge_header(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.jpg")
    info.size, info.type = 1 << 40, tarfile.XHDTYPE
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(DatasetError, match="says that it has"):
        collected(tmp_path / "a.tar", tmp_path / "out")


@pytest.mark.slow
def test_names_in_any_locale(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("图/照.jpg", photo(1))
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        (tmp_path / "p").write_bytes(photo(1))
        tar.add(tmp_path / "p", "图/照.jpg")
    ascii_ = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for suffix in ("zip", "tar"):
        out = tmp_path / f"out-{suffix}"
        subprocess.run(
            [sys.executable, "-m", "anyres_bench", "collect", "folder"]
            + [str(tmp_path / f"a.{suffix}"), str(out), "--measure", "header"],
            env={**os.environ, **ascii_},
            check=True,
            capture_output=True,
        )
        assert Dataset.read(out).manifest[0].source_id == "图/照.jpg"
