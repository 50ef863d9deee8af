from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from anyres_bench.core.errors import DatasetError, UnknownNameError
from anyres_bench.leaderboard.paper import paper_table
from anyres_bench.leaderboard.plan import missing, plan_paper, ready
from anyres_bench.models.families import published_weights
from tests.fakes import write_dataset


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))


def twice_as_slow(device: str) -> float:
    return 2 * paper_table().costs.probe


def test_on_a_machine_without_anything_all_is_missing() -> None:
    plan = plan_paper({}, "cpu", twice_as_slow)
    assert len(plan.cells) == 25
    assert not ready(plan)
    assert list(missing(plan)) == list(plan.needs)
    for need in plan.needs:
        assert need.licence
        assert need.address or need.state == "not known"
        assert need.where


def test_hours_are_of_this_machine() -> None:
    plan = plan_paper({}, "cpu", twice_as_slow)
    (one,) = [c for c in plan.cells if c.cell.value == "3.34"]
    costs = paper_table().costs
    assert one.hours == pytest.approx(2 * 50_000 * (12.9 + costs.extractor) / 3600)
    faces = 2 * 140_000 * (1.05 * costs.megapixel + costs.extractor) / 3600
    assert plan.reading["ffhq6k/anyres-full256"] == pytest.approx(faces)
    assert plan.hours == pytest.approx(
        sum(plan.reading.values()) + sum(c.hours for c in plan.cells if c.hours)
    )


def test_canvases_of_the_reference_are_put_together_as_the_paper_did() -> None:
    plan = plan_paper({}, "cpu", twice_as_slow)
    commands = [c.command for c in plan.cells if c.cell.system == "AnyRes-GAN" and c.command]
    assert len(commands) == 12
    assert all(" --option assembly=official " in command for command in commands)


def test_commands_take_folders_with_spaces(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "my faces", [(40, 44)] * 4).folder
    plan = plan_paper({"ffhq6k": data}, "cpu", twice_as_slow)
    (one,) = [c.command for c in plan.cells if c.cell.value == "3.34"]
    words = shlex.split(one)
    assert words[words.index("--dataset") + 1] == str(data)


def test_a_cell_is_ready_when_its_three_parts_are_here(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "faces", [(40, 44)] * 4).folder
    for name in ("anyres-ffhq6k", "mspe-f"):
        path = published_weights()[name].path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    plan = plan_paper({"ffhq6k": data}, "cpu", twice_as_slow)
    assert not ready(plan)
    need = next(n for n in plan.needs if n.name == "inception-v3-torchscript")
    Path(need.where).touch()
    found = ready(plan_paper({"ffhq6k": data}, "cpu", twice_as_slow))
    assert {one.cell.system for one in found} == {"AnyRes-GAN", "MS-PE"}
    assert all(f"--dataset {data} " in one.command for one in found)


def test_datasets_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="church"):
        plan_paper({"churches": tmp_path}, "cpu", twice_as_slow)
    with pytest.raises(DatasetError):
        plan_paper({"church": tmp_path}, "cpu", twice_as_slow)
