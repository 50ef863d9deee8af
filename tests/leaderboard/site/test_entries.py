"""What may stand on a board, and whose word counts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.leaderboard.committed import SCENES
from anyres_bench.leaderboard.log import LogLine
from anyres_bench.leaderboard.site.differences import pairing_of
from anyres_bench.leaderboard.site.entries import read_board
from anyres_bench.leaderboard.site.standing import board_tables
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, submit
from anyres_bench.models.embedded import embedded_weights
from anyres_bench.results import Result, write_result
from tests.leaderboard.submitted import cache_in, copied, results_of

CARD = Card("MIT", "x")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two submissions, one with features."""
    home = tmp_path_factory.mktemp("made")
    with cache_in(home):
        submit(results_of("one"), home / "s" / "one", CARD, Enclosed("float32"))
        submit(results_of("two"), home / "s" / "two", CARD, Enclosed("none"))
    return home


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copied(made, tmp_path, monkeypatch)
    return tmp_path / "s"


def own(folder: Path, *results: Result) -> Path:
    for result in results:
        write_result(folder, result)
    return folder


def seal_of(folder: Path) -> str:
    return str(json.loads((folder / "submission.json").read_text())["seal"])


def test_tiers_are_those_of_the_checks(folder: Path) -> None:
    board = read_board((), [folder])
    tiers = {(entry.result.model.id, entry.tier) for entry in board.entries}
    assert tiers == {("one", "recomputed"), ("two", "submitted")}
    assert not board.refused


def test_a_submission_may_be_named_by_itself(folder: Path, tmp_path: Path) -> None:
    mine = own(tmp_path / "mine", *results_of("mine"))
    board = read_board([mine, folder / "two"])
    assert {entry.tier for entry in board.entries} == {"re-rendered", "submitted"}


def test_a_refused_one_stays_out_and_is_named(folder: Path) -> None:
    record = next((folder / "one" / "records").rglob("*.json"))
    record.write_text(record.read_text().replace('"frechet":', '"frechet" :', 1))
    board = read_board((), [folder])
    assert {entry.result.model.id for entry in board.entries} == {"two"}
    assert board.refused[0].name == "one"
    assert any(reason.startswith("digests") for reason in board.refused[0].reasons)


def test_a_folder_without_a_manifest_is_no_results_of_ours(folder: Path) -> None:
    own(folder / "sneaked", *results_of("sneaked"))
    board = read_board((), [folder])
    assert "sneaked" not in {entry.result.model.id for entry in board.entries}
    assert [one.name for one in board.refused] == ["sneaked"]


def test_submissions_within_results_are_a_mistake(folder: Path) -> None:
    with pytest.raises(UsageError, match="--submissions"):
        read_board([folder])


def test_one_model_is_one_submission(folder: Path) -> None:
    submit(results_of("one"), folder / "zzz", CARD, Enclosed("none"))
    board = read_board((), [folder])
    assert [one.name for one in board.refused] == ["zzz"]
    assert "is in submission one already" in board.refused[0].reasons[0]


def test_the_log_says_who_was_first(folder: Path) -> None:
    later = folder / "zzz"
    submit(results_of("one"), later, CARD, Enclosed("none"))
    lines = [
        LogLine("2026-01-01", "submitted", seal_of(each), "", each_model, "")
        for each, each_model in ((later, "one"), (folder / "one", "one"), (folder / "two", "two"))
    ]
    assert [one.name for one in read_board((), [folder], lines).refused] == ["one"]


def test_what_is_not_in_the_log_stays_out(folder: Path) -> None:
    line = LogLine("2026-01-01", "submitted", seal_of(folder / "two"), "", "two", "")
    [one] = read_board((), [folder], [line]).refused
    assert (one.name, one.reasons[0][:16]) == ("one", "entry in the log")


