"""The pipeline: resumable at every image, tidy, and the same whoever ran it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from anyres_bench.building.ledger import opened
from anyres_bench.building.outcomes import Outcome
from anyres_bench.building.pipeline import Order, build
from anyres_bench.core.errors import DatasetError, UsageError
from tests.building.builds import ENGINE, HEADER, files, rejects
from tests.building.rogues import given


def test_stopping_keeps_what_is_done(tmp_path: Path) -> None:
    order = Order(given(*map(str, range(30))), tmp_path / "out", "g", HEADER)
    n = 0

    def interrupt(outcome: Outcome) -> None:
        nonlocal n
        n += 1
        if n == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(order, ENGINE, on_outcome=interrupt)
    assert not (tmp_path / "out" / "dataset.json").exists(), "what is not whole is no dataset"
    rest: list[Outcome] = []
    resumed = build(order, ENGINE, on_outcome=rest.append)
    assert len(rest) == 30 - 12
    whole = build(dataclasses.replace(order, folder=tmp_path / "other"), ENGINE)
    assert resumed.dataset.digest == whole.dataset.digest


def test_what_a_killed_run_left_behind_goes(tmp_path: Path) -> None:
    order = Order(given("1", "2"), tmp_path / "out", "g", HEADER)
    first = build(order, ENGINE)
    ours = first.dataset.path(first.dataset.manifest[1])
    for name in (".given_1.png.123-0123abcd.tmp", ours.name):  # that of a row never committed
        (tmp_path / "out/images/00000" / name).write_bytes(ours.read_bytes())
    (tmp_path / "out/.collect/incoming/given_9").write_bytes(b"half")
    with opened(tmp_path / "out") as ledger:
        ledger.redo([2])
    again = build(order, ENGINE)
    assert files(tmp_path / "out") == {r.file_name for r in again.dataset.manifest}
    assert again.dataset.digest == first.dataset.digest
    assert not list((tmp_path / "out/.collect/found").rglob("*.jpg"))
    assert not again.notes


def test_nothing_in_the_recipe_names_this_machine(tmp_path: Path) -> None:
    one = build(Order(given("1"), tmp_path / "a", "g", HEADER), ENGINE).dataset
    two = build(Order(given("1"), tmp_path / "b", "g", HEADER), ENGINE).dataset
    assert (one.recipe_id, one.digest) == (two.recipe_id, two.digest)
    assert str(tmp_path) not in json.dumps(one.recipe)


def test_nothing_came(tmp_path: Path) -> None:
    order = Order(given("refuse"), tmp_path / "out", "g", HEADER)
    with pytest.raises(DatasetError, match=r"nothing came into .* 1 refused; see"):
        build(order, ENGINE)
    assert rejects(tmp_path / "out") == {"refuse": "refused"}
    assert not (tmp_path / "out" / "dataset.json").exists()


@pytest.mark.parametrize(
    "id_", ["user/birds", "photos:2024", "a@b", "", " a", ".a", "a\nb", "x" * 200]
)
def test_ids_that_no_task_can_name(tmp_path: Path, id_: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be the id of a dataset.*--id birds-2024"):
        Order(given("1"), tmp_path / "out", id_, HEADER)
    assert not (tmp_path / "out").exists()
