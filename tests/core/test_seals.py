"""Seals: what a command wrote is known to the bit, in every format that it writes."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from anyres_bench.core.errors import UsageError
from anyres_bench.core.seals import check_ours, is_ours, sealed_write

PIXELS = np.random.default_rng(0).integers(0, 256, (13, 17, 3), dtype=np.uint8)


def content(suffix: str) -> bytes:
    if suffix not in (".png", ".tif", ".webp"):
        return b"<p>text</p>\n"
    file = io.BytesIO()
    form = {".png": "PNG", ".tif": "TIFF", ".webp": "WEBP"}[suffix]
    Image.fromarray(PIXELS).save(file, form, **({"lossless": True} if form == "WEBP" else {}))
    return file.getvalue()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".mp4", ".html", ".svg", ".pdf", ""])
def test_a_seal_holds_for_every_bit(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with sealed_write(path, "tests") as file:
        file.write(content(suffix))
    assert is_ours(path, "tests")
    assert not is_ours(path, "others")
    whole = path.read_bytes()
    for place in range(0, 8 * len(whole), max(1, len(whole) // 40)):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        assert not is_ours(path, "tests")
    for other in (whole[:-1], whole + b"\n", b"", whole[:40]):
        path.write_bytes(other)
        assert not is_ours(path, "tests")
        with pytest.raises(UsageError, match="nothing was replaced"), sealed_write(path, "tests"):
            raise AssertionError("begun")
        assert path.read_bytes() == other


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_readers_pass_over_a_seal(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with sealed_write(path, "tests") as file:
        file.write(content(suffix))
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), PIXELS)
        image.load()
    if suffix == ".tif":
        np.testing.assert_array_equal(tifffile.imread(path), PIXELS)


def test_what_is_ours_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    for text in (b"one", b"two"):
        with sealed_write(path, "tests") as file:
            file.write(text)
    assert path.read_bytes().startswith(b"two")


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder"])
def test_nothing_but_a_file_is_ours(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "a.html", tmp_path / "b.html"
    with sealed_write(other, "tests") as file:
        file.write(b"text")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(other if kind == "link" else tmp_path / "none")
    with pytest.raises(UsageError, match="is there already"):
        check_ours(path, "tests")
    assert is_ours(other, "tests")


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    with pytest.raises(UsageError), sealed_write(path, "tests") as file:
        file.write(b"ours")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1
