"""`compare` says how far apart two folders of images are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from anyres_bench.results import read_results
from tests.cli.calls import call
from tests.fakes import write_dataset


def test_two_folders_of_any_sizes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    a = write_dataset(tmp_path / "a", [(40 + i, 50) for i in range(12)]).folder
    b = write_dataset(tmp_path / "b", [(50, 40 + i) for i in range(12)]).folder
    out = tmp_path / "results"
    code, text, err = call(
        capfd, "compare", a, b, "--metric", "frechet", "--size", 32, "--out", out
    )
    assert code == 0, err
    [result] = read_results([out]).results
    assert result.task in text
    assert result.values["frechet"] >= 0


def test_folders_that_are_not_there_and_too_small_a_size(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for arguments in ((tmp_path, tmp_path / "none"), (tmp_path, tmp_path, "--size", 16)):
        code, out, err = call(capfd, "compare", *arguments)
        assert (code, out) == (2, "")
        assert "none" in err or "x>=32" in err


def test_images_too_small_are_left_out_on_either_side(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    sizes = [(40 + i, 50) for i in range(11)] + [(20, 50)]
    folders = [write_dataset(tmp_path / name, sizes).folder for name in ("a", "b")]
    for one, other in (folders, folders[::-1]):
        code, text, err = call(
            capfd, "compare", one, other, "--metric", "frechet", "--out", tmp_path / "r"
        )
        assert code == 0, err
        assert "n11@1" in text


def test_numbers_that_came_are_shown_beside_those_that_did_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    made = write_dataset(tmp_path / "made", [(40, 50), (41, 50)])
    for name in ("fid-full256", "fid-full256:half"):  # that tasks have meanings for
        (tmp_path / name).mkdir()
        for record in made.manifest:
            shutil.copy(made.path(record), tmp_path / name)
        code, text, err = call(
            capfd, "compare", tmp_path / name, made.folder, "--out", tmp_path / "results"
        )
        assert code == 1
        assert "frechet" in text
        assert "precision-recall" in err
        assert "use more images" in err
