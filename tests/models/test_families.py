"""One registry of families: a new one is one folder, and one line or an entry point."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.registry import Registry
from anyres_bench.models import families
from anyres_bench.models.contract import check_contract
from anyres_bench.models.families import FAMILIES, PARTS, Family, parts, published_weights
from anyres_bench.models.loading import load
from tests.commands import run
from tests.fakes import write_dataset

ELSEWHERE = {"anyres": "reference", "navit-mae": "tilers.navit_mae"}
LINES = {
    name: f"anyres_bench.{ELSEWHERE.get(name, f'baselines.{name}')}:FAMILY" for name in FAMILIES
}


def use(monkeypatch: pytest.MonkeyPatch, group: str | None = None, **more: str) -> None:
    """The families of this package and other ones."""
    registry = Registry("model family", {**LINES, **more}, entry_points=group)
    monkeypatch.setattr(families, "FAMILIES", registry)


def test_everything_that_a_family_names_is_there() -> None:
    assert set(LINES) == {
        "anycost",
        "anyres",
        "infinitygan",
        "liif",
        "mspe",
        "navit-mae",
        "realesrgan",
        "resamplers",
        "stylegan2",
    }
    for part in PARTS:
        registry = parts(part)
        assert len(list(registry)) > 1
        assert all(callable(registry.get(name)) for name in registry)
    assert {"stylegan3-t-ffhqu-256x256", "liif-rdn"} <= set(published_weights())


@pytest.mark.slow
@pytest.mark.parametrize("way", ["a line", "an entry point"])
def test_a_new_family_is_one_folder_and(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is loaded, listed, trained, evaluated and drawn from."""
    if way == "a line":
        use(monkeypatch, toy="tests.models.toy_family:FAMILY")
    else:
        about = tmp_path / "site" / "toy-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
        entry = "[anyres_bench.families]\ntoy = tests.models.toy_family:FAMILY\n"
        (about / "entry_points.txt").write_text(entry)
        monkeypatch.syspath_prepend(tmp_path / "site")
        use(monkeypatch, "anyres_bench.families")
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    assert check_contract(load("toy", {"frequency": "2"})).off_grid_max < 1e-5
    with pytest.raises(UsageError, match="its options: frequency"):
        load("toy", {"weights": "x"})

    data = str(write_dataset(tmp_path / "tiny", [(48 + i, 50) for i in range(12)]).folder)
    out = tmp_path / "run"
    run("train", out, "--preset", "toy-tiny", "--data", data)
    [model] = (out / "run").glob("ema-*")
    assert (out / "run" / "samples").is_dir()
    capsys.readouterr()
    evaluate = ("evaluate", model, "--dataset", data, "--suite", "patch32-at40/frechet")
    run(*evaluate, "--n", 12, "--out", tmp_path / "results", "--json")
    [record] = json.loads(capsys.readouterr().out)
    assert record["model"]["id"].startswith("toy@")
    assert record["device"] == {"model": "cpu", "extractor": "cpu"}
    run("generate", model, "--size", 24, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "seed0000.png").is_file()
    run("convert", "--list")
    assert "toy-file" in capsys.readouterr().out


def test_single_parts_of_other_packages_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "old-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: old\nVersion: 1.0\n")
    entry = "[anyres_bench.baselines]\nold = tests.models.toy_family.generator:build\n"
    (about / "entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(tmp_path)
    assert load("old").id == "toy+3"


def test_a_name_has_one_family(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = dataclasses.replace(families.FAMILIES.get("liif"), package="tests.models.toy_family")
    monkeypatch.setattr("tests.models.toy_family.FAMILY", twin)
    use(monkeypatch, twin="tests.models.toy_family:FAMILY", liif="tests.models.toy_family:FAMILY")
    with pytest.raises(UsageError, match="'liif' is offered twice"):
        parts("specs")
    assert isinstance(twin, Family)


def test_what_is_no_family_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, odd="tests.models.toy_family.weights:WEIGHTS")
    with pytest.raises(UsageError, match="'odd' is a tuple"):
        parts("specs")
