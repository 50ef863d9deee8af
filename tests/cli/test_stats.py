"""`anyres-bench stats`, and `evaluate --reference`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.calls import call
from tests.fakes import write_dataset
from tests.reference_files import mu_sigma, rows

SIZES = [(48 + 2 * i, 50 + 4 * (i % 5)) for i in range(8)]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_a_reference_goes_from_hand_to_hand(tmp_path: Path, capfd) -> None:
    write_dataset(tmp_path / "tiny", SIZES)
    code, out, _ = call(capfd, "stats", "export", "tiny", "a.npz", "--task", "anyres-full40")
    assert (code, out) == (0, "written: a.npz: 8 items of tiny:half, anyres-full40, builtin-v1\n")
    code, out, _ = call(capfd, "stats", "show", "a.npz")
    assert code == 0
    assert "moments    154 dimensions, of 8 items" in out
    assert "extractor  builtin-v1" in out
    code, out, _ = call(capfd, "stats", "diff", "a.npz", "a.npz")
    assert (code, out) == (0, "equal: the same numbers\n")
    code, out, err = call(capfd, "evaluate", "folder:tiny", "--reference", "a.npz", "--n", "8")
    assert code == 0, err
    assert out.splitlines()[1].endswith("tiny:half/anyres-full40/frechet-ddof1/builtin-v1/n8@1")


def test_foreign_files_are_asked_about(tmp_path: Path, capfd) -> None:
    mu_sigma(tmp_path / "a.npz", rows())
    mu_sigma(tmp_path / "b.npz", rows(seed=1))
    code, out, _ = call(capfd, "stats", "show", "a.npz")
    assert (code, "not said   images, split, resize, codec, extractor" in out) == (0, True)
    code, out, _ = call(capfd, "stats", "diff", "a.npz", "b.npz")
    assert (code, out.startswith("unknown     the numbers differ")) == (1, True)
    common = ("evaluate", "constant", "--reference", "a.npz")
    code, out, err = call(capfd, *common, "--suite", "anyres-full40/frechet")
    assert (code, out) == (2, "")
    assert "does not say which network and which resize" in err
    code, out, err = call(capfd, *common, "--dataset", "tiny")
    assert (code, "and not both" in err) == (2, True)
    np.savez("bad.npz", mu=np.array([None]))
    code, out, err = call(capfd, "stats", "show", "bad.npz")
    assert (code, "would be executed" in err) == (1, True)


def test_a_recipe_gives_the_numbers_again(tmp_path: Path, capfd) -> None:
    write_dataset(tmp_path / "tiny", SIZES)
    common = ("--dataset", "tiny", "--json")
    task = ("--suite", "patch32-at40/kid", "--n", "12", "--seed", "3")
    code, first, err = call(
        capfd, "evaluate", "constant:90", *common, *task, "--save-recipe", "r.toml"
    )
    assert code == 0, err
    code, again, err = call(capfd, "evaluate", "--recipe", "r.toml", *common)
    assert (code, json.loads(again)) == (0, json.loads(first)), err
    code, _, err = call(capfd, "evaluate", "--recipe", "r.toml", *common, "--seed", "4")
    assert (code, "says what --seed would say" in err) == (2, True)
    code, _, err = call(capfd, "evaluate", *common)
    assert (code, "needs MODEL, or --recipe" in err) == (2, True)
