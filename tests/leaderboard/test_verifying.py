from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.evaluation.requests import Request
from anyres_bench.evaluation.running import EvaluationOptions, run_request
from anyres_bench.leaderboard.checks import check
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, submit
from anyres_bench.leaderboard.verifying import VerifyRequest, verify
from anyres_bench.results import Task
from tests.fakes import write_dataset
from tests.leaderboard.submitted import resave, reseal

MODEL = "scenes"


@dataclass(frozen=True)
class Made:
    """A dataset, results of a model that renders on it, and the cache that they are in."""

    root: Path
    data: Path
    results: list
    distances: list


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("verify")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANYRES_BENCH_CACHE", str(root / "cache"))
        data = write_dataset(root / "tiny", [(44, 48)] * 24).folder
        wanted = [f"tiny:half/patch32-at40/{name}" for name in ("precision-recall", "frechet")]
        how = EvaluationOptions(root / "results", n_workers=0)
        outcome = run_request(MODEL, data, Request(wanted, n=12), {}, how)
        outcome.check()
    return Made(root, data, outcome.results[:1], outcome.results[1:])


@pytest.fixture
def folder(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(made.root / "cache"))
    submit(made.results, tmp_path / "s", Card("MIT", "own"), Enclosed("float32"))
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "empty"))
    return tmp_path / "s"


def request(made: Made, **changes: object) -> VerifyRequest:
    return VerifyRequest(made.data, "cpu", {}, fraction=0.25, **changes)  # type: ignore[arg-type]


def failed(verdicts: list) -> dict[str, str]:
    return {verdict.rule: verdict.said for verdict in verdicts if verdict.state == "failed"}


def test_an_honest_one_is_verified_and_says_what_was_compared(made: Made, folder: Path) -> None:
    verdicts = verify(folder, request(made))
    assert not failed(verdicts)
    rules = [verdict.rule for verdict in verdicts]
    assert rules == [
        "check",
        "features, patch32-at40, real, builtin-v1",
        "features, patch32-at40, fake, builtin-v1",
        "pictures, patch32-at40, fake",
    ]
    assert "3 of 12 rows" in verdicts[2].said


def mirrored(folder: Path, made: Made) -> None:
    """Features of both sides turned round zero, which leaves every distance between them."""
    for path in (folder / "features").iterdir():
        resave(path, lambda tensors: {**tensors, "features": -tensors["features"]})
        reseal(folder, path.relative_to(folder).as_posix())


def repainted(folder: Path, made: Made) -> None:
    """Another picture under the name of the model's, its digest made to fit."""
    (path,) = (folder / "samples").iterdir()
    with Image.open(path) as opened:
        pixels = np.asarray(opened.convert("RGB")).copy()
    pixels[:4, :4] = 255 - pixels[:4, :4]
    Image.fromarray(pixels).save(path)
    reseal(folder, path.relative_to(folder).as_posix())


@pytest.mark.parametrize(
    ("tamper", "rules", "said"),
    [
        (
            mirrored,
            [f"features, patch32-at40, {side}, builtin-v1" for side in ("real", "fake")],
            "rows are others",
        ),
        (repainted, ["pictures, patch32-at40, fake"], "levels"),
    ],
)
def test_what_check_cannot_see_is_found(
    made: Made, folder: Path, tamper: Callable[[Path, Made], None], rules: list[str], said: str
) -> None:
    tamper(folder, made)
    assert check(folder).fits, [str(verdict) for verdict in check(folder).verdicts]
    found = failed(verify(folder, request(made)))
    assert list(found) == rules
    assert all(said in why for why in found.values())


def test_another_model_is_not_what_was_submitted(made: Made, folder: Path) -> None:
    found = failed(verify(folder, request(made, model="houses")))
    assert "model: 'scenes" in found["patch32-at40, fake"]
    assert "no samples that are made here" in found["compared"]


def test_other_images_are_not_what_was_submitted(made: Made, folder: Path, tmp_path: Path) -> None:
    other = write_dataset(tmp_path / "tiny", [(40, 46)] * 24).folder
    found = failed(verify(folder, VerifyRequest(other, "cpu", {})))
    assert "images: " in found["patch32-at40, real"]


def test_what_check_refuses_is_not_rendered(made: Made, folder: Path) -> None:
    (path,) = (folder / "records").rglob("*.json")
    body = json.loads(path.read_text())
    body["n_fake"] = 3
    path.write_text(json.dumps(body))
    (verdict,) = verify(folder, request(made))
    assert (verdict.rule, verdict.state) == ("check", "failed")
    with pytest.raises(DataError, match="no folder"):
        verify(folder / "none", request(made))


def test_without_features_and_pictures_nothing_is_verified(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(made.root / "cache"))
    submit(made.results, tmp_path / "s", Card("MIT", "own"), Enclosed("none", samples=False))
    assert failed(verify(tmp_path / "s", request(made))) == {
        "compared": "nothing of it was made again: it encloses neither features nor pictures"
    }


def test_moments_are_compared_where_all_rows_are_made(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(made.root / "cache"))
    folder = tmp_path / "s"
    submit(made.distances, folder, Card("MIT", "own"), Enclosed("moments", samples=False))
    verdicts = verify(folder, request(made))
    assert {v.state for v in verdicts if v.rule.startswith("moments")} == {"not said"}
    assert failed(verdicts).keys() == {"compared"}
    whole = dataclasses.replace(request(made), fraction=1)
    verdicts = verify(folder, whole)
    assert not failed(verdicts)
    assert sum(v.rule.startswith("moments") for v in verdicts) == 2
    for path in (folder / "moments").iterdir():
        resave(path, lambda tensors: {**tensors, "mean": tensors["mean"] + 1})
        reseal(folder, path.relative_to(folder).as_posix())
    assert {rule.split(",")[0] for rule in failed(verify(folder, whole))} == {"moments"}


@pytest.mark.parametrize(
    "spec", ["evil.py:make", "evil:make", "folder:/etc", "lanczos:evil.py:make", "a.pkl", "../m"]
)
def test_nothing_that_a_record_names_is_run(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(made.root / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    first = made.results[0]
    named = dataclasses.replace(first, model=dataclasses.replace(first.model, spec=spec))
    submit([named], tmp_path / "s", Card("MIT", "own"), Enclosed("float32"))
    with pytest.raises(UsageError, match="--model"):
        verify(tmp_path / "s", request(made))
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    "extractor", ["evil:make", "pair:evil:make", "evil.py:make", "vgg16@file:evil.pth"]
)
def test_nor_is_an_extractor(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extractor: str
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(made.root / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    first = made.results[0]
    task = dataclasses.replace(Task.parse(first.task), extractor=extractor).id
    of = dataclasses.replace(first.extractor, id=extractor)
    named = dataclasses.replace(first, task=task, extractor=of)
    submit([named], tmp_path / "s", Card("MIT", "own"), Enclosed("none"))
    with pytest.raises(DataError, match="is run"):
        verify(tmp_path / "s", request(made))
    assert not Path("ran").exists()
