"""The pipeline: resumable at every image, tidy, and the same whoever ran it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from anyres_bench.building.ledger import opened
from anyres_bench.building.outcomes import Outcome
from anyres_bench.building.pipeline import Order, build
from anyres_bench.collectors.collector import Candidate
from anyres_bench.collectors.folder import Folder
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


@dataclass(frozen=True)
class Unlisted(Folder):
    """A folder that cannot be listed to its end; meanwhile something may come to where it goes."""

    meanwhile: Path | None = None

    def candidates(self) -> Iterator[Candidate]:
        yield from super().candidates()
        if self.meanwhile is not None:
            self.meanwhile.write_text("mine", encoding="utf-8")
        raise UsageError("the list ends here")


@pytest.mark.parametrize("is_there", [False, True])
def test_of_a_collection_that_could_not_be_listed_nothing_stays(
    tmp_path: Path, is_there: bool
) -> None:
    (tmp_path / "source").mkdir()
    out = tmp_path / "out"
    if is_there:
        out.mkdir()
    with pytest.raises(UsageError, match="ends here"):
        build(Order(Unlisted(tmp_path / "source"), out, "pictures", HEADER), ENGINE)
    assert out.exists() == is_there
    assert not is_there or not list(out.iterdir())


def test_what_came_into_the_new_folder_meanwhile_is_somebody_elses(tmp_path: Path) -> None:
    """Another run that began a moment before, for one: its ledger went, and its run failed."""
    (tmp_path / "source").mkdir()
    mine = tmp_path / "out" / "notes.txt"
    with pytest.raises(UsageError, match="ends here"):
        build(
            Order(Unlisted(tmp_path / "source", meanwhile=mine), mine.parent, "a", HEADER), ENGINE
        )
    assert [path.read_text(encoding="utf-8") for path in mine.parent.iterdir()] == ["mine"]
