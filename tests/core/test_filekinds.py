"""Files that should hold tensors and do not are named by their first bytes."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import tarfile

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.filekinds import HEAD_BYTES, describe


def saved(container: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, container)
    return file.getvalue()


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights.pth"), io.BytesIO())
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\n  <!DOCTYPE HTML><p>Sign in", "a web page"),
        (b'<?xml version="1.0"?><Error/>', "an XML document"),
        (json.dumps({"error": "quota"}).encode(), "JSON"),
        (json.dumps([]).encode(), "JSON"),
        (json.dumps({"metadata": {}, "weight_map": {"w": "a.bin"}}, indent=2).encode(), "an index"),
        (gzip.compress(b"x", mtime=0), "gunzip"),
        (lzma.compress(b"x"), "unxz"),
        (tar(), "tar -xf"),
        (npy(), "numpy array"),
        (saved("PNG"), "a picture"),
        (saved("JPEG"), "a picture"),
        (saved("WEBP"), "a picture"),
        (bytes(600), "unfinished download"),
        (b"", "nothing but zeros"),
        (b"epoch 1 loss 2\n", "text; it begins 'epoch 1 loss 2"),
        (b"\x01\xfe\x02\xfd", "of no kind that is known here"),
    ],
)
def test_what_people_meet_is_named(content: bytes, words: str) -> None:
    assert words in describe(content[:HEAD_BYTES])


def test_what_is_quoted_is_printable_and_short() -> None:
    for content in (b"\x1b[31m" * 100, b"a" * 512, bytes(range(1, 256))):
        assert describe(content).isprintable()
        assert len(describe(content)) < 120
