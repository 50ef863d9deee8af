"""Training on a GPU: the CPU's losses, runs that go on, and lower precision."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from anyres_bench.reference.config import DiscriminatorConfig
from anyres_bench.reference.recipe import AnyResConfig
from anyres_bench.reference.teacher import TeacherOptions
from anyres_bench.training.config import LoopConfig
from anyres_bench.training.items import SourceConfig
from tests.fakes import write_dataset
from tests.reference.test_recipe import GENERATOR
from tests.training import tiny
from tests.training.recipes_on_ranks import configs
from tests.training.tiny import trained

LOOP = replace(tiny.LOOP, kimg_per_tick=0.004, checkpoint_ticks=1)
N_STEPS = 3
FIRST, LATER = 1e-3, 3e-2  # relative; Adam's first steps make much of the sign of small gradients
SMALL = 2e-3  # of scores around zero
Configs = Callable[[str], Any]
BASELINES = ("anycost", "infinitygan", "liif", "mspe", "navit-mae", "realesrgan")
STAGES = ("global", "patch", "panorama")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = [(90, 100), (96, 120), (100, 96), (120, 90)]
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", sizes).folder


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """A configuration of every recipe by name; "patch" starts from "global" on a CPU."""
    single = replace(GENERATOR, n_fp16_octaves=0)
    judge = DiscriminatorConfig(16, channel_base=128, channel_max=16, n_fp16_octaves=0)
    whole, patch = (SourceConfig(dataset=str(data)), SourceConfig(dataset=str(data), use="patch"))
    first = AnyResConfig(
        generator=single,
        discriminator=judge,
        sources=(whole,),
        r1_interval=2,
        teacher_options=TeacherOptions(perceptual="laplacian"),
    )
    folder = tmp_path_factory.mktemp("runs") / "global"
    scores_of(first, folder, 1, "cpu")
    zoomed = replace(single, scale_embedding="fourier", scale_max=4, input_octaves=1)
    second = replace(first, generator=zoomed, teacher=str(folder), sources=(whole, patch))
    around = replace(first, generator=replace(single, panorama_fov=60))
    return {**configs(data), "global": first, "patch": second, "panorama": around}


def scores_of(
    config: Any, folder: Path, n_steps: int, device: str, loop: LoopConfig = LOOP
) -> list[dict[str, float]]:
    """The scores of every step of a run."""
    with pytest.MonkeyPatch.context() as patch:
        if device == "cpu":  # a machine without a GPU
            patch.setattr(torch.cuda, "is_available", lambda: False)
        recipe = trained(config, folder, n_steps, loop)
    weights = next(recipe.networks[recipe.averaged].parameters())
    assert weights.device.type == torch.device(device).type
    lines = (folder / "log.jsonl").read_text().splitlines()
    scores = [json.loads(line)["scores"] for line in lines]
    assert len(scores) == n_steps
    if loop.precision != "fp16":  # whose penalties overflow until its scale fits
        assert all(math.isfinite(value) for step in scores for value in step.values())
    return scores


def check_near(
    got: list[dict[str, float]], want: list[dict[str, float]], first: float, later: float
) -> None:
    """Scores of every step within a share of those that are wanted."""
    assert len(got) == len(want)
    for step, (one, other) in enumerate(zip(got, want, strict=True)):
        allowed = later if step else first
        assert one == pytest.approx(other, rel=allowed, abs=min(allowed, SMALL)), step


@pytest.mark.parametrize("name", [*BASELINES, *STAGES])
def test_losses_are_the_cpus_and_a_run_goes_on(
    name: str, made: Mapping[str, Any], device: str, tmp_path: Path
) -> None:
    config = made[name]
    want = scores_of(config, tmp_path / "cpu", N_STEPS, "cpu")
    got = scores_of(config, tmp_path / "gpu", N_STEPS, device)
    check_near(got, want, FIRST, LATER)
    scores_of(config, tmp_path / "parts", 1, device)
    parts = scores_of(config, tmp_path / "parts", N_STEPS, device)
    check_near(parts, got, FIRST, LATER)
    scores_of(config, tmp_path / "moved", 1, "cpu")  # goes on where it was not begun
    check_near(scores_of(config, tmp_path / "moved", N_STEPS, device), want, FIRST, LATER)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("name", [*BASELINES, "global", "patch"])
def test_lower_precision_is_near(
    name: str, precision: Any, made: Mapping[str, Any], device: str, tmp_path: Path
) -> None:
    """The first loss is float32's to a digit, and a run goes on, its scale included."""
    config, loop = made[name], replace(LOOP, precision=precision)
    [want] = scores_of(config, tmp_path / "single", 1, device)
    scores_of(config, tmp_path / "half", 1, device, loop)
    half = scores_of(config, tmp_path / "half", 2, device, loop)
    first = next(iter(want))  # later phases of a step see weights that the first has moved
    assert half[0][first] == pytest.approx(want[first], rel=0.1, abs=0.05)


def test_layers_in_half_precision(made: Mapping[str, Any], device: str, tmp_path: Path) -> None:
    """As official configurations have them: the highest resolutions, without a scale."""
    config = made["global"]
    assert config.discriminator is not None
    generator = replace(config.generator, n_fp16_octaves=4)
    judge = replace(config.discriminator, n_fp16_octaves=4)
    official = replace(config, generator=generator, discriminator=judge)
    got = scores_of(official, tmp_path / "half", 2, device)
    want = scores_of(config, tmp_path / "single", 2, device)
    assert got[0]["G"] == pytest.approx(want[0]["G"], rel=0.05)


def test_batches_of_worker_processes(made: Mapping[str, Any], device: str, tmp_path: Path) -> None:
    config = made["liif"]
    want = scores_of(config, tmp_path / "thread", 2, device)
    loop = replace(LOOP, n_workers=2)
    check_near(scores_of(config, tmp_path / "workers", 2, device, loop), want, FIRST, LATER)
