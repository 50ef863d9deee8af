"""Hostile archives: every member is looked at before a byte of it is unpacked."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from anyres_bench.building.effort import Effort
from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.folder import Folder
from anyres_bench.core.errors import DatasetError, UsageError
from tests.servers import photo

ENGINE = LocalEngine(Effort(processes=1))
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
        for name in ("../out.jpg", "/etc/out.jpg", "C:\\out.jpg", "x/../../out.jpg"):
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
        "link.jpg": "unsafe-member",
        "zeros.png": "bomb",
        "inner.zip": "archive",
        "two.jpg": "corrupt",
    }
    inside = {path for path in tmp_path.rglob("*.jpg") if "out/images" not in path.as_posix()}
    assert not inside, "nothing was unpacked to where it wanted to be"


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


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK no")
    (tmp_path / "a.tar").write_bytes(b"no" * 1000)
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    for name in ("a.zip", "a.tar"):
        with pytest.raises(DatasetError, match="cannot be read"):
            collected(tmp_path / name, tmp_path / "out")
    with pytest.raises(UsageError, match="neither a folder nor"):
        collected(tmp_path / "a.rar", tmp_path / "out")
