"""The command line on a GPU."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.cli.calls import call
from tests.commands import run
from tests.fakes import write_dataset

SIZES = [(48 + 2 * i, 50 + 4 * (i % 5)) for i in range(20)]
MODEL = "embedded:ours-seed0"


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", SIZES).folder


@pytest.mark.parametrize(
    ("task", "extractor"),
    [
        ("patch32-at40/frechet", "builtin"),
        ("patch32-at40/frechet", "spectrum"),
        ("eq-t-at32/equivariance", None),
    ],
)
def test_evaluate_gives_the_values_of_a_cpu(
    task: str,
    extractor: str | None,
    images: Path,
    device: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    records = []
    for where in ("cpu", device):
        monkeypatch.setenv("ANYRES_BENCH_CACHE", f"cache-{where}")  # features of their own
        asked = ["--dataset", images, "--suite", task, "--n", 20, "--device", where]
        asked += ["--extractor", extractor] if extractor else []
        code, out, err = call(capfd, "evaluate", MODEL, *asked, "--out", where, "--json")
        assert code == 0, err
        [record] = json.loads(out)
        records.append(record)
    here, there = records
    assert there["task"] == here["task"]
    assert there["model"]["id"] == here["model"]["id"]
    assert there["values"] == pytest.approx(here["values"], rel=1e-3)


def test_generate_draws_the_pictures_of_a_cpu(device: str) -> None:
    drawn = []
    for where in ("cpu", device):
        common = ("--size", "70x48", "--device", where, "--out", where)
        run("generate", MODEL, "--seeds", "0-1", "--grid", *common)
        drawn.append(np.asarray(Image.open(Path(where) / "grid.png")).astype(int))
    assert np.abs(drawn[0] - drawn[1]).max() <= 1
    run("generate", MODEL, "--seeds", "0-1", "--interpolate", 2, "--device", device, "--out", "w")
    assert list(Path("w").glob("*.webp"))


@pytest.mark.parametrize("model", ["liif", "realesrgan"])
def test_upscale_enlarges_as_a_cpu_does(model: str, device: str) -> None:
    shades = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    Path("in").mkdir()
    Image.fromarray(shades).resize((24, 20), Image.Resampling.BICUBIC).save("in/a.png")
    drawn = []
    for where in ("cpu", device):
        weights = ("--weights", f"embedded:{model}-seed0", "--size", 60)
        run("upscale", "in", where, "--model", model, *weights, "--device", where)
        drawn.append(np.asarray(Image.open(Path(where) / "a.png")).astype(int))
    assert np.abs(drawn[0] - drawn[1]).max() <= 2


def test_a_model_keeps_its_promises(device: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capfd, "check-model", MODEL, "--device", device)
    assert code == 0, out + err


def test_the_doctor_names_the_gpu(device: str, capfd: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capfd, "doctor")
    assert f"ok     {device}: {torch.cuda.get_device_properties(device).name}" in out


def test_what_is_not_there_is_a_clear_error(device: str, capfd: pytest.CaptureFixture[str]) -> None:
    missing = f"cuda:{torch.cuda.device_count()}"
    code, _, err = call(capfd, "generate", MODEL, "--device", missing)
    assert code == 2
    assert f"this machine has no {missing}; it has cpu (1), cuda" in err
    given = ("--option", "precision=bf16", "--device", device)
    code, _, err = call(capfd, "generate", MODEL, *given)
    assert code == 2
    assert "'bf16' on cuda is of CPUs; use 'mixed'" in err
