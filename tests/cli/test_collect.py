"""`collect`, `inspect` and `export` from the command line, as people call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from anyres_bench.cli.main import main
from anyres_bench.data.dataset import Dataset
from tests.cli.calls import call
from tests.servers import ImageHost, photo, serve

ROOT = Path(__file__).parents[2]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of the command line."""
    code = 0
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(5):
        (folder / f"{i}.jpg").write_bytes(photo(i, 60 + 30 * i, 80 + 20 * i))
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_from_a_folder_to_an_export(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    code, text, bar = run(
        capsys, "collect", "folder", photos, out, "--processes", 1, "--licence", "CC0-1.0"
    )
    assert code == 0
    assert "data: 5 images in" in text
    assert "1 left out: not-an-image" in text
    assert not bar  # no terminal, and done within a minute

    plot = tmp_path / "plot.png"
    code, text, _ = run(capsys, "inspect", out, "--plot", plot, "--verify")
    assert code == 0
    for words in ("5 images", "CC0-1.0", "shorter side in pixels", "1  not-an-image", "median"):
        assert words in text, words
    assert Image.open(plot).size[0] > 800
    code, text, _ = run(capsys, "inspect", out, "--json")
    numbers = json.loads(text)
    assert (numbers["images"], numbers["rejects"]) == (5, {"not-an-image": 1})
    assert sum(n for _, n in numbers["histograms"]["megapixels"]) == 5

    code, text, _ = run(capsys, "export", out, "stylegan-zip", tmp_path / "d.zip")
    assert (code, (tmp_path / "d.zip").exists()) == (0, True)
    code, _, error = run(capsys, "export", out, "stylegan-zip", tmp_path / "d")
    assert (code, "does not end in .zip" in error) == (2, True)
    code, _, error = run(capsys, "inspect", out, "--plot", tmp_path / "p.bmp")
    assert (code, "ends in .png" in error) == (2, True)

    record = Dataset.read(out).manifest[0]
    (out / record.file_name).write_bytes(b"changed")
    code, _, error = run(capsys, "inspect", out, "--verify")
    assert (code, "1 of 5 files are missing or changed" in error) == (1, True)


def test_a_dry_run_asks_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(ImageHost()) as host:
        (tmp_path / "l.txt").write_text("\n".join(host.url(f"/{i}") for i in range(120)))
        code, text, _ = run(
            *(capsys, "collect", "urls", tmp_path / "l.txt", tmp_path / "out", "--dry-run"),
            "--allow-private",
        )
        assert code == 0
        assert "120 would be obtained" in text
        assert "120 host 127.0.0.1" in text
        assert not host.hits
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("collect", "folderr", "a", "b"), "did you mean folder"),
        (("collect", "folder", "nowhere", "{out}"), "is no folder"),
        (("collect", "scenes", "{out}", "--n", "0"), "n is 0"),
        (("collect", "scenes", "{out}", "--measure", "everything"), "unknown measure"),
        (("collect", "urls", "nowhere.txt", "{out}"), "there is no list"),
        (("collect", "scenes", "{out}", "--ray-address", "a:1"), "needs --engine ray"),
    ],
)
def test_wrong_calls_are_said_and_leave_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    filled = [part.format(out=tmp_path / "out") for part in arguments]
    code, _, error = run(capsys, *filled)
    assert code == 2
    assert message in error
    assert not (tmp_path / "out").exists()


def test_help_is_made_of_the_collector(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "collect", "urls", "--help")
    assert code == 0
    for words in ("PATH OUT", "FIELD=COLUMN", "--near-duplicates", "--engine [local|ray]"):
        assert words in text, words
    assert "allow-private" not in text


@pytest.mark.slow
def test_the_same_folder_under_any_locale(tmp_path: Path) -> None:
    """Names of files and arguments are bytes, which are read as UTF-8 wherever they can be."""
    for i, name in enumerate(["é.jpg", "z.jpg", "größe/日本.jpg", "größe/\U0001f600.jpg"]):
        path = tmp_path / "bücher" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(i))
    (tmp_path / "bücher" / os.fsdecode(b"\xe9.jpg")).write_bytes(photo(9))
    command = [sys.executable, "-m", "anyres_bench", "collect", "folder", "bücher"]
    options = ["--labels", "--author", "Jürgen", "--source", "größe", "--measure", "header"]
    ascii_ = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for out, locale in (("a/ü", {}), ("b/ü", ascii_), ("c/ü", {"PYTHONUTF8": "1"})):
        (tmp_path / out).parent.mkdir()
        env = {**os.environ, "PYTHONPATH": str(ROOT), **locale}
        subprocess.run([*command, out, *options], cwd=tmp_path, env=env, check=True, timeout=120)
    made = [(tmp_path / out / "ü" / "dataset.json").read_bytes() for out in "abc"]
    assert made[0] == made[1] == made[2]
    assert "Jürgen" in json.loads(made[0])["recipe"]["author"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ffhq6k", ["LIST", "drive.google.com", "267,793,842 bytes", "955 GB"]),
        ("flickr", ["DOMAIN", "flickr_birds_HR.txt", "137,231 bytes", "mountains has none"]),
        ("folder", ["PATH", "Folder of images", "collect folder ~/photographs"]),
        ("scenes", ["OUT", "collect scenes data/scenes"]),
    ],
)
def test_a_missing_argument_is_told_what_it_is(
    capsys: pytest.CaptureFixture[str], name: str, told: list[str]
) -> None:
    code, _, err = run(capsys, "collect", name)
    assert code == 2
    assert [text for text in ["Missing argument", *told] if text not in err] == []


def test_the_help_says_who_wants_licences_named(capfd: pytest.CaptureFixture[str]) -> None:
    for name, said in (("flickr", "[required, but for a dry run]"), ("urls", "[default: all]")):
        assert said in " ".join(call(capfd, "collect", name, "--help")[1].split())
