"""The embedded benchmark: valid systems, one budget, what is complete is known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from anyres_bench.models.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from anyres_bench.models.families import parts
from anyres_bench.training.config import LoopConfig, build, parse_assignments
from anyres_bench.training.stages import read_stages
from benchmarks.embedded import System, gather_weights, images, is_complete, systems

BUDGET = 280  # thousands of images


def stages_of(system: System) -> dict[str, dict[str, object]]:
    """Settings of every stage that a system trains, by name."""
    stages = read_stages(system.preset, None, parse_assignments(system.sets))
    wanted = [stage for stage in stages if stage.name in system.kimg]
    for stage in wanted:
        model = {k: "before" if v == "previous" else v for k, v in stage.values["model"].items()}
        build(parts("recipes").get(stage.recipe), model, "model.")
    return {stage.name: dict(stage.values) for stage in wanted}


@pytest.mark.parametrize("system", systems(), ids=lambda system: system.name)
def test_every_system_is_valid_and_ends_where_it_says(system: System) -> None:
    stages = stages_of(system)
    lengths = {
        name: build(LoopConfig, values["loop"], "loop.").total_kimg
        for name, values in stages.items()
    }
    assert lengths == system.kimg


def test_every_system_has_seen_the_budget() -> None:
    listed = {system.name: system for system in systems()}
    assert len(listed) == len(systems())
    for name, system in listed.items():
        seen = sum(system.kimg.values())
        patch_stages = ("ours", "official", "no-", "discrete", "continuous")
        shares = name.startswith((*patch_stages, "liif", "realesrgan"))
        if not name.startswith("stage1"):
            assert seen + 200 * shares == BUDGET


def test_variants_of_the_patch_stage_differ_in_what_their_name_says_alone() -> None:
    named = {system.name: system for system in systems()}
    for seed in (0, 1):
        ours, official, no_teacher, no_octaves, no_scale = (
            stages_of(named[f"{name}-seed{seed}"])["patch"]["model"]
            for name in ("ours", "official", "no-teacher", "no-octaves", "no-scale")
        )
        both, one = {"scale_embedding", "input_octaves"}, {"input_octaves"}
        for other, keys in ((official, both), (no_scale, both), (no_octaves, one)):
            assert {k for k in ours if ours[k] != other[k]} == {"generator"}
            inner = ours["generator"], other["generator"]
            assert {k for k in inner[0] if inner[0][k] != inner[1][k]} == keys
        assert {k for k in ours if ours[k] != no_teacher[k]} == {"teacher_options"}
        discrete = stages_of(named[f"discrete-seed{seed}"])["patch"]["model"]
        assert {k for k in ours if ours[k] != discrete[k]} == {"sources"}
        whole, *windows = discrete["sources"]
        assert whole | {"probability": 1} == ours["sources"][0] | {"probability": 1}
        assert [(w["scale_min"], w["scale_max"]) for w in windows] == [(0.5, 0.5), (0.25, 0.25)]
    assert stages_of(named["continuous-seed0"]) == stages_of(named["ours-seed0"])


def test_what_is_complete_is_known_by_its_last_network(tmp_path: Path) -> None:
    system = dataclasses.replace(systems()[0], kimg={"global": 0.032})
    stage = tmp_path / system.name / "global"
    assert not is_complete(tmp_path, system)
    assert images(stage) == 0
    (stage / "ema-000000016").mkdir(parents=True)
    ticks = [
        json.dumps({"kind": "tick", "images": n, "images_per_second": 1, "scores": {}})
        for n in (16, 32, 48)
    ]
    (stage / "log.jsonl").write_text("\n".join(ticks)[:-3])
    assert images(stage) == 32
    assert not is_complete(tmp_path, system)
    (stage / "ema-000000032").mkdir()
    assert is_complete(tmp_path, system)


def test_weights_are_those_of_complete_systems_in_half_precision(tmp_path: Path) -> None:
    state = {"weight": torch.linspace(-1, 1, 2000), "bias": torch.linspace(-1, 1, 7)}
    trained = Checkpoint("liif", {}, state, "unknown", {})
    for seen, run in ((80_000, "liif-seed0"), (79_992, "mspe-seed0")):
        write_checkpoint(tmp_path / "runs" / run / "run" / f"ema-{seen:09d}", trained)
    for _ in range(2):  # the second replaces the first
        n_bytes = gather_weights(tmp_path, tmp_path / "out")
        assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == [
            "liif-seed0"
        ]
    shipped = read_checkpoint(tmp_path / "out" / "liif-seed0")
    assert torch.equal(shipped.state["weight"], state["weight"].half())
    assert torch.equal(shipped.state["bias"], state["bias"])
    assert 4_000 < n_bytes < 8_000
    assert json.loads((tmp_path / "out" / "weights.json").read_text()) == {
        "liif-seed0": {
            "digest": shipped.digest,
            "of": {"stage": "run", "images": 80_000, "digest": trained.digest},
        }
    }
