"""The loop: resuming is not interrupting, two processes are one, and trouble is said."""

from __future__ import annotations

import contextlib
import fcntl
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch

from anyres_bench.core.errors import CheckpointError, ConfigError, TrainingError, UsageError
from anyres_bench.core.reporting import report_to
from anyres_bench.training.checkpoints import checkpoints, read_newest_state, write_state
from anyres_bench.training.config import LoopConfig, to_plain
from anyres_bench.training.loop import Evaluation, train
from anyres_bench.training.run_folder import alone_in
from tests.reporters import Recorder
from tests.training.toy import ToyRecipe

ROOT = Path(__file__).resolve().parents[2]


def config(n_steps: int, **changes: Any) -> LoopConfig:
    base = {"batch": 8, "micro_batch": 2, "n_workers": 0, "ema_kimg": 0.02, "seed": 5}
    ticks = {"kimg_per_tick": 0.016, "checkpoint_ticks": 1, "sample_ticks": 2, "charts": False}
    return LoopConfig(**{**base, **ticks, "total_kimg": n_steps * 8 / 1000, **changes})


def run(folder: Path, loop: LoopConfig, recipe: Any = None, **options: Any) -> bool:
    settings = {"loop": to_plain(loop)}
    return train(recipe or ToyRecipe(), loop, folder, settings, **options)


def state(folder: Path) -> dict[str, Any]:
    found = read_newest_state(folder)
    assert found is not None
    return found


def assert_same(one: Any, two: Any) -> None:
    """Nested states, bit for bit."""
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            assert_same(one[key], two[key])
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, two)
    elif isinstance(one, list | tuple):
        for a, b in zip(one, two, strict=True):
            assert_same(a, b)
    else:
        assert one == two


def trained(folder: Path) -> dict[str, Any]:
    return {k: v for k, v in state(folder).items() if k in ("networks", "average", "optimizers")}


def test_four_steps_are_two_and_two(tmp_path: Path) -> None:
    assert run(tmp_path / "a", config(4))
    assert run(tmp_path / "b", config(2))
    assert run(tmp_path / "b", config(4))
    assert_same(trained(tmp_path / "a"), trained(tmp_path / "b"))
    assert state(tmp_path / "b")["step"] == 4


@pytest.mark.parametrize("charts", [True, False])
def test_the_log_is_drawn_where_that_is_wanted(charts: bool, tmp_path: Path) -> None:
    assert run(tmp_path, config(1, charts=charts))
    assert (tmp_path / "log.jsonl").exists()
    for name in ("curves.png", "log.csv"):
        assert (tmp_path / name).exists() == charts


def test_a_run_that_has_gone_further_is_complete(tmp_path: Path) -> None:
    assert run(tmp_path, config(4))
    recorder = Recorder()
    with report_to(recorder):
        assert run(tmp_path, config(2)), "a stage cut short goes on to the next"
    assert recorder.told == [("say", "complete at 0.0 kimg; raise loop.total_kimg to go on")]
    assert state(tmp_path)["step"] == 4


def test_workers_do_not_matter(tmp_path: Path) -> None:
    run(tmp_path / "a", config(3))
    run(tmp_path / "b", config(3, n_workers=2))
    assert_same(trained(tmp_path / "a"), trained(tmp_path / "b"))


def test_micro_batches_add_up(tmp_path: Path) -> None:
    """The items of a step are the same; only the latents' names depend on the parts."""
    run(tmp_path / "a", config(3, micro_batch=8))
    assert state(tmp_path / "a")["step"] == 3


def test_the_log_is_rewound_on_resume(tmp_path: Path) -> None:
    run(tmp_path, config(8, checkpoint_ticks=4))
    for path in checkpoints(tmp_path)[-1:]:
        path.unlink()
    log = tmp_path / "log.jsonl"
    assert not checkpoints(tmp_path), "one checkpoint, at the end"
    with pytest.raises(UsageError, match="no state to go on from"):
        run(tmp_path, config(8, checkpoint_ticks=4))
    shutil.rmtree(tmp_path / "ema-000000064")
    run(tmp_path, config(8, checkpoint_ticks=4))
    images = [json.loads(line)["images"] for line in log.read_text().splitlines()]
    assert images == [16, 32, 48, 64]


