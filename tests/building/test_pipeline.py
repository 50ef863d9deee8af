"""The pipeline: resumable at every image, tidy, and the same whoever ran it."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path

import pandas as pd
import pytest

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.ledger import opened
from anyres_bench.building.outcomes import Outcome
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.collectors.urls import Urls
from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.data.pixels import decode
from anyres_bench.fetching.http import Policy
from tests.building.builds import DECODE, ENGINE, HEADER, files, rejects
from tests.building.rogues import Halves, candidate, given
from tests.servers import Handler, ImageHost, photo, send, serve


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


def test_slow_hosts_are_asked_by_all_threads(tmp_path: Path) -> None:
    """A host that answers only when twelve ask at once; threads are added while they wait."""
    together = threading.Barrier(12, timeout=30)

    def answer(h: Handler) -> None:
        together.wait()
        send(h, photo(int(h.path[1:]), 32, 32))

    with serve(ImageHost(default=answer)) as host:
        (tmp_path / "list.txt").write_text("\n".join(host.url(f"/{i}") for i in range(24)))
        engine = LocalEngine(
            ResourceLimits(threads=12, per_host=12, rate=0), Policy(allow_private=True)
        )
        built = build(Order(Urls(tmp_path / "list.txt"), tmp_path / "out", "u", HEADER), engine)
    assert len(built.dataset.manifest) == 24
    assert host.hits.total() == 24


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


def test_derived_images(tmp_path: Path) -> None:
    listed = (candidate("1@96x128"), candidate("2@64x80", licence_id="CC-BY-4.0"))
    built = build(Order(Halves(listed), tmp_path / "out", "h", DECODE), ENGINE)
    roles = built.dataset.roles
    assert {role: len(images) for role, images in roles.items()} == {"hr": 2, "lr": 2}
    high, low = roles["hr"][0], roles["lr"][0]
    assert (high.file_name, high.size) == ("images/00000/given_1-96x128-left.png", (96, 64))
    assert (high.source_height, high.source_width) == (96, 128)
    assert high.group == low.group == "given_1-96x128"
    assert roles["lr"][1].licence_id == "CC-BY-4.0"
    assert decode(built.dataset.path(low)).pixels.shape == (24, 32, 3)
    provenance = pd.read_parquet(tmp_path / "out" / "provenance.parquet").set_index("file_name")
    assert json.loads(provenance.derived[high.file_name]) == {"cut": "left"}
    kept = Order(Halves(listed, keep_originals=True), tmp_path / "kept", "h", DECODE)
    manifest = build(kept, ENGINE).dataset.manifest
    assert len(manifest) == 6
    assert (tmp_path / "kept/images/00000/given_1-96x128.jpg").read_bytes() == photo(1)


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
