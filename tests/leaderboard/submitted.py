"""Results with kept features, and a submission of them, to test with."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from anyres_bench.core.files import cache_dir, sha256_bytes
from anyres_bench.evaluation.specs import KeptSpec, keep_specs
from anyres_bench.evaluation.strata import joined, real_side, state_name
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import FeatureStore
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, write_submission
from anyres_bench.metrics.measuring import Measurement, measure
from anyres_bench.metrics.metric import metric_from
from anyres_bench.results import ExtractorRecord, FeaturesRecord, Result, Task
from anyres_bench.results.record import seal
from tests.results.records import model, result

N, DIM = 40, 4
SHIFT = 0.5  # of the fakes
EXTRACTOR = "builtin-v1"


def rows_of(side: str, shift: float = 0.0) -> FeatureBank:
    """Features of a side."""
    rows = np.random.default_rng(len(side)).normal(shift, 1, (N, DIM)).astype(np.float32)
    return FeatureBank(np.arange(N), np.arange(N), rows)


@functools.cache
def measured_by(metric: str) -> Measurement:
    """A metric of the features of both sides."""
    return measure(metric_from(metric), rows_of("real"), rows_of("fake", SHIFT), 0)


def kept(
    side: str, shift: float = 0.0, label: str = "patch32-at32"
) -> tuple[FeatureBank, FeaturesRecord]:
    """Features of a side, in the cache as `evaluate` keeps them."""
    bank = rows_of(side, shift)
    key = {"side": side, "protocol": label, "seed": 0, "n": N}
    store = FeatureStore(cache_dir() / "features")
    store.save({**key, "extractor": EXTRACTOR, "shard": [0, N]}, bank)
    return bank, FeaturesRecord(key, N)


def results_of(
    name: str = "mine", metrics: tuple[str, ...] = ("frechet", "precision-recall")
) -> list[Result]:
    """Results of one model, a metric each, from features that are kept."""
    _, of_real = kept("real")
    _, of_fake = kept("fake", SHIFT)
    keep_specs([KeptSpec(name, f"out/{name}", {"psi": "0.7"})], {EXTRACTOR: "builtin"})
    made = []
    for text in metrics:
        metric = metric_from(text)
        measured = measured_by(text)
        made.append(
            result(
                task=Task("d:half", "patch32-at32", metric.id, EXTRACTOR, N).id,
                model=replace(model(name)),
                values=dict(measured.values),
                intervals=dict(measured.intervals),
                higher_is_better=dict(metric.higher_is_better),
                extractor=ExtractorRecord(EXTRACTOR, DIM, is_fid=False),
                n_real=N,
                n_fake=N,
                states={"real": of_real, "fake": of_fake},
            )
        )
    return made


def over_sizes() -> Result:
    """A result over two canvas sizes, each of which is a stratum of both sides."""
    found = {
        state_name(side, size): kept(side, shift, f"{side}{size}")
        for side, shift in (("real", 0.0), ("fake", SHIFT))
        for size in ("32", "64")
    }
    metric = metric_from("scale-frechet")
    sides = joined({name: bank for name, (bank, _) in found.items()})
    measured = measure(metric, real_side(sides), sides["fake"], 0)
    (plain, _) = results_of()
    return replace(
        plain,
        task=Task("d:half", "ar1-patch32-min32max64-octaves", metric.id, EXTRACTOR, N).id,
        values=measured.values,
        intervals=measured.intervals,
        higher_is_better=dict(metric.higher_is_better),
        n_real=2 * N,
        n_fake=2 * N,
        states={name: state for name, (_, state) in found.items()},
    )


@contextmanager
def cache_in(folder: Path) -> Iterator[None]:
    """The cache in a folder, for fixtures of a whole module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANYRES_BENCH_CACHE", str(folder / "cache"))
        yield


def copied(made: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy what was made once, and use the copy of its cache."""
    shutil.copytree(made, to, dirs_exist_ok=True)
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(to / "cache"))


def unchecked(results: list[Result], out: Path, card: Card, enclosed: Enclosed) -> None:
    """A submission that nothing was held against when it was made."""
    out.mkdir(parents=True)
    write_submission(out, results, card, enclosed)


def resave(path: Path, edit: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> None:
    """Change the tensors of a file, whose header stays."""
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    path.write_bytes(save(edit(load(data)), header["__metadata__"]))


def reseal(folder: Path, name: str) -> None:
    """Give `submission.json` the digest that a file has now, and a seal that fits."""
    path = folder / "submission.json"
    body = json.loads(path.read_text())
    data = (folder / name).read_bytes()
    body["files"][name] = {"n_bytes": len(data), "sha256": sha256_bytes(data)}
    body["seal"] = seal(body)
    path.write_text(json.dumps(body))