def test_a_run_leaves_what_it_should(tmp_path: Path) -> None:
    values = iter([3.0, 1.0, 2.0, 5.0])
    fd = Evaluation("task", lambda g: {"fd": next(values)}, "fd", higher_is_better=False)
    run(tmp_path, config(8, keep=2, evaluate_ticks=1), evaluation=fd)
    assert len(checkpoints(tmp_path)) == 2
    assert [p.name for p in sorted(tmp_path.glob("ema-*"))] == ["ema-000000048", "ema-000000064"]
    best = json.loads((tmp_path / "best" / "checkpoint.json").read_text())
    assert best["training"]["best"] == {"task": "task", "name": "fd", "value": 1.0, "images": 32}
    points = json.loads((tmp_path / "evaluation.json").read_text())["points"]
    assert [(p["images"], p["scores"]["fd"]) for p in points] == [
        (16, 3.0),
        (32, 1.0),
        (48, 2.0),
        (64, 5.0),
    ]
    assert len(list((tmp_path / "samples").glob("grid-*.png"))) == 2
    kinds = [json.loads(x)["kind"] for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert kinds.count("tick") == kinds.count("evaluation") == 4


def test_the_average_follows_the_weights(tmp_path: Path) -> None:
    run(tmp_path, config(1, ema_kimg=1e-9))
    got = state(tmp_path)
    assert_same(got["average"], got["networks"]["G"])
    run(tmp_path / "slow", config(1, ema_kimg=1e9, ema_rampup=0.0))
    start = ToyRecipe().networks["G"].state_dict()
    assert torch.allclose(state(tmp_path / "slow")["average"]["weight"], start["weight"], atol=1e-6)


def test_a_run_whose_disk_was_full_goes_on(tmp_path: Path) -> None:
    """Neither the state nor the exported network has room, then only the state has none."""
    for n_bytes in (300, 4000):
        with files_of_at_most(n_bytes), pytest.raises(OSError, match="File too large"):
            run(tmp_path / "full", config(4))
        names = [path.name for path in (tmp_path / "full").iterdir()]
        assert not [name for name in names if name.startswith(("state", "ema", "."))]
    assert run(tmp_path / "full", config(4))
    assert run(tmp_path / "whole", config(4))
    assert_same(trained(tmp_path / "full"), trained(tmp_path / "whole"))


@contextlib.contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)


def test_two_runs_are_not_at_work_in_one_folder(tmp_path: Path) -> None:
    with open_folder(tmp_path) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another training is at work in"):
            run(tmp_path, config(1))
        assert not list(tmp_path.iterdir())
    assert run(tmp_path, config(1))


