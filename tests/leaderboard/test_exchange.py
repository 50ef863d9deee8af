from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path

import mlcroissant
import pytest
import yaml

from anyres_bench.core.errors import UsageError
from anyres_bench.core.files import sha256_file
from anyres_bench.leaderboard.exchange import HubBenchmark, export_results, task_name
from anyres_bench.results import Result
from tests.leaderboard.submitted import results_of
from tests.results.records import dataset

BENCHMARK = HubBenchmark("me/scenes", "Scenes", "CC0-1.0", "https://example.org/board")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    return [*results_of("mine"), *results_of("theirs/b:1")]


def test_every_number_has_a_task_of_the_registration(results: list[Result], tmp_path: Path) -> None:
    names = export_results(results, BENCHMARK, tmp_path / "hub")
    assert names == [
        "dataset/croissant.json",
        "dataset/eval.yaml",
        "dataset/results.csv",
        "models/mine/.eval_results/anyres-bench.yaml",
        "models/theirs-b-1/.eval_results/anyres-bench.yaml",
    ]
    registered = yaml.safe_load((tmp_path / "hub" / "dataset" / "eval.yaml").read_text())
    assert registered.keys() == {"name", "description", "evaluation_framework", "tasks"}
    ids = {task["id"] for task in registered["tasks"]}
    assert len(ids) == len(registered["tasks"]) == 3  # frechet, precision, recall
    for model in ("mine", "theirs-b-1"):
        path = tmp_path / "hub" / "models" / model / ".eval_results" / "anyres-bench.yaml"
        entries = yaml.safe_load(path.read_text())
        assert {entry["dataset"]["task_id"] for entry in entries} == ids
        assert {entry["dataset"]["id"] for entry in entries} == {"me/scenes"}
        own = {v for r in results if r.model.id.startswith(model[:4]) for v in r.values.values()}
        assert {entry["value"] for entry in entries} <= own
        assert all(entry["source"]["url"] == BENCHMARK.source for entry in entries)
        assert all(results[0].task.split("@")[0].split("/")[0] in e["notes"] for e in entries)


def test_several_scores_of_one_task_have_a_file_each(results: list[Result], tmp_path: Path) -> None:
    """The Hub has one score a task and file."""
    other = replace(results[0], dataset=dataset("9" * 64))
    several = [results[0], replace(results[0], seed=7), other]
    names = [
        name for name in export_results(several, BENCHMARK, tmp_path / "hub") if "eval_r" in name
    ]
    folder = "models/mine/.eval_results/anyres-bench"
    assert names == [
        f"{folder}-seed0-00000000.yaml",
        f"{folder}-seed0-99999999.yaml",
        f"{folder}-seed7-00000000.yaml",
    ]
    for name in names:
        (entry,) = yaml.safe_load((tmp_path / "hub" / name).read_text())
        assert f"seed {7 if 'seed7' in name else 0}" in entry["notes"]


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_croissant_is_valid_and_reads_the_table(results: list[Result], tmp_path: Path) -> None:
    export_results(results, BENCHMARK, tmp_path / "hub")
    folder = tmp_path / "hub" / "dataset"
    body = json.loads((folder / "croissant.json").read_text())
    assert body["distribution"][0]["sha256"] == sha256_file(folder / "results.csv")
    described = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert not described.metadata.issues.errors
    assert not [text for text in described.metadata.issues.warnings if "datePublished" in text]
    assert datetime.date.fromisoformat(body["datePublished"])
    rows = list(described.records("results"))
    assert len(rows) == 6
    assert rows[0]["results/model"] == b"mine"
    assert rows[0]["results/value"] == pytest.approx(next(iter(results[0].values.values())))


def test_what_is_wrong_is_said(results: list[Result], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ORGANISATION/NAME"):
        HubBenchmark("scenes", "t", "CC0-1.0")
    with pytest.raises(UsageError, match="https"):
        HubBenchmark("me/scenes", "t", "CC0-1.0", "javascript:alert(1)")
    with pytest.raises(UsageError, match="no results"):
        export_results([], BENCHMARK, tmp_path / "hub")
    twin = replace(results[0], model=replace(results[0].model, id="mine!"))
    with pytest.raises(UsageError, match="share a name"):
        export_results([results[0], twin], BENCHMARK, tmp_path / "hub")
    assert not (tmp_path / "hub").exists()


def test_hostile_text_stays_text(results: list[Result], tmp_path: Path) -> None:
    bare = replace(results[0], intervals={}, values={"frechet": 1e-05})
    *_, name = export_results([bare], BENCHMARK, tmp_path / "bare")
    (entry,) = yaml.safe_load((tmp_path / "bare" / name).read_text())
    assert entry["value"] == 1e-05
    assert entry["notes"] == f"{bare.task}, frechet, seed 0"
    hostile = replace(results[0], model=replace(results[0].model, id="../../x: [!!python/a]\n- b"))
    names = export_results([hostile], BENCHMARK, tmp_path / "hub")
    assert "models/x-python-a-b/.eval_results/anyres-bench.yaml" in names
    path = tmp_path / "hub" / names[-1]
    assert path.resolve().is_relative_to(tmp_path / "hub")
    assert yaml.safe_load(path.read_text())[0]["value"] == results[0].values["frechet"]
    up = replace(results[0], model=replace(results[0].model, id=".."))
    (name,) = [n for n in export_results([up], BENCHMARK, tmp_path / "up") if "models" in n]
    assert len(name.split("/")[1]) == 12


def test_long_names_fit_on_a_disk(results: list[Result], tmp_path: Path) -> None:
    long = [
        replace(results[0], model=replace(results[0].model, id="m" * 300 + end)) for end in "ab"
    ]
    names = [n for n in export_results(long, BENCHMARK, tmp_path / "hub") if "models" in n]
    assert len(names) == 2
    assert max(len(part) for name in names for part in name.split("/")) < 200


def test_names_of_tasks() -> None:
    task = "photos:half/anyres-full64/kid/builtin-v1/n100@1"
    assert task_name(task, "kid") != task_name(task.replace("@1", "@2"), "kid")
