"""What Python users call: one path for them and for the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import anyres_bench as ab
from anyres_bench.core.errors import MetricError, UnknownNameError, UsageError
from anyres_bench.core.reporting import report_to
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.api import Results, compare, evaluate
from anyres_bench.evaluation.requests import Request
from anyres_bench.evaluation.running import EvaluationOptions, run_request
from tests.fakes import Waves, write_dataset
from tests.reporters import Recorder

TASK = "patch32-at40/frechet"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_dataset(tmp_path_factory.mktemp("photos"), [(48, 60)] * 12)


def test_a_generator_and_a_request_give_the_same_record(photos: Dataset, tmp_path: Path) -> None:
    found = evaluate(Waves(), photos, TASK, n=8, out=tmp_path / "a")
    how = EvaluationOptions(tmp_path / "b", batch_size=3, n_workers=0)
    outcome = run_request(Waves(), photos.folder, Request((TASK,), None, 8, "cpu"), {}, how)
    assert [r.values for r in found] == [r.values for r in outcome.results]
    assert not outcome.failures
    outcome.check()
    assert isinstance(found, Results)
    assert list(found.to_frame()["name"]) == ["frechet"]


def test_a_model_that_was_changed_is_measured_again(photos: Dataset, tmp_path: Path) -> None:
    """As in a training loop, or where its class was written anew under the same name."""
    network = torch.nn.Linear(8, 3 * 40 * 40)
    model = ab.FixedSize(lambda z: network(z).tanh().view(-1, 3, 40, 40), 40, z_dim=8)
    found = [evaluate(model, photos, TASK, n=8, out=tmp_path)[0]]
    with torch.no_grad():
        network.weight.zero_()
    found += [evaluate(model, photos, TASK, n=8, out=tmp_path)[0] for _ in range(2)]
    assert found[0].values != found[1].values
    assert found[1] == found[2]  # the last one was kept


def test_a_task_without_a_number_is_told_after_the_others(photos: Dataset, tmp_path: Path) -> None:
    with pytest.raises(MetricError, match="these tasks have no number:\n  tiny"):
        evaluate(Waves(), photos, [TASK, "patch32-at40/fd-infinity"], n=8, out=tmp_path / "results")
    assert len(list((tmp_path / "results").rglob("*.json"))) == 1


def test_kept_results_without_a_seal_are_said(photos: Dataset, tmp_path: Path) -> None:
    """Records of schema 1, as an earlier version wrote them, are kept, and not in silence."""
    tasks, out = [TASK, "patch32-at40/kid"], tmp_path / "results"
    evaluate(Waves(), photos, tasks, n=8, out=out)
    for path in out.rglob("*.json"):
        body = json.loads(path.read_text())
        del body["seal"]
        path.write_text(json.dumps(body | {"schema": 1, "device": "cpu"}))
    said = Recorder()
    with report_to(said):
        evaluate(Waves(), photos, tasks, n=8, out=out)
    [line] = [text for text in said.said if "seal" in text]
    assert line.startswith(f"{out}: results written before records had a seal (schema 1): 2;")
    with report_to(said := Recorder()):
        evaluate(Waves(), photos, tasks, n=8, out=out, fresh=True)
        evaluate(Waves(), photos, tasks, n=8, out=out)
    assert not [text for text in said.said if "seal" in text]


def test_a_metric_of_three_sets_says_what_compare_lacks(tmp_path: Path) -> None:
    for name in "ab":
        write_dataset(tmp_path / name, [(64, 64)] * 6)
    with pytest.raises(UsageError, match=r"copying-cells5 also looks at .* `collect folder`"):
        compare(tmp_path / "a", tmp_path / "b", metrics="copying", out=tmp_path / "out")


def test_folders_of_small_images_are_not_compared(tmp_path: Path) -> None:
    small = write_dataset(tmp_path / "a", [(20, 40)] * 4).folder
    with pytest.raises(UsageError, match="32 px are the least"):
        compare(small, small, out=tmp_path / "results")


@pytest.mark.parametrize("bad", [{"n": -1}, {"n": 1}, {"batch_size": 0}, {"workers": -1}])
def test_numbers_that_nothing_can_be_done_with_are_refused(
    photos: Dataset, tmp_path: Path, bad: dict[str, int]
) -> None:
    [(name, value)] = bad.items()
    with pytest.raises(UsageError, match=f"{name} is {value}; expected"):
        evaluate(Waves(), photos, TASK, out=tmp_path, **bad)


@pytest.mark.parametrize("name", ["n", "seed", "batch_size", "workers"])
def test_what_is_no_whole_number_is_told_before_anything_is_measured(
    photos: Dataset, tmp_path: Path, name: str
) -> None:
    """A seed of 1.5 was measured, and left a record that nothing could read again."""
    with pytest.raises(UsageError, match=f"{name} is 9.5; expected a whole number"):
        evaluate(Waves(), photos, TASK, **{"n": 8, "out": tmp_path} | {name: 9.5})
    assert not any(tmp_path.iterdir())


def test_whole_numbers_of_numpy_are_taken(photos: Dataset, tmp_path: Path) -> None:
    evaluate(Waves(), photos, TASK, n=np.int64(8), seed=np.int64(3), out=tmp_path)
    [kept] = ab.read_results(tmp_path)
    assert kept.seed == 3


def test_nothing_asked_for_is_no_success(photos: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="suite is empty"):
        evaluate(Waves(), photos, [], n=8, out=tmp_path)
    with pytest.raises(UsageError, match="metrics is empty"):
        compare(photos.folder / "images", photos.folder / "images", metrics=[], out=tmp_path)


def test_one_metric_may_be_named_alone(photos: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown metric 'frechett'"):
        compare(photos.folder, photos.folder, metrics="frechett", size=32, out=tmp_path)
