"""Moments in a submission: Frechet distances follow from them, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.features.stats import FeatureBank
from anyres_bench.leaderboard import moment_files as module
from anyres_bench.leaderboard.checks import check
from anyres_bench.leaderboard.moment_files import follows, moment_files, read_moments
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, submit
from anyres_bench.metrics.frechet import frechet_distance, frechet_from_moments
from anyres_bench.metrics.metric import metric_from
from anyres_bench.results.record import seal
from tests.leaderboard.submitted import over_sizes, resave, reseal, results_of

CARD = Card("MIT", "own photographs")
Tensors = dict[str, np.ndarray]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))


def failed(folder: Path) -> dict[str, str]:
    return {v.rule: v.said for v in check(folder).verdicts if v.state == "failed"}


@pytest.mark.parametrize(("n", "dim"), [(40, 4), (12, 30)])
def test_they_come_back_from_shards_and_give_the_distance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int, dim: int
) -> None:
    monkeypatch.setattr(module, "_SHARD", 8 * dim * 3)  # three rows a file
    rng, moments = np.random.default_rng(0), []
    rows = [rng.normal(5, 1, (n, dim)).astype(np.float32) for _ in range(2)]
    for name, of in zip("ab", rows, strict=True):
        bank = FeatureBank(np.arange(n), np.arange(n), of)
        files = dict(moment_files(bank, {"side": name}, "builtin-v1"))
        assert len(files) == -(-dim // 3)
        for path, data in files.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_bytes(data)
        moments.append(read_moments(Enclosure(tmp_path), files))
    assert frechet_from_moments(*moments) == pytest.approx(frechet_distance(*rows), rel=1e-9)


def test_distances_are_proven_and_the_rest_is_named(tmp_path: Path) -> None:
    checked = submit([*results_of(), over_sizes()], tmp_path / "s", CARD, Enclosed("moments"))
    verdict = checked.verdicts[-1]
    assert (verdict.rule, verdict.state) == ("values against moments", "ok")
    assert "moments prove no interval, nor precision, recall" in verdict.said
    assert checked.tier == "submitted"


def test_where_nothing_follows_from_them_they_are_no_choice(tmp_path: Path) -> None:
    results = results_of(metrics=("precision-recall",))
    with pytest.raises(UsageError, match="follows from moments"):
        submit(results, tmp_path / "s", CARD, Enclosed("moments"))
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("metric", "yes"),
    [("frechet-ddof0", True), ("scale-frechet", True), ("kid", False), ("fd-infinity", False)],
)
def test_what_follows(metric: str, yes: bool) -> None:
    assert follows(metric_from(metric)) is yes


def nudged(tensors: Tensors) -> Tensors:
    return {**tensors, "mean": tensors["mean"] + 0.1}


def skewed(tensors: Tensors) -> Tensors:
    scatter = tensors["scatter"].copy()
    scatter[0, 1] += 1
    return {**tensors, "scatter": scatter}


def impossible(tensors: Tensors) -> Tensors:
    return {**tensors, "scatter": -tensors["scatter"]}


def fewer(tensors: Tensors) -> Tensors:
    return {**tensors, "count": tensors["count"] - 1}


def endless(tensors: Tensors) -> Tensors:
    return {**tensors, "mean": tensors["mean"] * np.inf}


def ragged(tensors: Tensors) -> Tensors:
    return {**tensors, "scatter": tensors["scatter"][:, :2].copy()}


def single(tensors: Tensors) -> Tensors:
    return {name: of.astype(np.float32) for name, of in tensors.items()}


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (nudged, "by its moments"),
        (skewed, "not symmetric"),
        (impossible, "negative"),
        (fewer, "the record says 40"),
        (endless, "not finite"),
        (ragged, "do not belong together"),
        (single, "do not belong together"),
    ],
)
def test_one_moment_changed(tmp_path: Path, edit: Callable[[Tensors], Tensors], why: str) -> None:
    folder = tmp_path / "s"
    submit(results_of(), folder, CARD, Enclosed("moments"))
    path = sorted((folder / "moments").iterdir())[0]
    resave(path, edit)
    assert "digests" in failed(folder)
    reseal(folder, path.relative_to(folder).as_posix())
    assert why in failed(folder)["values against moments"]


def test_one_value_changed_and_moments_of_no_record(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    submit(results_of(metrics=("frechet",)), folder, CARD, Enclosed("moments"))
    (path,) = (folder / "records" / "mine").iterdir()
    body = json.loads(path.read_text())
    body["values"]["frechet"] *= 1.0001
    path.write_text(json.dumps({**body, "seal": seal(body)}))
    reseal(folder, path.relative_to(folder).as_posix())
    assert "by its moments" in failed(folder)["values against moments"]
    other = sorted((folder / "moments").iterdir())[0]
    other.rename(other.with_name("0" * 16 + "-000000000.safetensors"))
    assert failed(folder)["values against moments"]


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "moments").mkdir()
    (tmp_path / "moments" / "a.safetensors").write_bytes(b"\0" * 9)
    with pytest.raises(DataError, match="no safetensors"):
        read_moments(Enclosure(tmp_path), ["moments/a.safetensors"])