def test_what_was_mended_takes_the_place_of_what_was_retracted(folder: Path) -> None:
    submit(results_of("two"), folder / "two-again", CARD, Enclosed("float32"))
    lines = [
        LogLine("2026-01-01", "submitted", seal_of(folder / "two"), "", "two", ""),
        LogLine("2026-01-02", "retracted", seal_of(folder / "two"), "", "two", "no features"),
        LogLine("2026-01-03", "submitted", seal_of(folder / "two-again"), "", "two", ""),
        LogLine("2026-01-03", "submitted", seal_of(folder / "one"), "", "one", ""),
    ]
    board = read_board((), [folder], lines)
    assert not board.refused
    twos = [entry for entry in board.entries if entry.result.model.id == "two"]
    assert [(e.tier, e.retracted is None) for e in twos] == [("recomputed", True)] * 2 + [
        ("submitted", False)
    ] * 2
    for table in board_tables(board.entries, pairing_of(board.entries)):
        assert [p.entry.result.model.id for p in table.placed].count("two") == 2


def test_own_results_win_and_take_the_card(folder: Path, tmp_path: Path) -> None:
    mine = own(tmp_path / "mine", *results_of("one"))
    board = read_board([mine], [folder])
    ones = [entry for entry in board.entries if entry.result.model.id == "one"]
    assert {(entry.tier, entry.card) for entry in ones} == {("re-rendered", CARD)}


def test_other_values_for_ones_own_keys_are_refused(folder: Path, tmp_path: Path) -> None:
    first, second = results_of("one")
    other = replace(first, values={"frechet": first.values["frechet"] + 1})
    board = read_board([own(tmp_path / "mine", other, second)], [folder])
    assert "has other values" in board.refused[0].reasons[0]


def test_more_numbers_for_a_model_of_ones_own_are_refused(folder: Path, tmp_path: Path) -> None:
    board = read_board([own(tmp_path / "mine", results_of("one")[0])], [folder])
    assert "is that of a model in the results of this board" in board.refused[0].reasons[0]
    assert sum(entry.result.model.id == "one" for entry in board.entries) == 1


def test_the_log_retracts_and_raises(folder: Path) -> None:
    seal = seal_of(folder / "two")
    key = read_board([folder / "two"]).entries[-1].result.key
    lines = [
        LogLine("2026-01-01", "submitted", seal, "", "two", ""),
        LogLine("2026-01-02", "re-rendered", seal, "", "two", ""),
        LogLine("2026-01-03", "retracted", seal, key, "two", "wrong weights"),
    ]
    found = {entry.result.key: entry for entry in read_board([folder / "two"], (), lines).entries}
    gone = [entry for entry in found.values() if entry.retracted]
    assert [entry.result.key for entry in gone] == [key]
    assert {e.tier for e in found.values() if e.result.model.id == "two" and not e.retracted} == {
        "re-rendered"
    }


def test_nothing_to_show(tmp_path: Path) -> None:
    (tmp_path / "s" / "empty").mkdir(parents=True)
    with pytest.raises(DataError, match="no submission that passes"):
        read_board((), [tmp_path / "s"])
    with pytest.raises(DataError, match="is no folder"):
        read_board((), [tmp_path / "none"])


def test_models_of_the_package_have_the_licence_of_their_checkpoints(tmp_path: Path) -> None:
    """Weights that nobody knows beside them leave all of it unstated."""
    digest = {one.name: one.digest for one in embedded_weights()}["stage1-seed0"]
    embedded = f"stage1-seed0@{digest[:12]}+psi1"
    names = (f"lanczos({embedded};u8)", f"liif-edsr@0123456789ab({embedded};u8)", "constant:128")
    paths = [own(tmp_path / str(i), *results_of(name)[:1]) for i, name in enumerate(names)]
    cards = {one.result.model.id: one.card for one in read_board(paths).entries}
    known, other, control = (cards[name] for name in names)
    assert other is control is None
    assert known is not None
    assert known.licence == "Apache-2.0"
    assert "houses-low" in known.training_data
    assert known.trained_on_reference is None  # of images that nobody knows


def test_the_benchmark_s_own_images_are_not_those_of_training() -> None:
    records = read_board((SCENES / "ours-seed0",)).entries
    assert {one.card and one.card.trained_on_reference for one in records} == {False}
