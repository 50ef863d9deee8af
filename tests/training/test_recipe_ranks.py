"""Every recipe: in half precision, and by two processes as by one."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from anyres_bench.training.checkpoints import read_newest_state
from tests.fakes import write_dataset
from tests.training.recipes_on_ranks import configs, main
from tests.training.tiny import LOOP, states, trained

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["anycost", "infinitygan", "liif", "mspe", "realesrgan"])
def test_half_precision_trains(name: str, tmp_path: Path) -> None:
    write_dataset(tmp_path / "tiny", [(48, 50), (44, 48), (41, 40), (64, 43)])
    config, loop = configs(tmp_path / "tiny")[name], dataclasses.replace(LOOP, precision="fp16")
    recipe = trained(config, tmp_path / "run", 1, loop)
    assert all(torch.isfinite(value).all() for value in states(recipe).values())
    scales = read_newest_state(tmp_path / "run")["scalers"]
    assert all(scale["scale"] > 1 for scale in scales.values())


@pytest.mark.slow
def test_two_processes_train_every_recipe_as_one_does(tmp_path: Path) -> None:
    data, one, two = tmp_path / "tiny", tmp_path / "one", tmp_path / "two"
    write_dataset(data, [(48, 50), (44, 48), (41, 40), (64, 43)])
    one.mkdir()
    two.mkdir()
    main(data, one)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run = subprocess.run(
        [sys.executable, *launcher, "-m", "tests.training.recipes_on_ranks", str(data), str(two)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    for name in configs(data):
        alone = torch.load(one / f"{name}-0.pt")
        both = [torch.load(two / f"{name}-{rank}.pt") for rank in (0, 1)]
        for key, tensor in alone.items():
            assert torch.equal(both[0][key], both[1][key]), f"{name}: {key} differs by rank"
            assert torch.allclose(tensor, both[0][key], atol=2e-4, rtol=1e-3), f"{name}: {key}"
