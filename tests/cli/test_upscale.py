"""`anyres-bench upscale`, as a user runs it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anyres_bench.cli.main import main
from tests.baselines import tiny


def upscale(*arguments: object) -> int:
    """Exit code of the command in this process."""
    with pytest.raises(SystemExit) as stop:
        main(["upscale", *map(str, arguments)])
        raise SystemExit(0)
    return int(stop.value.code or 0)


@pytest.mark.parametrize("model", ["realesrgan", "liif"])
def test_a_folder_becomes_larger_once(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tiny.write_images(tmp_path / "in", (20, 30), (24, 16))
    (images / "notes.txt").write_text("no image")
    make = {"realesrgan": tiny.realesrgan_file, "liif": tiny.liif_file}[model]
    out = tmp_path / "out"
    call = (images, out, "--model", model, "--weights", make(tmp_path), "--size", 120)
    assert upscale(*call) == 0
    said = capsys.readouterr()
    assert f"2 images made by {model}" in said.out
    assert "left out:" in said.err
    assert "notes.txt" in said.err
    sizes = [Image.open(out / f"{i}.png").size for i in (0, 1)]
    assert sizes == [(120, 80), (80, 120)]
    about = json.loads(Image.open(out / "0.png").info["anyres-bench"])
    assert about["canvas"] == [80, 120]
    assert model in about["upscaler"]
    before = (out / "0.png").stat().st_mtime_ns
    assert upscale(*call) == 0
    assert "0 images made" in capsys.readouterr().out
    assert (out / "0.png").stat().st_mtime_ns == before


def test_the_plain_filter_is_pillows(tmp_path: Path) -> None:
    images = tiny.write_images(tmp_path / "in", (16, 16))
    options = ("--model", "lanczos", "--size", "50x50")
    assert upscale(images / "0.png", tmp_path / "out", *options) == 0
    expected = Image.open(images / "0.png").resize((50, 50), Image.Resampling.LANCZOS)
    got = np.asarray(Image.open(tmp_path / "out" / "0.png"), np.int16)
    assert np.abs(got - np.asarray(expected)).max() <= 2  # Pillow also rounds between the passes


def test_calls_that_are_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, out = tiny.write_images(tmp_path / "in", (16, 16)), tmp_path / "out"
    assert upscale(images, out, "--model", "lanczso", "--size", 64) == 2
    assert "did you mean lanczos?" in capsys.readouterr().err
    assert upscale(images, out, "--model", "lanczos", "--size", 64, "--mode", "exact") == 2
    assert "lanczos has no option --mode" in capsys.readouterr().err
    assert upscale(images, out, "--model", "lanczos", "--size", "64x32") == 2
    assert "would be stretched to 64x32" in capsys.readouterr().err
    assert upscale(images, images / "out", "--model", "lanczos", "--size", 64) == 2
    assert "write to a folder outside" in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_without_images_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    assert upscale(tmp_path / "in", tmp_path / "out", "--model", "lanczos", "--size", 64) == 2
    (tmp_path / "in" / "x.png").write_bytes(b"\x89PNG broken")
    assert upscale(tmp_path / "in", tmp_path / "out", "--model", "lanczos", "--size", 64) == 1
    assert "holds no image" in capsys.readouterr().err


def test_tiles_state_their_measured_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tiny.write_images(tmp_path / "in", (8, 40))
    weights = tiny.realesrgan_file(tmp_path)
    call = (images, tmp_path / "out", "--model", "realesrgan", "--weights", weights)
    assert upscale(*call, "--mode", "tiled16+24", "--size", 160, "-v") == 0
    assert "columns differ by at most 0.000 grey levels where they meet" in capsys.readouterr().err
    assert upscale(*call, "--mode", "tiled16+1", "--size", 160) == 1
    assert "choose a larger halo, or the mode exact" in capsys.readouterr().err


def write_picture(path: Path, seed: int = 0) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path.read_bytes()


LANCZOS = ("--model", "lanczos", "--size", 40)


def test_no_source_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "photo.png"
    before = write_picture(photo)
    assert upscale(photo, tmp_path, *LANCZOS) == 2
    assert "would replace an image that is to be enlarged" in capsys.readouterr().err
    # Not even one that upscale has made itself, nor under another name of the same file.
    assert upscale(photo, tmp_path / "out", *LANCZOS) == 0
    made = (tmp_path / "out" / "photo.png").read_bytes()
    assert upscale(tmp_path / "out" / "photo.png", tmp_path / "out", *LANCZOS[:-1], 80) == 2
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "photo.png").hardlink_to(photo)
    assert upscale(photo, tmp_path / "links", *LANCZOS) == 2
    assert photo.read_bytes() == before
    assert (tmp_path / "out" / "photo.png").read_bytes() == made


def test_a_folder_above_its_source_keeps_what_is_in_it(tmp_path: Path) -> None:
    before = write_picture(tmp_path / "0.png")
    write_picture(tmp_path / "in" / "0.png", 1)
    assert upscale(tmp_path / "in", tmp_path, *LANCZOS) == 2
    assert (tmp_path / "0.png").read_bytes() == before


@pytest.mark.parametrize("what", ["picture", "edited", "link", "folder", "pipe"])
def test_only_what_upscale_wrote_is_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    for i in range(3):
        write_picture(tmp_path / "in" / f"{i}.png", i)
    target = tmp_path / "out" / "1.png"
    target.parent.mkdir()
    if what == "picture":
        write_picture(target, 9)
    elif what == "edited":
        assert upscale(tmp_path / "in", tmp_path / "out", *LANCZOS) == 0
        for other in ("0.png", "2.png"):
            (tmp_path / "out" / other).unlink()
        made = bytearray(target.read_bytes())
        made[-120] ^= 1
        target.write_bytes(made)
    elif what == "link":
        write_picture(tmp_path / "mine.png", 9)
        target.symlink_to(tmp_path / "mine.png")
    elif what == "folder":
        target.mkdir()
    else:
        os.mkfifo(target)
    before = target.lstat()
    assert upscale(tmp_path / "in", tmp_path / "out", *LANCZOS) == 2
    assert "1.png is there already and is not as" in capsys.readouterr().err
    assert target.lstat() == before
    assert sorted(path.name for path in target.parent.iterdir()) == ["1.png"], "nothing was begun"


def test_another_size_replaces_what_was_made(tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "0.png")
    assert upscale(tmp_path / "in", tmp_path / "out", *LANCZOS) == 0
    assert upscale(tmp_path / "in", tmp_path / "out", *LANCZOS[:-1], 60) == 0
    assert Image.open(tmp_path / "out" / "0.png").size == (60, 48)


def test_what_is_left_of_images_that_are_gone_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(3):
        write_picture(tmp_path / "in" / f"{i}.png", i)
    assert upscale(tmp_path / "in", tmp_path / "out", *LANCZOS) == 0
    write_picture(tmp_path / "out" / "mine.png", 9)
    assert "earlier calls" not in capsys.readouterr().err
    (tmp_path / "in" / "1.png").unlink()
    (tmp_path / "in" / "2.png").write_bytes(b"damaged")
    assert upscale(tmp_path / "in", tmp_path / "out", *LANCZOS) == 0
    said = capsys.readouterr().err
    assert "2 images in" in said
    assert "such as" in said
    assert "1.png; remove them" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir())[0] == "0.png"
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_captions_links_and_leftovers_beside_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(2):
        write_picture(tmp_path / "in" / f"{i}.png", i)
        (tmp_path / "in" / f"{i}.txt").write_text("words")
    (tmp_path / "in" / ".0.png.77-ab.tmp").write_bytes(b"half")
    write_picture(tmp_path / "more" / "2.png", 2)
    (tmp_path / "in" / "more").symlink_to(tmp_path / "more")
    assert upscale(tmp_path / "in", tmp_path / "out", *LANCZOS) == 0
    said = capsys.readouterr()
    assert "2 images made by lanczos, 0 already in" in said.out
    assert "3 files left out" in said.out
    assert "more: linked-folder" in said.err
    assert said.err.count("words") == 0
    write_picture(tmp_path / "in" / "0.jpg")
    assert upscale(tmp_path / "in", tmp_path / "out", *LANCZOS) == 2
    assert "would both be" in capsys.readouterr().err


def test_large_images_are_named_with_an_option_that_exists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "0.png")
    call = (tmp_path / "0.png", tmp_path / "out", *LANCZOS, "--max-megapixels", 0.0001)
    assert upscale(*call) == 1
    assert "--max-megapixels" in capsys.readouterr().err
    assert upscale(*call[:-1], 0.001) == 0
