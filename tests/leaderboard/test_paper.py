from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import WeightsError
from anyres_bench.data.protocols import protocol_from
from anyres_bench.evaluation.suites import PAPER
from anyres_bench.features.weights import WEIGHTS
from anyres_bench.leaderboard.paper import column, paper_cells, paper_table
from anyres_bench.models.families import published_weights
from anyres_bench.models.loading import resolve
from anyres_bench.results.claims import published_claims

KNOWN = {
    ("MS-PE", "ffhq6k"): ["6.75", "30.41", "unknown", "unknown"],
    ("Anycost-GAN", "ffhq6k"): ["4.24", "5.94", "6.47", "18.39"],
    ("AnyRes-GAN", "ffhq6k"): ["3.34", "3.71", "4.06", "2.96"],
    ("Real-ESRGAN (SR of 256 base)", "ffhq6k"): ["unknown", "unknown", "unknown", "16.92"],
    ("AnyRes-GAN", "church"): ["unknown", "unknown", "9.89"],
    ("AnyRes-GAN", "birds"): ["unknown", "unknown", "6.52"],
    ("AnyRes-GAN", "mountains"): ["unknown", "7.99"],
    ("AnyRes-GAN", ""): ["above 0.9, rising with size"],
}


def test_the_table_is_the_published_one() -> None:
    found: dict[tuple[str, str], list[str]] = {}
    for cell in paper_cells():
        found.setdefault((cell.system, cell.dataset), []).append(cell.value)
    assert found == KNOWN


def test_every_claim_of_the_table_has_a_cell() -> None:
    shown = [cell.claim for cell in paper_cells() if cell.claim]
    stated = [c for c in published_claims() if c.protocol.startswith("table of AnyRes-GAN")]
    assert sorted(map(str, shown)) == sorted(map(str, stated))


def test_files_and_protocols_that_it_names_exist() -> None:
    table = paper_table()
    files = published_weights()
    for model in table.models:
        assert set(model.weights) <= files.keys()
        protocols = {query.removeprefix("fid-") for query in PAPER[model.dataset]}
        assert {name.removeprefix("anyres-") for name in model.seconds} <= protocols
    assert set(table.detectability.weights) <= WEIGHTS.keys()


def test_specs_ask_for_the_files_that_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    for model in paper_table().models:
        with pytest.raises(WeightsError, match="|".join(model.weights)):
            resolve(model.spec, model.options, accept_licence=True)


def test_columns_are_called_as_papers_call_them() -> None:
    assert column(protocol_from("anyres-full512")) == "FID 512"
    assert column(protocol_from("anyres-subpatch1024-min1024max0")) == "pFID"