def test_a_process_that_a_run_leaves_behind_does_not_hold_its_folder(tmp_path: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    with alone_in(tmp_path):
        left = multiprocessing.get_context("fork").Process(target=_stay, args=(theirs,))
        left.start()
    assert ours.recv() == "here"
    with alone_in(tmp_path):
        assert left.is_alive()
    left.kill()
    left.join()


def _stay(pipe: Connection) -> None:
    pipe.send("here")
    time.sleep(60)


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_other_settings_are_not_resumed(tmp_path: Path) -> None:
    run(tmp_path, config(2))
    with pytest.raises(ConfigError, match=r"other settings of loop\.\w+ \(\S+, now \S+\)"):
        run(tmp_path, config(4, seed=6))


def test_a_state_of_something_else_is_told(tmp_path: Path) -> None:
    plain = {"loop": to_plain(config(2))}
    for content in ({"step": 1}, {"settings": 1}, {"settings": plain, "networks": {"g": {}}}):
        write_state(tmp_path, 8, content, keep=1)
        with pytest.raises(CheckpointError, match="is of another run, or of none"):
            run(tmp_path, config(2))
    assert [path.name for path in tmp_path.iterdir()] == ["state-000000008.pt"]


def test_nan_stops_with_what_was_seen(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"phase G at step 2 .*gradient norm nan"):
        run(tmp_path, config(4), ToyRecipe(poison_step=2))
    assert state(tmp_path)["step"] == 2


@pytest.mark.slow
def test_an_error_ends_the_workers_too(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.training.test_loop import *; "
        "run(Path(sys.argv[1]), config(9, n_workers=1), ToyRecipe(poison_step=2))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "TrainingError" in ended.stderr


def test_half_precision_scales_its_gradients(tmp_path: Path) -> None:
    """The scales are kept with the state, and a resumed run goes on bit for bit."""
    run(tmp_path / "a", config(4, precision="fp16"))
    run(tmp_path / "b", config(2, precision="fp16"))
    run(tmp_path / "b", config(4, precision="fp16"))
    assert_same(state(tmp_path / "a")["scalers"], state(tmp_path / "b")["scalers"])
    assert_same(trained(tmp_path / "a"), trained(tmp_path / "b"))
    assert state(tmp_path / "a")["scalers"]["G"]["_growth_tracker"] == 4  # steps without overflow
    assert all(
        bool(value.isfinite().all()) for value in trained(tmp_path / "a")["average"].values()
    )
    run(tmp_path / "single", config(4))
    assert "scalers" not in state(tmp_path / "single")


def test_a_step_that_overflows_is_left_out(tmp_path: Path) -> None:
    """The scale is halved instead; where no scale helps, the run ends."""
    run(tmp_path, config(1, precision="fp16"))
    before = state(tmp_path)
    run(tmp_path, config(2, precision="fp16"), ToyRecipe(overflow_from=1))
    after = state(tmp_path)
    assert after["scalers"]["G"]["scale"] == before["scalers"]["G"]["scale"] / 2
    assert after["scalers"]["D"]["scale"] == before["scalers"]["D"]["scale"]
    assert_same(after["networks"]["G"], before["networks"]["G"])
    with pytest.raises(TrainingError, match="phase G at step 17"):
        run(tmp_path, config(40, precision="fp16"), ToyRecipe(overflow_from=1))


@pytest.mark.slow
def test_compiling_changes_no_result(tmp_path: Path) -> None:
    run(tmp_path / "plain", config(3))
    run(tmp_path / "compiled", config(3, compile=True))
    one, two = (state(tmp_path / name) for name in ("plain", "compiled"))
    assert one["networks"]["G"].keys() == two["networks"]["G"].keys()
    for name, value in one["average"].items():
        assert torch.allclose(value, two["average"][name], atol=1e-6)


PROGRAM = """
import sys
from pathlib import Path
from anyres_bench.core import distributed
from tests.training.test_loop import config, run
distributed.start()
complete = run(Path(sys.argv[1]), config(int(sys.argv[2])))
distributed.stop()
# A thread that outlives its group aborts the process, now and then, when the interpreter ends.
threads = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
assert not [name for name in threads if "gloo" in name], threads
sys.exit(0 if complete else 130)
"""


def start(folder: Path, n_steps: int, launcher: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    program = folder.parent / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, *launcher, str(program), str(folder), str(n_steps)]
    env = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": ""}
    return subprocess.Popen(command, env=env, cwd=ROOT)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_goes_on(tmp_path: Path, number: int) -> None:
    process = start(tmp_path / "a", 100_000)
    while not (tmp_path / "a" / "log.jsonl").exists():
        time.sleep(0.1)
    process.send_signal(number)
    assert process.wait(60) == 130
    n_steps = state(tmp_path / "a")["step"]
    run(tmp_path / "a", config(n_steps + 3))
    run(tmp_path / "b", config(n_steps + 3))
    assert_same(trained(tmp_path / "a"), trained(tmp_path / "b"))


@pytest.mark.slow
def test_kills_lose_nothing_but_time(tmp_path: Path) -> None:
    for delay in (0.0, 0.3, 0.7):
        process = start(tmp_path / "a", 100_000)
        while not checkpoints(tmp_path / "a"):
            time.sleep(0.05)
        time.sleep(delay)
        process.kill()
        process.wait(60)
        assert state(tmp_path / "a")["step"] > 0
    n_steps = state(tmp_path / "a")["step"]
    run(tmp_path / "b", config(n_steps))
    assert_same(trained(tmp_path / "a"), trained(tmp_path / "b"))


@pytest.mark.slow
def test_two_processes_are_one(tmp_path: Path) -> None:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert start(tmp_path / "two", 6, launcher).wait(120) == 0
    run(tmp_path / "one", config(6))
    one, two = trained(tmp_path / "one"), trained(tmp_path / "two")
    for network in ("G", "D"):
        for name, value in one["networks"][network].items():
            assert torch.allclose(value, two["networks"][network][name], atol=1e-6)
    logs = [(tmp_path / x / "log.jsonl").read_text().splitlines() for x in ("one", "two")]
    for a, b in zip(*logs, strict=True):
        for name, value in json.loads(a)["scores"].items():
            assert json.loads(b)["scores"][name] == pytest.approx(value, abs=1e-5)
