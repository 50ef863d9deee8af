"""Baselines are scored by the same `evaluate` as any other model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anyres_bench.models.families import published_weights
from tests.baselines import tiny
from tests.commands import run
from tests.fakes import write_dataset

TASK = "patch32-at40/frechet"


@pytest.mark.parametrize(
    "spec", [pytest.param("anycost", marks=pytest.mark.slow), "liif:anycost:ch0.5@32"]
)
def test_from_a_file_put_in_its_place_to_a_record(
    spec: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    for name, make in {
        "anycost-ffhq-config-f": tiny.anycost_file,
        "liif-edsr-baseline": tiny.liif_file,
    }.items():
        place = published_weights()[name].path
        place.parent.mkdir(parents=True, exist_ok=True)
        Path(make(tmp_path)).rename(place)
    data = write_dataset(tmp_path / "tiny", [(48 + i, 50 + i) for i in range(12)]).folder
    out = ("--out", str(tmp_path / "results"), "--extractor", "builtin", "--json")
    run("evaluate", spec, "--dataset", data, "--suite", TASK, "--n", 12, *out)
    [record] = json.loads(capsys.readouterr().out)
    assert record["model"]["spec"] == spec
    assert record["model"]["id"].startswith(spec.partition(":")[0])
    assert record["n_fake"] == 12
    assert all(value > 0 for value in record["values"].values())
