"""Streaming writers: Pillow reads back exactly what went in, however it was cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.strips import write_strips

PIXELS = stream(1, "pixels").integers(0, 255, (57, 31, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
@pytest.mark.parametrize("cuts", [[], [1], [20, 21, 50], list(range(1, 57))])
def test_round_trip(tmp_path: Path, suffix: str, cuts: list[int]) -> None:
    path = tmp_path / f"a{suffix}"
    write_strips(path, Size(57, 31), np.split(PIXELS, cuts), '{"seed": 1}', "tests")
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), PIXELS)
        note = image.text["anyres-bench"] if suffix == ".png" else image.tag_v2[270]
        assert note == '{"seed": 1}'


def test_many_strips(tmp_path: Path) -> None:
    wide = np.tile(PIXELS, (8, 2000, 1))
    path = tmp_path / "a.tif"
    write_strips(path, Size(*wide.shape[:2]), [wide], "", "tests")
    with Image.open(path) as image:
        assert len(image.tag_v2[273]) > 50
        assert np.array_equal(np.asarray(image), wide)


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        ([PIXELS[:30]], "got 30 rows, expected 57"),
        ([PIXELS, PIXELS], "got 114 rows"),
        ([PIXELS[:, :30]], "shape"),
        ([PIXELS.astype(float)], "float64"),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_wrong_rows_leave_nothing(
    tmp_path: Path, suffix: str, bands: list[np.ndarray], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_strips(tmp_path / f"a{suffix}", Size(57, 31), bands, "", "tests")
    assert not list(tmp_path.iterdir())


def test_other_types_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.png"):
        write_strips(tmp_path / "a.jpg", Size(57, 31), [PIXELS], "", "tests")
