from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.evaluation.requests import Request
from anyres_bench.evaluation.running import EvaluationOptions
from anyres_bench.leaderboard.paper import PaperCell, PaperModel, paper_cells
from anyres_bench.leaderboard.paper_runs import (
    MeasuredCell,
    measure_cells,
    measured_text,
    sample_cells,
)
from anyres_bench.results import Task
from anyres_bench.results.claims import Claim
from tests.fakes import write_dataset

TASK = Task("faces", "patch32-at40", "frechet-ddof1", "builtin-v1", 12)
CLAIM = Claim("Grey", "Faces", "FID", "40", 10.0, "", "as stated", "a paper", "A", TASK.id)


def cell() -> PaperCell:
    model = PaperModel("Grey", "faces", "constant", (), "")
    return PaperCell("Grey", "faces", "FID 40", model, TASK, CLAIM)


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[MeasuredCell]:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    data = write_dataset(tmp_path / "faces", [(44, 48)] * 16, name="faces").folder
    how = EvaluationOptions(tmp_path / "out", n_workers=0)
    return list(measure_cells([cell()], {"faces": data}, Request(()), how))


def test_a_cell_stands_beside_the_published_number(measured: list[MeasuredCell]) -> None:
    (one,) = measured
    assert one.result is not None
    assert one.name == "frechet"
    text = measured_text(measured)
    assert "published 10, measured" in text
    assert "difference +" in text
    assert "outside the interval" in text
    assert "not measured: too few" in measured_text([MeasuredCell(cell(), None, "too few")])


def test_another_dataset_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    data = write_dataset(tmp_path / "mine", [(44, 48)] * 16, name="mine").folder
    how = EvaluationOptions(tmp_path / "out", n_workers=0)
    found = list(measure_cells([cell()], {"faces": data}, Request(()), how))
    assert "not to be compared: the dataset here is mine" in measured_text(found)


def test_samples_of_cells_are_seeded() -> None:
    cells = [one for one in paper_cells() if one.task]
    assert sample_cells(cells, 1.0, 0) == cells
    some = sample_cells(cells, 0.25, 1)
    assert len(some) == 6
    assert some == sample_cells(cells, 0.25, 1) != sample_cells(cells, 0.25, 2)
    assert [cells.index(one) for one in some] == sorted(cells.index(one) for one in some)
