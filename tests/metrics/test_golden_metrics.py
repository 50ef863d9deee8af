"""The metric runner's own test: what moves by twice its tolerance, or is fed otherwise, fails."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import golden
from tests.golden_runners import metrics as runner

PUBLIC = Path(__file__).resolve().parents[1] / "golden"
FEATURES = "metrics_features.npz"
STEMS = ["metrics_ap", "metrics_extras", "metrics_inception_score", "metrics_kid", "metrics_prdc"]


def failing(folder: Path, stem: str) -> set[str]:
    """Sub-cases of a file that fail."""
    results = golden.run_case(golden.Case(folder / f"{stem}.json"))
    return {name.partition(":")[2] for name, problems in results if problems}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in PUBLIC.glob("metrics_*"):
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.mark.parametrize("stem", [*STEMS, "metrics_frechet"])
def test_every_number_bites_at_twice_its_tolerance(stem: str) -> None:
    numbers = 0
    for _, checks in runner.run(golden.Case(PUBLIC / f"{stem}.json")):
        for check in checks:
            if isinstance(check.want, str):
                continue
            want = np.asarray(check.want, np.float64)
            tolerance = check.atol + check.rtol * np.abs(want)
            for sign in (-1, 1):
                moved = dataclasses.replace(check, want=want + sign * 0.1 * tolerance)
                assert moved.failure() is None, check.name
                assert dataclasses.replace(check, want=want + sign * 2 * tolerance).failure()
            assert dataclasses.replace(check, want=want * np.nan).failure()
            numbers += 1
    assert numbers >= 3


MOVED: list[tuple[str, str, list[Any]]] = [
    ("metrics_frechet", "full_d16", ["cases", "full_d16", "fid", "ref_mpmath_60digits"]),
    ("metrics_frechet", "n_equals_1", ["cases", "n_equals_1", "fid", "ref_nuclear_norm_f64_ddof0"]),
    ("metrics_prdc", "gauss-k5", ["gauss", "k5", "ref_float64_direct_le", "value", "coverage"]),
    ("metrics_kid", "full_set_deterministic", ["full_set_deterministic", "clean_fid_f64"]),
    (
        "metrics_kid",
        "unequal_sizes_clean_fid_m_is_min",
        ["unequal_sizes_clean_fid_m_is_min", "clean_fid_subset1000_seed5"],
    ),
    ("metrics_ap", "random", ["cases", "random", "average_precision"]),
    (
        "metrics_inception_score",
        "saturated",
        ["saturated", "torch_fidelity_noshuffle", "value", "inception_score_std"],
    ),
    ("metrics_extras", "vendi", ["vendi_duplicates"]),
    ("metrics_extras", "authpct", ["authpct_with_copies"]),
    ("metrics_extras", "fd_infinity", ["fd_infinity", "value"]),
]


@pytest.mark.parametrize("factor", [1.0001, float("nan")])
@pytest.mark.parametrize(("stem", "case", "keys"), MOVED, ids=[f"{s}:{c}" for s, c, _ in MOVED])
def test_a_moved_number_fails_its_case_alone(
    folder: Path, stem: str, case: str, keys: list[Any], factor: float
) -> None:
    path = folder / f"{stem}.json"
    meta = json.loads(path.read_text())
    entry = meta
    for key in keys[:-1]:
        entry = entry[key]
    if isinstance(entry[keys[-1]], dict):
        entry, keys = entry[keys[-1]], [*keys, "value"]
    entry[keys[-1]] *= factor
    path.write_text(json.dumps(meta))
    assert failing(folder, stem) == {case}


@pytest.mark.parametrize(
    ("array", "stem", "cases"),
    [
        ("full_d16/a", "metrics_frechet", {"full_d16"}),
        ("pr_gauss/b", "metrics_prdc", {"gauss-k3", "gauss-k10"}),
        ("kid/b", "metrics_kid", {"full_set_deterministic", "subsets_legacy_randomstate"}),
        ("is_uniform/logits", "metrics_inception_score", {"uniform"}),
        ("ap_random/s", "metrics_ap", {"random"}),
        ("extra/gen", "metrics_extras", {"vendi"}),
        ("fdinf/a", "metrics_extras", {"fd_infinity"}),
    ],
)
def test_a_changed_input_fails(folder: Path, array: str, stem: str, cases: set[str]) -> None:
    with np.load(folder / FEATURES) as file:
        arrays = dict(file)
    arrays[array] = arrays[array].copy()
    arrays[array].flat[0] += 1
    np.savez(folder / FEATURES, **arrays)
    assert failing(folder, stem) >= cases


def test_a_recipe_is_read_from_its_text() -> None:
    text = (
        "big(i,n,shift,scale): r=Generator(PCG64(7+i)); sp=(1/arange(1,5))**0.5 as float32; "
        "a=big(2,3,0.25,1.5), b=big(4,6,0.5,2.0)"
    )
    real, fake = runner.made_by(text)
    noise = np.random.Generator(np.random.PCG64(11)).standard_normal((6, 4)).astype(np.float32)
    spread = (1 / np.arange(1, 5)) ** 0.5
    assert real.shape == (3, 4)
    assert fake.dtype == np.float32
    np.testing.assert_allclose(fake, np.maximum(noise * spread * 2.0 + 0.5 * spread, 0), rtol=1e-6)
    with pytest.raises(ValueError, match="is not in the recipe"):
        runner.made_by(text.replace("PCG64", "MT19937"))
