"""Tables of the board: pins, ties, unknown ranks, retractions."""

from __future__ import annotations

from dataclasses import replace

from anyres_bench.evaluation.pairs import Difference
from anyres_bench.leaderboard.site.standing import UNKNOWN_RANK, board_tables
from anyres_bench.results import ImagesRecord, Result
from tests.leaderboard.site.boards import board, entry, ours
from tests.results.records import TASK


def by_value(a: Result, b: Result) -> dict[str, Difference]:
    value = a.values["frechet"] - b.values["frechet"]
    return {"frechet": Difference(value, value - 0.5, value + 0.5)}


def test_controls_are_pinned_and_only_models_are_ranked() -> None:
    (table, *_) = board_tables(board().entries, by_value)
    shown = [(p.entry.result.model.id, p.rank_text) for p in table.placed]
    assert shown == [
        ("real", ""),
        ("good", "1"),
        ("tied", "1"),
        ("worse", "3"),
        ("constant", ""),
        ("bad", ""),
    ]
    assert table.n_models == 3


def test_what_ranks_rest_on_is_kept() -> None:
    (table, *_) = board_tables(board().entries, by_value)
    good, tied, worse = table.placed[1:4]
    assert (good.leader, tied.leader, worse.leader) == ("", "good", "good")
    assert worse.differences == {"frechet": Difference(2.0, 1.5, 2.5)}


def test_without_features_only_intervals_that_do_not_meet_tell_apart() -> None:
    (table, *_) = board_tables(board().entries, lambda a, b: None)
    ranks = {p.entry.result.model.id: p.rank_text for p in table.placed}
    assert (ranks["good"], ranks["tied"], ranks["worse"]) == ("1", UNKNOWN_RANK, "3")


def test_a_submission_that_calls_itself_a_control_is_a_model() -> None:
    (table,) = board_tables([entry("real", 0.0), ours("resample:nearest@8", 5.0)], by_value)
    assert [p.rank_text for p in table.placed] == ["1", ""]


def test_own_images_that_the_reference_holds_too_are_not_ranked() -> None:
    own = ours("folder:x", 0.5)
    copied = replace(own, result=replace(own.result, fake=ImagesRecord(9, 9, 3)))
    (table,) = board_tables([copied, entry("a", 1.0), ours("constant", 9.0)], by_value)
    shown = [(p.entry.result.model.id, p.rank_text) for p in table.placed]
    assert shown == [("a", "1"), ("folder:x", ""), ("constant", "")]
    assert (table.placed[1].entry.role, table.n_models) == (
        "shares 3 images with the reference, not ranked",
        1,
    )


def test_other_images_and_other_seeds_are_other_tables() -> None:
    first, *_ = board().entries
    other = replace(first, result=replace(first.result, seed=1))
    tables = board_tables([first, other], by_value)
    assert len(tables) == len({table.slug for table in tables}) == 2
    assert all(table.first.task == TASK for table in tables)


def test_ids_of_any_characters_make_names_of_files() -> None:
    task = TASK.replace("d:half", "<b>..%2e\\\u202e" + "x" * 300)
    (table,) = board_tables([entry("a", 1.0, task)], by_value)
    assert set(table.slug) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.=-_"
    )
    assert len(table.slug) < 200
