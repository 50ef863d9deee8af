"""From a request to results, and what that would take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.reporting import report_to
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.requests import Request
from anyres_bench.evaluation.running import EvaluationOptions, forecast_request, run_request
from tests.fakes import Waves, write_dataset
from tests.reporters import Recorder

TASK = "patch32-at40/frechet"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_dataset(tmp_path_factory.mktemp("photos"), [(48, 60)] * 12)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (torch.nn.Linear(2, 2), {}, "FixedSize"),
        (7, {}, r"your_model\.md"),
        (Waves(), {"psi": "1"}, "options are of a model given by its spec"),
    ],
)
def test_what_is_no_model_is_told_what_to_wrap_it_in(
    photos: Dataset, tmp_path: Path, model: Any, options: dict[str, str], message: str
) -> None:
    how = EvaluationOptions(tmp_path)
    with pytest.raises(UsageError, match=message):
        run_request(model, photos, Request((TASK,), None, 8, "cpu"), options, how)


def test_records_go_where_they_were_asked_for_also_when_the_model_goes_elsewhere(
    photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()

    class Wanderer(Waves):
        def sample(self, *arguments: Any) -> torch.Tensor:
            os.chdir(tmp_path / "elsewhere")
            return super().sample(*arguments)

    request, how = Request((TASK,), None, 8, "cpu"), EvaluationOptions(Path("out"), n_workers=0)
    run_request(Wanderer(), photos, request, {}, how)
    assert list(tmp_path.glob("out/*/*.json"))
    assert not any((tmp_path / "elsewhere").iterdir())


def test_nothing_is_remembered_for_gradients_while_pictures_are_measured(
    photos: Dataset, tmp_path: Path
) -> None:
    recorded = []

    class Trained(Waves):
        def sample(self, *arguments: Any) -> torch.Tensor:
            images = super().sample(*arguments) * torch.nn.Parameter(torch.ones(()))
            recorded.append(images.requires_grad)
            return images.detach()

    request, how = Request((TASK,), None, 8, "cpu"), EvaluationOptions(tmp_path, n_workers=0)
    run_request(Trained(), photos, request, {}, how)
    assert not any(recorded[-2:])  # the first ones take the fingerprint


def test_a_forecast_writes_nothing_and_what_was_measured_is_kept_and_told(
    photos: Dataset, tmp_path: Path
) -> None:
    request, how = (
        Request((TASK,), None, 8, "cpu"),
        EvaluationOptions(tmp_path / "out", n_workers=0),
    )
    assert TASK in forecast_request(Waves(), photos, request, {}, how)
    assert not how.out.exists()
    first = run_request(Waves(), photos, request, {}, how)
    recorder = Recorder()
    with report_to(recorder):
        again = run_request(Waves(), photos, request, {}, how)
    assert (len(first.kept), len(again.kept)) == (0, 1)
    assert any("1 of 1 tasks were measured before" in line for line in recorder.said)
