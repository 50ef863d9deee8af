"""Submissions made to harm: each is refused with its reason, or its text is text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anyres_bench.evaluation.plots import colours_of
from anyres_bench.leaderboard.site.entries import Board, read_board
from anyres_bench.leaderboard.site.pages import SiteContent, pages
from anyres_bench.leaderboard.site.payload import model_values
from anyres_bench.leaderboard.site.standing import board_tables
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, submit
from anyres_bench.results.record import seal
from tests.leaderboard.site.test_pages import BAD, Tags
from tests.leaderboard.submitted import cache_in, copied, reseal, results_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Submissions: an honest one, and one to be made hostile."""
    home = tmp_path_factory.mktemp("made")
    with cache_in(home):
        for name in ("honest", "evil"):
            submit(results_of(name), home / "s" / name, Card("MIT", "x"), Enclosed("none"))
    return home


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copied(made, tmp_path, monkeypatch)
    return tmp_path / "s"


def refusal(folder: Path) -> str:
    """Why the evil one is refused; the honest one stands whatever it does."""
    board = read_board((), [folder])
    assert {entry.result.model.id for entry in board.entries} == {"honest"}
    [one] = board.refused
    assert one.name == "evil"
    assert one.reasons
    return "; ".join(one.reasons)


def rewrite(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest of the evil one, with a seal that fits."""
    path = folder / "evil" / "submission.json"
    body = json.loads(path.read_text())
    edit(body)
    path.write_text(json.dumps(body | {"seal": seal(body)}))


def record(folder: Path) -> Path:
    return sorted((folder / "evil" / "records").rglob("*.json"))[0]


def replaced(folder: Path, text: str) -> None:
    """Other bytes for a record of the evil one, with a digest that fits."""
    path = record(folder)
    path.write_text(text)
    reseal(folder / "evil", path.relative_to(folder / "evil").as_posix())


def shown(board: Board) -> dict[str, str]:
    colours = colours_of(entry.result.model.id for entry in board.entries)
    tables = board_tables(board.entries, lambda a, b: None)
    models = model_values(board.entries, colours)
    planes: dict[str, list[Any]] = {"consistency": [], "cost": []}
    return pages(SiteContent("t", board, tables, models, colours, {}, planes, False))


@pytest.mark.parametrize("field", ["licence", "training_data", "link", "contact", "notes"])
def test_script_in_a_field_of_the_card(folder: Path, field: str) -> None:
    rewrite(folder, lambda body: body["card"].update({field: BAD}))
    board = read_board((), [folder])
    assert not board.refused
    for text in shown(board).values():
        tags = Tags(text).tags
        assert all(str(of.get("src")).startswith("assets/") for tag, of in tags if tag == "script")
        assert not [of for _, of in tags if any(name.startswith("on") for name in of)]


def test_script_in_the_id_of_a_model(tmp_path: Path, folder: Path) -> None:
    submit(results_of(BAD), folder / "third", Card("MIT", "x"), Enclosed("none"))
    board = read_board((), [folder])
    assert BAD in {entry.result.model.id for entry in board.entries}
    for text in shown(board).values():
        assert "<script>alert" not in text


def test_script_in_the_name_of_a_folder(folder: Path) -> None:
    (folder / "evil").rename(folder / "<img src=x onerror=alert(1)>")
    (folder / "<img src=x onerror=alert(1)>" / "submission.json").write_text("{")
    board = read_board((), [folder])
    assert not [tag for tag, _ in Tags(shown(board)["log.html"]).tags if tag == "img"]


def test_json_nested_deeply(folder: Path) -> None:
    deep = "[" * 200_000 + "]" * 200_000
    (folder / "evil" / "submission.json").write_text(deep)
    assert "manifest" in refusal(folder)


def test_a_record_nested_deeply(folder: Path) -> None:
    text = (
        record(folder)
        .read_text()
        .replace('"seed"', '"x": ' + "[" * 100_000 + "]" * 100_000 + ', "seed"', 1)
    )
    replaced(folder, text)
    assert "records" in refusal(folder)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none(folder: Path, word: str) -> None:
    body = json.loads(record(folder).read_text())
    number = json.dumps(next(iter(body["values"].values())))
    replaced(folder, record(folder).read_text().replace(number, word))
    assert "records" in refusal(folder)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "records/../../honest/x"])
def test_paths_that_climb(folder: Path, name: str) -> None:
    rewrite(folder, lambda body: body["files"].update({name: {"n_bytes": 1, "sha256": "0" * 64}}))
    assert "digests" in refusal(folder)


def test_a_record_that_is_a_link(folder: Path) -> None:
    path = record(folder)
    path.unlink()
    path.symlink_to(sorted((folder / "honest" / "records").rglob("*.json"))[0])
    assert "layout" in refusal(folder)


def test_a_submission_that_is_a_link(folder: Path, tmp_path: Path) -> None:
    (folder / "evil").rename(tmp_path / "elsewhere")
    (folder / "evil").symlink_to(tmp_path / "elsewhere")
    assert refusal(folder) == "layout: it is a link"


def test_two_records_of_one_key(folder: Path) -> None:
    again = record(folder).with_name("again.json")
    again.write_bytes(record(folder).read_bytes())
    reseal(folder / "evil", again.relative_to(folder / "evil").as_posix())
    assert "no record twice" in refusal(folder)


def test_the_id_of_another_model(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder / "evil")
    submit(results_of("honest"), folder / "zevil", Card("MIT", "x"), Enclosed("none"))
    board = read_board((), [folder])
    assert [one.name for one in board.refused] == ["zevil"]
    assert len(board.entries) == 2


def test_huge_text(folder: Path) -> None:
    rewrite(folder, lambda body: body["card"].update({"notes": "x" * 1_000_000}))
    assert "characters" in refusal(folder)


def test_an_id_that_fills_a_table(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder / "evil")
    submit(results_of("x" * 5000), folder / "evil", Card("MIT", "x"), Enclosed("none"))
    assert "5000 characters" in refusal(folder)


def test_a_huge_file(folder: Path) -> None:
    with (folder / "evil" / "submission.json").open("r+b") as file:
        file.truncate(9 << 20)
    assert "manifest" in refusal(folder)


def test_a_wrong_digest(folder: Path) -> None:
    name = record(folder).relative_to(folder / "evil").as_posix()
    rewrite(folder, lambda body: body["files"][name].update({"sha256": "0" * 64}))
    assert "digests" in refusal(folder)
