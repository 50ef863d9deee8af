"""The folder of a run: what is due, what is logged, what is kept, and stop requests."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from anyres_bench.models.checkpoint import Checkpoint, read_checkpoint
from anyres_bench.training.config import LoopConfig
from anyres_bench.training.run_folder import BEST, CURVE, RunFolder, exports, stop_requests

CONFIG = LoopConfig(
    batch=10, micro_batch=5, kimg_per_tick=0.02, checkpoint_ticks=2, sample_ticks=0,
    evaluate_ticks=3, keep=2,
)  # fmt: skip


def checkpoint(value: float) -> Checkpoint:
    return Checkpoint("toy", {}, {"w": torch.tensor([value])}, "CC0-1.0", {}, {})


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_ticks_are_counted_in_images_and_all_is_due_at_the_end(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, CONFIG)
    due = [run.due(step, last=False) for step in range(1, 13)]
    assert [step for step, d in enumerate(due, 1) if d.tick] == [2, 4, 6, 8, 10, 12]
    assert [step for step, d in enumerate(due, 1) if d.checkpoint] == [4, 8, 12]
    assert [step for step, d in enumerate(due, 1) if d.evaluation] == [6, 12]
    assert not any(d.samples for d in due)
    last = run.due(1, last=True)
    assert (last.tick, last.samples, last.evaluation, last.checkpoint) == (True, False, True, True)
    run.close()


def test_a_resumed_log_forgets_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, CONFIG)
    run.start({"a": 1}, 0)
    told = [run.tick(step, {"loss": 1.0 / step}) for step in (2, 4, 6)]
    assert all(re.search(r" left \d+\w+ \d+\w+ ", line) for line in told)
    run.evaluation(60, "task", {"frechet": 3.0})
    points = json.loads((tmp_path / CURVE).read_text())["points"]
    assert [(point["images"], point["scores"]) for point in points] == [(60, {"frechet": 3.0})]
    run.close()
    again = RunFolder(tmp_path, CONFIG)
    again.start({"a": 1}, 40)
    assert [line["images"] for line in lines(tmp_path)] == [20, 40]
    again.tick(6, {"loss": 0.5})
    seconds = [line["seconds"] for line in lines(tmp_path)]
    assert seconds == sorted(seconds)
    again.close()


def test_the_newest_exports_stay_and_the_best(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, CONFIG)
    run.start({}, 0)
    run.tick(2, {"loss": 1.0})
    for n, is_best in ((10, False), (20, True), (30, False), (40, False)):
        run.export(n, checkpoint(n), is_best)
    run.close()
    assert [path.name for path in exports(tmp_path)] == ["ema-000000030", "ema-000000040"]
    assert read_checkpoint(tmp_path / BEST).state["w"].item() == 20
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_pictures_are_named_by_images_seen(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, CONFIG)
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    run.samples(120, [("grid", picture)])
    run.close()
    with Image.open(tmp_path / "samples" / "grid-000000120.png") as image:
        assert np.array_equal(np.asarray(image), picture)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_request_and_a_second_one_stops_at_once(number: int) -> None:
    before = signal.getsignal(number)
    with stop_requests() as request:
        assert not request.agreed()
        os.kill(os.getpid(), number)
        assert request.agreed()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 0.1)
    assert signal.getsignal(number) is before
