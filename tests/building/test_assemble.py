"""A dataset is put together again when images are withdrawn."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from anyres_bench.building.assemble import withdraw
from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.files import remove
from anyres_bench.building.ledger import opened
from anyres_bench.building.outcomes import Outcome
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.collectors.folder import Folder
from anyres_bench.collectors.urls import Urls
from anyres_bench.core.errors import DatasetError
from anyres_bench.fetching.http import Policy
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


def test_a_withdrawal_that_was_stopped_is_ended_by_the_next(tmp_path: Path) -> None:
    """Between any two of its steps: no file of what was withdrawn stays behind."""
    given_ = given("1@80x107", "2", "3")
    one, two = "images/00000/given_1-80x107.jpg", "images/00000/given_2.jpg"
    for i, steps in enumerate((1, 2, 3)):
        for finish in ("withdraw", "build"):
            folder = tmp_path / f"{finish}{i}"
            order = Order(given_, folder, "g", DECODE)
            build(order, ENGINE)
            with opened(folder) as ledger:
                ledger.withdraw({one: "objection"})
                if steps > 1:
                    remove(ledger.inside, ledger.withdrawn())
                if steps > 2:
                    ledger.forget(ledger.withdrawn())
            listed = {one: "objection", two: "objection"}
            built = withdraw(folder, listed) if finish == "withdraw" else build(order, ENGINE)
            left = {"3"} if finish == "withdraw" else {"2", "3"}
            assert {r.source_id for r in built.dataset.manifest} == left
            assert files(folder) == {r.file_name for r in built.dataset.manifest}
            assert not built.notes


def test_what_was_withdrawn_is_never_tried_again(tmp_path: Path) -> None:
    order = Order(given("1", "2"), tmp_path / "out", "g", DECODE)
    build(order, ENGINE)
    withdraw(tmp_path / "out", {"images/00000/given_1.jpg": "objection"})
    again = build(dataclasses.replace(order, retry=("objection",)), ENGINE)
    assert [r.source_id for r in again.dataset.manifest] == ["2"]


def test_where_nothing_comes_one_of_the_most_frequent_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "in" / name).write_text("no picture\n" * 100)
    (tmp_path / "in" / "c.jpg").write_text("<html>")
    order = Order(Folder(tmp_path / "in"), tmp_path / "out", "g", DECODE)
    with pytest.raises(DatasetError, match=r"2 not-an-image, 1 html; .+ Such as a\.jpg: ") as told:
        build(order, ENGINE)
    assert len(str(told.value)) < 1000
    assert "tries it again" not in str(told.value)


def test_what_failed_in_passing_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("http://127.0.0.1:1/a.jpg\n")
    policy = dataclasses.replace(Policy(allow_private=True), n_retries=0)
    order = Order(Urls(tmp_path / "list.txt"), tmp_path / "out", "g", DECODE)
    with pytest.raises(DatasetError, match=r"1 connect; .+ reached.+; the same command tries it"):
        build(order, LocalEngine(ResourceLimits(processes=1), policy))
