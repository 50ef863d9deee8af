"""The pipeline: resumable at every image, tidy, and the same whoever ran it."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import threading
from pathlib import Path

import pandas as pd
import pytest
import yaml

from anyres_bench.building.assemble import withdraw
from anyres_bench.building.effort import Effort
from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.ledger import opened
from anyres_bench.building.outcomes import Outcome
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.plan import plan
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.urls import Urls
from anyres_bench.core.errors import ConfigError, DatasetError, UnknownNameError, UsageError
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import decode
from anyres_bench.fetching.http import Policy
from tests.building.rogues import Given, Halves, candidate, given
from tests.servers import Handler, ImageHost, photo, send, serve

HEADER = Rules(measure="header")
DECODE = Rules(measure="decode")
ENGINE = LocalEngine(Effort(processes=1))


def files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in (folder / "images").rglob("*")
        if path.is_file()
    }


def rejects(folder: Path) -> dict[str, str]:
    table = pd.read_parquet(folder / "rejects.parquet")
    return dict(zip(table.source_id, table.reason, strict=True))


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
        engine = LocalEngine(Effort(threads=12, per_host=12, rate=0), Policy(allow_private=True))
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


def test_what_others_put_there_is_kept(tmp_path: Path) -> None:
    """Captions, other pictures, and what has the name of an image and is not it."""
    order = Order(given("1", "2", "3"), tmp_path / "out", "g", HEADER)
    images = tmp_path / "out/images/00000"
    first = build(order, ENGINE)
    others = {"given_1.txt": b"a caption", "given_1.png": b"a mask", "mine.jpg": b"mine",
              "sub/deep.json": b"{}", "given_4.jpg": b"before its time"}  # fmt: skip
    for name, data in others.items():
        (images / name).parent.mkdir(exist_ok=True)
        (images / name).write_bytes(data)
    (images / "given_2.jpg").write_bytes(b"edited")
    (images / "given_3.jpg").write_bytes(b"")
    (images / "linked.jpg").symlink_to(tmp_path / "nowhere")
    again = build(order, ENGINE)
    assert again.dataset.digest == first.dataset.digest
    assert again.dataset.path(again.dataset.manifest[1]).read_bytes() == photo(2)
    assert {name: (images / name).read_bytes() for name in others} == others
    assert (tmp_path / "out/.collect/found/images/00000/given_2.jpg").read_bytes() == b"edited"
    assert (images / "linked.jpg").is_symlink()
    assert again.notes == (
        "7 files in images or .collect/found are not of this dataset; left alone",
    )
    more = build(dataclasses.replace(order, collector=given("1", "2", "3", "4")), ENGINE)
    assert (images / "given_4.jpg").read_bytes() == photo(4)
    found = tmp_path / "out/.collect/found/images/00000/given_4.jpg"
    assert found.read_bytes() == b"before its time"
    assert len(more.dataset.manifest) == 4


def test_documents_that_were_edited_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    order = Order(given("1", "2"), out, "g", HEADER)
    build(order, ENGINE)
    (out / "README.md").write_text("my own words")
    (out / "ATTRIBUTION.csv").unlink()
    (out / "notes.md").write_text("mine")
    again = build(order, ENGINE)
    (kept,) = out.glob("README.kept-*.md")
    assert kept.read_text() == "my own words"
    assert f"it is kept as {kept.name}" in again.notes[0]
    assert again.dataset.digest in (out / "README.md").read_text()
    assert (out / "ATTRIBUTION.csv").exists()
    assert (out / "notes.md").read_text() == "mine"
    assert not build(order, ENGINE).notes
    assert list(out.glob("*.kept-*")) == [kept]


def test_near_duplicates(tmp_path: Path) -> None:
    """Two sizes of one photo, twice the same bytes, and another photo."""
    urls = ("1@80x107", "1@96x128", "2", "1@96x128-again", "3")
    listed = [candidate(url.replace("-again", ""), key=f"g_{i}", source_id=url)
              for i, url in enumerate(urls)]  # fmt: skip
    order = Order(Given(tuple(listed)), tmp_path / "out", "g", DECODE)
    dropped = build(order, ENGINE)
    assert {r.source_id for r in dropped.dataset.manifest} == {"1@96x128", "2", "3"}
    assert rejects(tmp_path / "out") == {
        "1@80x107": "near-duplicate",
        "1@96x128-again": "duplicate",
    }
    assert files(tmp_path / "out") == {r.file_name for r in dropped.dataset.manifest}
    for policy, n_groups in (("group", 3), ("keep", 4)):
        rules = Rules(measure="decode", near_duplicates=policy)
        kept = build(dataclasses.replace(order, folder=tmp_path / policy, rules=rules), ENGINE)
        manifest = kept.dataset.manifest
        assert {r.source_id for r in manifest} == {"1@80x107", "1@96x128", "2", "3"}
        assert len({r.group for r in manifest}) == n_groups


def test_low_and_high_versions_are_one_group_and_both_stay(tmp_path: Path) -> None:
    listed = [
        candidate("1@96x128", key="g_hr"),
        candidate("1@80x107", key="g_lr", role="lr"),
        candidate("2@48x64", key="h_lr", role="lr", group="photo 2"),
        candidate("3@96x128", key="h_hr", group="photo 2"),
    ]
    built = build(Order(Given(tuple(listed)), tmp_path / "out", "g", DECODE), ENGINE)
    groups = {record.source_id: record.group for record in built.dataset.manifest}
    assert groups["1@96x128"] == groups["1@80x107"]
    assert groups["2@48x64"] == groups["3@96x128"] == "photo 2"
    assert len(set(groups.values())) == 2


def test_no_group_straddles_splits(tmp_path: Path) -> None:
    listed = [
        candidate("1@96x128", key="a", split="train"),
        candidate("1@80x107", key="b", role="lr", split="test"),
        candidate("2", key="c", split="test"),
    ]
    built = build(Order(Given(tuple(listed)), tmp_path / "out", "g", DECODE), ENGINE)
    assert {r.source_id for r in built.dataset.manifest} == {"1@96x128", "2"}
    assert rejects(tmp_path / "out") == {"1@80x107": "straddles-splits"}


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


def test_rules_apply_to_claims_and_to_pixels(tmp_path: Path) -> None:
    listed = (
        candidate("1@96x128"),
        candidate("2@40x60"),
        candidate("3@40x60", height=500, width=500),
        candidate("bug", height=40, width=60),
        candidate("bug-2", licence_id="ARR"),
        candidate("4@96x400"),
    )
    rules = Rules(min_side=50, max_aspect=3, licences=("unknown",), measure="header")
    build(Order(Given(listed), tmp_path / "out", "g", rules), ENGINE)
    assert rejects(tmp_path / "out") == {
        "2@40x60": "too-small",
        "3@40x60": "too-small",
        "bug": "too-small",
        "bug-2": "licence",
        "4@96x400": "aspect",
    }


def test_the_card_and_the_tables_say_it_all(tmp_path: Path) -> None:
    listed = (
        candidate("1", author="Ann", licence_id="CC-BY-4.0", extra={"score": 2}),
        candidate("2", licence_id="CC-BY-ND-2.0"),
        candidate("3", licence_id="all-rights-reserved"),
        candidate("refuse"),
    )
    built = build(Order(Given(listed), tmp_path / "out", "g", Rules()), ENGINE)
    card = (tmp_path / "out" / "README.md").read_text()
    for words in (
        "license: other",
        built.dataset.digest,
        built.dataset.recipe_id,
        "**Not to be passed on.** Some images are under all-rights-reserved",
        "**No changed versions.** CC-BY-ND-2.0",
        "1  refused",
        "shorter side in pixels",
        "effective resolution",
        '"near_duplicates": "drop"',
    ):
        assert words in card, words
    credits = (tmp_path / "out" / "ATTRIBUTION.csv").read_text().splitlines()
    assert credits[1].startswith("images/00000/given_1.jpg,Ann,,CC-BY-4.0")
    assert len(credits) == 4
    provenance = pd.read_parquet(tmp_path / "out" / "provenance.parquet")
    assert json.loads(provenance.extra[0]) == {"score": 2}
    assert provenance.blockiness.between(0.9, 3).all()
    assert all(0 < r.effective_resolution <= 1 for r in built.dataset.manifest)  # type: ignore[operator]
    assert Dataset.read(tmp_path / "out").recipe == built.dataset.recipe


def test_nothing_in_the_recipe_names_this_machine(tmp_path: Path) -> None:
    one = build(Order(given("1"), tmp_path / "a", "g", HEADER), ENGINE).dataset
    two = build(Order(given("1"), tmp_path / "b", "g", HEADER), ENGINE).dataset
    assert (one.recipe_id, one.digest) == (two.recipe_id, two.digest)
    assert str(tmp_path) not in json.dumps(one.recipe)


def test_a_plan_fetches_nothing(tmp_path: Path) -> None:
    listed = tuple(
        candidate(f"http://{'ab'[i % 2]}.example/{i}", key=f"{i}", n_bytes=1000 if i else None,
                  licence_id="CC0-1.0" if i < 4 else "ARR")
        for i in range(5)
    )  # fmt: skip
    order = Order(Given((*listed, listed[0])), tmp_path / "out", "g", Rules(licences=("CC0-1.0",)))
    planned = plan(order, Effort(rate=2))
    assert (planned.n_listed, planned.n_left, planned.refused) == (5, 4, {"licence": 1})
    assert planned.licences == {"CC0-1.0": 4, "ARR": 1}
    assert planned.hosts == {"a.example": 2, "b.example": 2}
    assert (planned.n_bytes, planned.n_sized, planned.seconds) == (3000, 3, 1.0)
    assert not (tmp_path / "out").exists()


def test_rules_that_make_no_sense() -> None:
    with pytest.raises(UnknownNameError, match="did you mean decode"):
        Rules(measure="decoded")
    with pytest.raises(UnknownNameError, match="near-duplicates 'delete'"):
        Rules(near_duplicates="delete")
    with pytest.raises(ConfigError, match="distance is 40"):
        Rules(distance=40)


def test_nothing_came(tmp_path: Path) -> None:
    order = Order(given("refuse"), tmp_path / "out", "g", HEADER)
    with pytest.raises(DatasetError, match=r"nothing came into .* 1 refused; see"):
        build(order, ENGINE)
    assert rejects(tmp_path / "out") == {"refuse": "refused"}
    assert not (tmp_path / "out" / "dataset.json").exists()


def test_text_of_others_is_inert_in_what_is_written(tmp_path: Path) -> None:
    licence = 'mit\nviewer: false\nextra: "<b>x</b>"\n```\n<img src=x onerror=alert(1)>'
    listed = (
        candidate("1", author="=cmd|' /C calc'!A0", licence_id=licence, source_url="+1;=2"),
        candidate("2", author="\x1b]0;owned\x07", licence_id=f"{licence}-ND-1"),
    )
    out = tmp_path / "out"
    built = build(Order(Given(listed), out, "g <i>", HEADER), ENGINE)
    _, head, text = (out / "README.md").read_text().split("---\n", 2)
    assert set(yaml.safe_load(head)) == {
        *("pretty_name", "license", "license_name", "task_categories", "size_categories", "configs")
    }
    outside = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.M | re.S)
    assert "<" not in outside
    assert "# g &lt;i&gt;" in outside
    cells = list(csv.reader((out / "ATTRIBUTION.csv").read_text().splitlines()))
    assert [row[1] for row in cells[1:]] == ["'=cmd|' /C calc'!A0", "\\x1b]0;owned\\x07"]
    assert cells[1][2] == "'+1;'=2"
    assert "\x1b" not in built.text() + plan(Order(Given(listed), out, "g"), Effort()).text()
    one = Order(Given((candidate("1", licence_id="CC-BY-4.0"),)), tmp_path / "one", "g", HEADER)
    build(one, ENGINE)
    assert "\nlicense: cc-by-4.0\n" in (tmp_path / "one" / "README.md").read_text()


@pytest.mark.parametrize(
    "id_", ["user/birds", "photos:2024", "a@b", "", " a", ".a", "a\nb", "x" * 200]
)
def test_ids_that_no_task_can_name(tmp_path: Path, id_: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be the id of a dataset.*--id birds-2024"):
        Order(given("1"), tmp_path / "out", id_, HEADER)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("threads", 0), ("per_host", 0), ("processes", -1), ("rate", -1.0), ("rate", float("nan")),
     ("deadline", 0.0), ("memory", 0), ("max_megabytes", float("inf")), ("decode_limit", -3.0)],
)  # fmt: skip
def test_efforts_that_make_no_sense(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')} is {value}"):
        Effort(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rules", [None, 7, [], {}, {"licences": 3}, {"licences": [], "measure": "x"},
              {"licences": [], "distance": "31"}, {"licences": [], "surprise": 1}],
)  # fmt: skip
def test_rules_of_a_recipe_that_are_none(rules: object) -> None:
    with pytest.raises(DatasetError, match="rules of the recipe are damaged"):
        Rules.of(rules)
