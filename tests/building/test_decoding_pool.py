"""A decoder that crashes, hangs or eats memory takes one image with it, not the run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.core.errors import DatasetError
from tests.building.rogues import Given, Remote, candidate, given

RULES = Rules(measure="decode")
ENGINE = LocalEngine(ResourceLimits(processes=1, decode_limit=2.0, memory=2048))


@pytest.mark.slow
def test_rogue_images_are_left_out_one_by_one(tmp_path: Path) -> None:
    collector = given("1", "crash", "2", "hang", "eat", "refuse", "3")
    built = build(Order(collector, tmp_path / "out", "g", RULES), ENGINE)
    assert {record.source_id for record in built.dataset.manifest} == {"1", "2", "3"}
    rejects = pd.read_parquet(tmp_path / "out" / "rejects.parquet")
    assert dict(zip(rejects.source_id, rejects.reason, strict=True)) == {
        "crash": "decoder-crashed",
        "hang": "decode-timeout",
        "eat": "memory",
        "refuse": "refused",
    }
    assert not list((tmp_path / "out" / ".collect" / "incoming").iterdir())


def test_what_is_no_fault_of_an_image_stops_the_run(tmp_path: Path) -> None:
    order = Order(given("1", "full", "2"), tmp_path / "out", "g", RULES)
    with pytest.raises(DatasetError, match="No space left on device"):
        build(order, ENGINE)
    assert not (tmp_path / "out" / "dataset.json").exists()


@pytest.mark.parametrize("kind", [Given, Remote])
def test_a_fault_of_the_program_is_one_candidates_fate(tmp_path: Path, kind: type[Given]) -> None:
    listed = (candidate("1"), candidate("bug"), candidate("2"))
    built = build(Order(kind(listed), tmp_path / "out", "g", RULES), ENGINE)
    assert (len(built.dataset.manifest), built.rejects) == (2, {"fault": 1})
    (message,) = pd.read_parquet(tmp_path / "out" / "rejects.parquet").message
    assert "ZeroDivisionError at rogues.py:" in message
    assert "a bug of the collector); report it" in message


def test_no_worker_is_left_behind(tmp_path: Path) -> None:
    before = _children()
    build(Order(given("1"), tmp_path / "out", "g", RULES), ENGINE)
    assert _children() == before


def _children() -> set[str]:
    return set(Path("/proc/self/task").joinpath(_own(), "children").read_text().split())


def _own() -> str:
    import threading

    return str(threading.main_thread().native_id)
