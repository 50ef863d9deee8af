"""Stored images enlarged: which files, to which canvases, and which upscaler."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from anyres_bench.core.errors import ImageError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.models.enlarging import canvas_of, enlarge_files, list_images, make_upscaler
from tests.baselines.tiny import write_images


@pytest.mark.parametrize(
    ("image", "text", "canvas"),
    [((30, 20), "60", (60, 40)), ((20, 30), "40x60", (40, 60)), ((1, 1000), "10", (1, 10))],
)
def test_canvases_keep_the_aspect(image: Size, text: str, canvas: Size) -> None:
    assert canvas_of(Size(*image), text) == canvas


def test_nothing_is_stretched() -> None:
    with pytest.raises(UsageError, match="would be stretched"):
        canvas_of(Size(20, 30), "60x60")


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        ("lancsoz", {}, UnknownNameError, "lanczos"),
        ("lanczos", {"mode": "exact"}, UsageError, "lanczos has no option --mode"),
        ("realesrgan", {"denoyse": "1"}, UsageError, "--denoise"),
    ],
)
def test_what_is_no_upscaler(
    model: str, options: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_upscaler(model, options)


def test_images_of_one_name_are_not_one_file(tmp_path: Path) -> None:
    write_images(tmp_path / "in", (8, 8))
    [path] = (tmp_path / "in").iterdir()
    with Image.open(path) as image:
        image.save(path.with_suffix(".bmp"))
    with pytest.raises(UsageError, match="would both be"):
        list_images(tmp_path / "in", tmp_path / "out", "16", 1 << 20)


def test_what_is_left_out_is_counted_and_the_rest_is_made_once(tmp_path: Path) -> None:
    images = write_images(tmp_path / "in", (8, 8), (8, 12))
    (images / "notes.txt").write_text("no image")
    upscaler, out = make_upscaler("bicubic", {}), tmp_path / "out"
    done = enlarge_files(upscaler, images, out, "16")
    assert (done.n_made, done.n_kept, len(done.rejected)) == (2, 0, 1)
    done = enlarge_files(upscaler, images, out, "16")
    assert (done.n_made, done.n_kept) == (0, 2)
    with pytest.raises(UsageError, match="lies in"):
        enlarge_files(upscaler, images, images / "out", "16")
    with pytest.raises(ImageError, match="holds no image"):
        enlarge_files(upscaler, images / "notes.txt", out, "16")
