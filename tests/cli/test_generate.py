"""`anyres-bench generate`: what is in the files, and what a second call does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from anyres_bench.cli.generate import command
from anyres_bench.core.errors import UsageError
from tests.cli.calls import call

ROOT = Path(__file__).resolve().parents[2]


def generate(out: Path, *arguments: str) -> str:
    result = CliRunner().invoke(command, ["scenes", "--out", str(out), *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_images_say_what_they_are(tmp_path: Path) -> None:
    generate(tmp_path, "--seeds", "3,5-6", "--size", "40x64")
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"seed000{i}.png" for i in (3, 5, 6)]
    with Image.open(tmp_path / "seed0005.png") as image:
        note = json.loads(image.text["anyres-bench"])
        assert image.size == (64, 40)
    assert note["seed"] == 5
    assert note["canvas"] == [40, 64]
    assert note["model"].startswith("scenes")


def test_the_examples_of_the_help_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """All that need no file, with small numbers in the place of theirs."""
    monkeypatch.chdir(tmp_path)
    small = {"--size": "32", "--seeds": "0-1", "--interpolate": "2", "--zoom": "48 --frames=2"}
    examples = re.findall(r"anyres-bench (generate (?:scenes|embedded:).*)", command.help or "")
    assert len(examples) == 3
    for example in examples:
        for name, value in small.items():
            example = re.sub(rf"{name} \S+", f"{name} {value}", example)
        assert call(capfd, *example.split())[0] == 0, example


def test_a_second_call_renders_only_what_is_missing_or_other(tmp_path: Path) -> None:
    generate(tmp_path, "--seeds", "0-2", "--size", "40x64")
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    (tmp_path / "seed0001.png").unlink()
    generate(tmp_path, "--seeds", "2", "--size", "32x64")
    generate(tmp_path, "--seeds", "0-2", "--size", "40x64")
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert [before[name] == after[name] for name in sorted(before)] == [True, False, False]
    said = generate(tmp_path, "--seeds", "0-2", "--size", "40x64")
    assert "3 were there and are kept (seed0000.png, seed0001.png, seed0002.png)" in said
    said = generate(tmp_path, "--seeds", "0", "--size", "40x64", "--fresh")
    assert "kept" not in said
    assert (tmp_path / "seed0000.png").stat().st_mtime_ns > before["seed0000.png"]
    generate(tmp_path, "--seeds", "0", "--size", "32")
    assert pixels(tmp_path / "seed0000.png").shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("seed0001.png", ()),
        ("seed0001.tif", ("--format", "tif")),
        ("grid.png", ("--grid",)),
        ("zoom0001.webp", ("--zoom", "64", "--frames", "2")),
    ],
)
def test_only_what_generate_wrote_is_replaced(
    tmp_path: Path, name: str, more: tuple[str, ...]
) -> None:
    call = ("--seeds", "0-1", "--size", "32", *more)
    (tmp_path / name).write_bytes(b"somebody's")
    with pytest.raises(UsageError, match=f"{name} is there already"):
        generate(tmp_path, *call)
    assert [path.name for path in tmp_path.iterdir()] == [name], "nothing was begun"
    assert (tmp_path / name).read_bytes() == b"somebody's"
    (tmp_path / name).unlink()
    generate(tmp_path, *call)
    generate(tmp_path, *call)
    with (tmp_path / name).open("r+b") as file:
        file.seek(200)
        file.write(b"edited")
    with pytest.raises(UsageError, match="not as `anyres-bench generate` wrote it"):
        generate(tmp_path, *call)


def test_a_region_is_the_crop_of_the_whole(tmp_path: Path) -> None:
    generate(tmp_path / "whole", "--seeds", "1", "--size", "60x80")
    generate(tmp_path / "part", "--seeds", "1", "--size", "60x80", "--region", "10,20,30,40")
    whole = pixels(tmp_path / "whole" / "seed0001.png")
    assert np.array_equal(pixels(tmp_path / "part" / "seed0001.png"), whole[10:40, 20:60])


def test_tiff_and_grid(tmp_path: Path) -> None:
    output = generate(tmp_path, "--seeds", "0-3", "--size", "32", "--format", "tif", "--grid")
    assert "grid of 2 x 2" in output
    grid = pixels(tmp_path / "grid.tif")
    assert np.array_equal(grid[:32, 32:], pixels(tmp_path / "seed0001.tif"))


@pytest.mark.parametrize("video", ["webp", "mp4"])
def test_a_zoom_is_an_animation(tmp_path: Path, video: str) -> None:
    options = ["--zoom", "128", "--frames", "5", "--video", video]
    generate(tmp_path, "--seeds", "2", "--size", "32", *options)
    path = tmp_path / f"zoom0002.{video}"
    if video == "webp":
        with Image.open(path) as image:
            assert (image.n_frames, image.size) == (5, (32, 32))
    else:
        av = pytest.importorskip("av")
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "a"], "not numbers and ranges"),
        (["--seeds", "5-3"], "names nothing"),
        (["--size", "0"], "neither 512 nor HEIGHTxWIDTH"),
        (["--region", "1,2,3"], "is not TOP,LEFT,HEIGHT,WIDTH"),
        (["--size", "32", "--region", "0,0,40,8"], "does not lie inside"),
        (["--psi", "0.5"], "psi"),
        (["--interpolate", "4"], "at least two seeds"),
        (["--zoom", "8", "--size", "32"], "a zoom ends on"),
        (["--zoom", "64", "--size", "32", "--region", "0,0,8,8"], "leave --region out"),
        (["--zoom", "64", "--size", "32", "--grid"], "--grid and --zoom exclude"),
        (["--zoom", "64", "--interpolate", "2"], "--interpolate and --zoom exclude"),
        (["--interpolate", "2", "--seeds", "0-1", "--grid"], "--grid and --interpolate exclude"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        generate(tmp_path, *arguments)
    assert not list(tmp_path.iterdir())


def test_the_command_line_says_what_is_wrong_and_exits_with_2(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, said = call(capfd, "generate", "scense", "--out", tmp_path)
    assert code == 2
    assert "did you mean scenes" in said


@pytest.mark.parametrize(
    "arguments", [["--frames", 0], ["--fps", 0], ["--fps", 1001], ["--interpolate", 0]]
)
def test_films_have_frames(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[object]
) -> None:
    arguments += ["--zoom", 64, "--size", 32, "--out", tmp_path / "out"]
    code, _, said = call(capfd, "generate", "scenes", *arguments)
    assert code == 2
    assert "range" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_nothing_half_written_stays_when_it_is_stopped(tmp_path: Path) -> None:
    command_line = [sys.executable, "-m", "anyres_bench", "generate", "scenes"]
    command_line += ["--size", "8192", "--out", str(tmp_path)]
    process = subprocess.Popen(command_line, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(tmp_path.iterdir())
    for _ in range(6):  # Python drops an interrupt that falls into a destructor or a callback
        process.terminate()
        try:
            _, said = process.communicate(timeout=10)
            break
        except subprocess.TimeoutExpired:
            continue
    assert process.returncode == 130, said
    assert not list(tmp_path.iterdir())
