"""A dataset is put together again when images are withdrawn."""

from __future__ import annotations

from pathlib import Path

from anyres_bench.building.assemble import withdraw
from anyres_bench.building.outcomes import Outcome
from anyres_bench.building.pipeline import Order, build
from tests.building.builds import DECODE, ENGINE, files, rejects
from tests.building.rogues import given


def test_what_was_set_aside_comes_back(tmp_path: Path) -> None:
    """The better one of a pair is withdrawn: the other, which was kept aside, takes its place."""
    order = Order(given("1@80x107", "1@96x128", "2"), tmp_path / "out", "g", DECODE)
    build(order, ENGINE)
    best = "images/00000/given_1-96x128.jpg"
    assert best in files(tmp_path / "out")
    smaller = withdraw(tmp_path / "out", {best: "licence"})
    assert {r.source_id for r in smaller.dataset.manifest} == {"1@80x107", "2"}
    assert files(tmp_path / "out") == {r.file_name for r in smaller.dataset.manifest}
    assert rejects(tmp_path / "out") == {"1@96x128": "licence"}
    done: list[Outcome] = []
    again = build(order, ENGINE, on_outcome=done.append)
    assert not done, "what was withdrawn is not collected again"
    assert again.dataset.digest == smaller.dataset.digest
