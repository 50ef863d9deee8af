from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from anyres_bench.core.errors import DataError, UnknownNameError
from anyres_bench.leaderboard.committed import SCENES, committed_records, read_benchmark
from anyres_bench.leaderboard.reproducing import (
    CommittedRun,
    Reproduction,
    reproduce,
    reproduction_text,
)
from anyres_bench.results.record import seal

SMALL = """
dataset = "small"
digest = "0"
collector = "houses"
n = 10
seed = 0
tasks = ["patch32-at32/precision-recall", "patch32-at32/kid"]
further = ["patch32-at32/frechet"]
[collect]
n = 24
min_size = 32
max_size = 40
seed = 3
[tolerance]
relative = 1e-4
standard_errors = 0.1
[[systems]]
name = "real"
spec = "real"
[[systems]]
name = "grey"
spec = "constant"
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark whose records are committed, and a first run's folder beside it."""
    root = tmp_path_factory.mktemp("small")
    folder = root / "scenes"
    folder.mkdir()
    (folder / "benchmark.toml").write_text(SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANYRES_BENCH_CACHE", str(root / "cache"))
        first = reproduce(CommittedRun(root / "out", "cpu"), folder)
    assert first == Reproduction((), ("real", "grey"), False)
    assert not first.fits
    for name in ("real", "grey"):
        shutil.copytree(root / "out" / "results" / name, folder / name)
    return folder


@pytest.fixture
def again(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the images are there and nothing else is."""
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    shutil.copytree(small.parent / "out" / "data", tmp_path / "out" / "data")
    return tmp_path / "out"


def test_every_committed_number_is_made_again(small: Path, again: Path) -> None:
    found = reproduce(CommittedRun(again, "cpu"), small)
    assert found.fits
    committed = {name: committed_records_of(small, name) for name in ("real", "grey")}
    n_values = sum(len(r.values) + 2 * len(r.intervals) for rs in committed.values() for r in rs)
    assert len(found.numbers) == n_values
    assert {number.made - number.committed for number in found.numbers} == {0.0}
    text = reproduction_text(found)
    assert f"{n_values} of {n_values} numbers agree" in text


def committed_records_of(folder: Path, name: str) -> list:
    (system,) = [one for one in read_benchmark(folder).systems if one.name == name]
    return list(committed_records(system, folder).values())


def test_a_number_that_differs_is_told(small: Path, again: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(small, other)
    (path,) = (other / "grey").rglob("*kid*.json")
    body = json.loads(path.read_text())
    body["values"]["kid"] *= 1.01
    body["seal"] = seal(body)
    path.write_text(json.dumps(body))
    found = reproduce(CommittedRun(again, "cpu"), other)
    assert [number.name for number in found.numbers if not number.within] == ["kid"]
    assert not found.fits
    assert "differs grey" in reproduction_text(found)
    body["values"]["kid"] *= 1.01
    path.write_text(json.dumps(body))
    with pytest.raises(DataError, match="seal"):
        reproduce(CommittedRun(again, "cpu"), other)


def test_a_share_of_images_may_move_by_as_many_as_are_allowed(
    small: Path, again: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(small, other)
    (path,) = (other / "real").rglob("*precision*.json")
    body = json.loads(path.read_text())
    body["values"]["precision"] -= 0.1  # one of ten
    body["intervals"]["precision"]["standard_error"] = 0.0
    body["seal"] = seal(body)
    path.write_text(json.dumps(body))
    for images, differ in ((0, ["precision"]), (1, [])):
        told = SMALL.replace("standard_errors = 0.1", f"standard_errors = 0.1\nimages = {images}")
        (other / "benchmark.toml").write_text(told)
        found = reproduce(CommittedRun(again, "cpu"), other)
        assert [number.name for number in found.numbers if not number.within] == differ


def test_a_fraction_is_drawn_by_its_seed(small: Path, again: Path) -> None:
    found = reproduce(CommittedRun(again, "cpu", fraction=0.25, seed=1), small)
    assert found.fits
    assert len({(number.system, number.task) for number in found.numbers}) == 1
    other = [
        reproduce(CommittedRun(again, "cpu", fraction=0.25, seed=seed), small) for seed in (1, 2, 3)
    ]
    assert other[0].numbers == found.numbers
    assert len({one.numbers[0].task + one.numbers[0].system for one in other}) > 1


def test_a_system_by_its_name(small: Path, again: Path) -> None:
    found = reproduce(CommittedRun(again, "cpu", only=("grey",)), small)
    assert found.fits
    assert {number.system for number in found.numbers} == {"grey"}
    with pytest.raises(UnknownNameError, match="did you mean grey"):
        reproduce(CommittedRun(again, "cpu", only=("gray",)), small)


@pytest.mark.slow
def test_a_part_of_the_committed_table_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    part = CommittedRun(tmp_path / "out", "cpu", fraction=0.15, seed=1)
    every_task = CommittedRun(tmp_path / "out", "cpu", only=("real",))
    for run in (part, every_task):
        found = reproduce(run)
        assert found.fits, reproduction_text(found)
        assert found.same_images
    benchmark = read_benchmark(SCENES)
    assert len({number.task for number in found.numbers}) == len(
        benchmark.tasks + benchmark.further
    )
