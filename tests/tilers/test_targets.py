"""Targets: a size, an image or a folder of images."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.targets import read_target


def test_targets(tmp_path: Path) -> None:
    assert read_target("480x640").images == (("480x640", Size(480, 640)),)
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    (tmp_path / "sub").mkdir()
    Image.new("RGB", (8, 9)).save(tmp_path / "sub" / "b.jpg")
    (tmp_path / "c.jpg").write_bytes(b"no image")
    target = read_target(str(tmp_path))
    assert target.images == (("a.png", Size(20, 30)), ("sub/b.jpg", Size(9, 8)))
    assert target.left_out == (("c.jpg", "not-an-image"),)
    with pytest.raises(UsageError, match="HEIGHTxWIDTH"):
        read_target("photo.jpg")
