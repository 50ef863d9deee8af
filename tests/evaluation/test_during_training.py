"""The averaged model is measured while it is trained, as `evaluate` would measure it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.splits import reference_and_held_out
from anyres_bench.evaluation.during_training import TaskRequest, plan_evaluation
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.recipe import AnyResConfig, AnyResRecipe
from anyres_bench.results import read_results
from anyres_bench.training.config import LoopConfig
from anyres_bench.training.items import ImageItems, SourceConfig
from anyres_bench.training.loop import Evaluation
from tests.fakes import write_dataset

ROOT = Path(__file__).resolve().parents[2]
SIZES = [(48 + 2 * i, 50 + 4 * (i % 5)) for i in range(20)]
TASK = "patch32-at40/frechet"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    return str(write_dataset(tmp_path / "tiny", SIZES).folder)


def config(data: str) -> AnyResConfig:
    tiny = {"z_dim": 8, "w_dim": 8, "n_layers": 3, "channel_base": 64, "channel_max": 8}
    sources = (SourceConfig(dataset=data, split="train"),)
    return AnyResConfig(generator=GeneratorConfig(16, **tiny, margin=2), sources=sources)


def plan(model: Any, folder: Path, task: str = TASK, dataset: Path | None = None) -> Evaluation:
    return plan_evaluation(TaskRequest(task, dataset, 20), model, folder)


def test_a_model_in_training_is_measured_by_a_task(data: str, tmp_path: Path) -> None:
    evaluation = plan(config(data), tmp_path / "run")
    assert evaluation.task.startswith("tiny:half/patch32-at40/frechet-ddof1/builtin")
    assert (evaluation.best_by, evaluation.higher_is_better) == ("frechet", False)
    recipe = AnyResRecipe(config(data), LoopConfig(batch=4, micro_batch=4))
    generator = recipe.generator(recipe.generator_network)
    values = evaluation.measure(generator)
    [record] = read_results([tmp_path / "run" / "results"]).results
    assert (record.task, record.model.id) == (evaluation.task, generator.id)
    assert values["frechet"] == record.values["frechet"]
    assert evaluation.measure(generator) == values


def test_other_tasks_have_other_directions(data: str, tmp_path: Path) -> None:
    [coverage, other] = [
        plan(object(), tmp_path, f"patch32-at40/{metric}", Path(data))
        for metric in ("precision-recall", "kid")
    ]
    assert (coverage.higher_is_better, other.higher_is_better) == (True, False)


def test_what_cannot_be_measured_is_said_before_training(data: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--task-dataset"):
        plan(object(), tmp_path)
    with pytest.raises(UsageError, match="too small for builtin"):
        plan(config(data), tmp_path, "patch16-at32/frechet")
    with pytest.raises(DatasetError, match="0 of 10 are that large"):
        plan(config(data), tmp_path, "patch32-at999/frechet")
    with pytest.raises(UsageError, match="name one"):
        plan(config(data), tmp_path, "quick")


def test_the_reference_is_not_trained_on(data: str) -> None:
    dataset, protocol = Dataset.read(Path(data)), protocol_from("patch32-at40")
    reference, held_out = reference_and_held_out(dataset, "tiny:half", protocol)
    assert held_out is not None
    digests = {
        split: ImageItems((SourceConfig(dataset=data, split=split),), 16, 4, 0).digests["tiny"]
        for split in ("train", "all")
    }
    assert digests == {"train": held_out.digest, "all": dataset.digest}
    assert not {r.sha256 for r in reference.manifest} & {r.sha256 for r in held_out.manifest}


def train(out: Path, data: str, kimg: float, launcher: tuple[str, ...] = ("-m",)) -> None:
    small = {"loop.total_kimg": kimg, "loop.batch": 8, "loop.micro_batch": 4}
    small |= {"loop.kimg_per_tick": 0.008, "loop.evaluate_ticks": 1, "loop.checkpoint_ticks": 1}
    small |= {"loop.sample_ticks": 0, "model.generator.channel_max": 8}
    options = [f"--set={key}={value}" for key, value in small.items()]
    command = [sys.executable, *launcher, "anyres_bench", "train", str(out), "--data", data]
    command += ["--preset", "scenes-tiny", "--stage", "global", *options]
    command += ["--task", "patch32-at40/frechet", "--task-n", "24"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=ROOT, env=env, check=True, timeout=110)


def points(out: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((out / "global" / "evaluation.json").read_text())[
        "points"
    ]
    return found


@pytest.mark.slow
def test_a_run_is_measured_and_goes_on(data: str, tmp_path: Path) -> None:
    train(tmp_path / "one", data, 0.008)
    train(tmp_path / "one", data, 0.016)
    curve = points(tmp_path / "one")
    assert [point["images"] for point in curve] == [8, 16]
    assert curve[0]["seconds"] < curve[1]["seconds"]
    best = json.loads((tmp_path / "one" / "global" / "best" / "checkpoint.json").read_text())
    least = min(curve, key=lambda point: point["scores"]["frechet"])
    assert best["training"]["best"]["value"] == least["scores"]["frechet"]
    assert best["training"]["images_seen"] == least["images"]


@pytest.mark.slow
def test_two_processes_measure_what_one_does(data: str, tmp_path: Path) -> None:
    train(tmp_path / "one", data, 0.008)
    ranks = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
    train(tmp_path / "two", data, 0.008, ranks)
    [one], [two] = points(tmp_path / "one"), points(tmp_path / "two")
    assert one["task"] == two["task"]
    assert two["scores"]["frechet"] == pytest.approx(one["scores"]["frechet"], rel=1e-3)
