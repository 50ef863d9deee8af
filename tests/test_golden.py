"""The golden frame: what passes, what fails, and that it needs nothing but the folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import golden
from tests.golden import Check

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = ROOT / "tests" / "golden"
HEAVY = {  # networks of full width, images of full size, or many cases
    "anyres_pano_360",
    "cnndetection_resnet50",
    "ffhq_align_cases",
    "infinitygan_direct",
    "infinitygan_patchwise",
    "metrics_networks",
    "metrics_vgg16",
    "mspe_d_csg",
    "mspe_discriminator",
    "mspe_f_spe_expand",
    "tilers_e2e",
    "tilers_qwen2vl",
}


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_tolerance_bites(scale: float) -> None:
    want, tolerance = np.linspace(-scale, scale, 7), 1e-3 * scale
    assert Check("x", want + 0.1 * tolerance, want, atol=tolerance).failure() is None
    assert Check("x", want + 2 * tolerance, want, atol=tolerance).failure()
    assert Check("x", want * (1 + 1e-4), want, rtol=1e-3).failure() is None
    assert Check("x", want * (1 + 2e-3), want, rtol=1e-3).failure()


@pytest.mark.parametrize("got", [np.nan, np.inf, [1.0, np.nan]])
def test_nan_never_passes(got: object) -> None:
    assert Check("x", got, got, atol=1e9).failure()


def test_shapes_strings_and_shares() -> None:
    assert Check("x", [1, 2], [[1, 2]]).failure()
    assert Check("x", "refused", "refused").failure() is None
    assert Check("x", "accepted", "refused").failure()
    assert (
        Check("x", np.arange(10), np.arange(10) + (np.arange(10) == 3), share=0.1).failure() is None
    )
    assert Check("x", np.arange(10), np.arange(10) + (np.arange(10) < 2), share=0.1).failure()
    assert Check("x", True, False).failure()


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`python -m tests.golden FOLDER --only ...` in this process: its exit code and last line."""

    def called(folder: Path, *only: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["golden", str(folder), "--only", ",".join(only)])
        return golden.main(), capsys.readouterr().out.splitlines()[-1]

    return called


def test_a_copied_folder_gives_the_same_and_a_moved_output_fails(tmp_path: Path, run: Run) -> None:
    for path in PUBLIC.glob("metrics_*"):
        shutil.copy(path, tmp_path)
    code, last = run(tmp_path, "metrics_ap")
    assert code == 0
    assert last.endswith(" passed, 0 failed")
    path = tmp_path / "metrics_ap.json"
    path.write_text(_moved(path.read_text()))
    code, last = run(tmp_path, "metrics_ap")
    assert code == 1
    assert not last.endswith(" 0 failed")


@pytest.mark.slow
def test_the_command_ends_well() -> None:
    command = [sys.executable, "-m", "tests.golden", str(PUBLIC), "--only", "metrics_ap"]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)


def _moved(text: str) -> str:
    """Every number of the file, lengthened by a thousandth."""

    def move(value: object) -> object:
        if isinstance(value, dict):
            return {key: move(item) for key, item in value.items()}
        if isinstance(value, list):
            return [move(item) for item in value]
        return value * 1.001 if isinstance(value, float) else value

    return json.dumps(move(json.loads(text)))


def test_a_prefix_without_a_runner_fails(tmp_path: Path, run: Run) -> None:
    (tmp_path / "unheard_of.json").write_text("{}")
    code, last = run(tmp_path, "unheard_of", "absent")
    assert (code, last) == (1, "0 passed, 2 failed")


def test_a_case_that_crashes_or_checks_nothing_fails(tmp_path: Path, run: Run) -> None:
    (tmp_path / "metrics_ap_x.json").write_text('{"cases": {}}')
    assert run(tmp_path, "metrics_ap_x")[1] == "0 passed, 1 failed"


def public() -> list[object]:
    known = tuple(golden.RUNNERS)
    cases = [case for case in golden.cases(PUBLIC) if case.stem.startswith(known)]
    return [
        pytest.param(case, id=case.stem, marks=[pytest.mark.slow] if case.stem in HEAVY else [])
        for case in cases
    ]


@pytest.mark.parametrize("case", public())
def test_public_case(case: golden.Case) -> None:
    failures = {name: problems for name, problems in golden.run_case(case) if problems}
    assert not failures
