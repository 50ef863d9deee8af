from __future__ import annotations

from dataclasses import replace

import pytest

from anyres_bench.evaluation.headlines import (
    groups_of,
    headlines,
    in_short,
    leaders,
    remarks,
    role_in,
    role_of,
)
from anyres_bench.evaluation.pairs import Difference
from anyres_bench.results import ExtractorRecord, ImagesRecord, Result
from tests.results.records import TASK, interval, model
from tests.results.records import result as record


def result(name: str, value: float, task: str = TASK, higher: bool = False) -> Result:
    return record(
        task=task,
        model=model(name),
        values={"v": value},
        intervals={"v": interval(value - 1, value + 1)},
        higher_is_better={"v": higher},
        n_real=200,
        n_fake=200,
    )


def apart(a: Result, b: Result) -> dict[str, Difference]:
    difference = a.values["v"] - b.values["v"]
    return {"v": Difference(difference, difference - 2, difference + 2)}


def unknown(a: Result, b: Result) -> None:
    return None


def no_limit(result: Result) -> None:
    return None


def test_best_first_whichever_way_is_better() -> None:
    low = [result("a", 3.0), result("b", 1.0)]
    high = [result("a", 3.0, higher=True), result("b", 1.0, higher=True)]
    assert [r.model.id for r in groups_of(low)[0]] == ["b", "a"]
    assert [r.model.id for r in groups_of(high)[0]] == ["a", "b"]


def test_groups_are_of_one_task_in_order_of_size() -> None:
    tasks = [TASK.replace("full64", f"full{size}") for size in (1024, 64, 256)]
    groups = groups_of([result("a", 1.0, task) for task in tasks])
    assert [group[0].task for group in groups] == [tasks[1], tasks[2], tasks[0]]


@pytest.mark.parametrize("pairing", [apart, unknown])
def test_who_is_not_told_apart_leads_too(pairing) -> None:
    (group,) = groups_of([result("real", 0.0), *(result(n, v) for n, v in CLOSE.items())])
    assert [r.model.id for r in leaders(group, pairing)] == ["a", "b"]


CLOSE = {"a": 5.0, "b": 6.0, "c": 9.0}


def test_a_ceiling_wins_nothing() -> None:
    (group,) = groups_of([result("real", 0.0), result("scenes", 0.0)])
    assert leaders(group, apart) == []


def test_two_sentences() -> None:
    other = TASK.replace("full64", "full128")
    results = [result("real", 0.0), *(result(n, v) for n, v in CLOSE.items())]
    results += [result("a", 5.0, other), result("c", 9.0, other), result("constant", 99.0, other)]
    said = in_short(groups_of(results), apart)
    assert said.compared == (
        "1 ceiling, 3 models and 1 floor compared with the images of d on 2 tasks."
    )
    assert said.ahead == "a is ahead on 1; on 1 the best are not told apart."


def sharing(name: str, value: float, n: int = 12) -> Result:
    return replace(result(name, value), fake=ImagesRecord(40, 40, n))


def test_images_that_the_reference_holds_are_not_ahead() -> None:
    copied = sharing("folder:x", 1.0)
    groups = groups_of([copied, *(result(n, v) for n, v in CLOSE.items())])
    said = in_short(groups, apart)
    assert said.ahead == "on 1 the best are not told apart."
    sentence = "folder:x shares 12 images with the reference and is not to be ranked."
    assert said.shared == [sentence]
    assert sentence in remarks(groups[0], no_limit)
    (table,) = headlines(groups, apart)
    shown = {name: (role, cell and cell.best) for name, role, (cell,) in table.rows}
    assert shown["folder:x"] == ("shares 12 images with the reference, not ranked", False)
    assert [name for name, (_, best) in shown.items() if best] == ["a", "b"]


def test_whoever_is_left_alone_is_ahead_of_nobody() -> None:
    said = in_short(groups_of([sharing("folder:x", 1.0, 1), result("a", 5.0)]), apart)
    assert said.ahead == "No task has two models, so nobody is ahead."
    assert said.shared == ["folder:x shares 1 image with the reference and is not to be ranked."]


def test_a_folder_that_shares_nothing_is_a_model() -> None:
    own = sharing("folder:x", 1.0, 0)
    said = in_short(groups_of([own, result("a", 9.0)]), apart)
    assert (said.ahead, said.shared) == ("folder:x is ahead on 1.", [])
    assert role_in(own) == ""


def test_the_first_table() -> None:
    patch = TASK.replace("anyres-full64", "anyres-patch64-min64max0")
    results = [result("a", 5.0), result("b", 9.0), result("a", 2.0, patch)]
    (table,) = headlines(groups_of(results), apart)
    assert [column[1] for column in table.columns] == [
        "whole images, 64 px",
        "64 px windows, canvases of 64 px to native size",
    ]
    rows = {name: cells for name, _, cells in table.rows}
    assert [cell.text for cell in rows["a"] if cell] == ["5", "2"]
    assert rows["a"][0] is not None
    assert rows["a"][0].best
    assert rows["b"][1] is None


def test_roles() -> None:
    assert role_of("real") == "ceiling"
    assert role_of("resample:lanczos@64") == "floor"
    assert role_of("mine") == ""


def test_few_images_are_said() -> None:
    few = replace(result("a", 1.0), n_fake=12)
    assert remarks([few], no_limit)[0].startswith("12 images are few")
    wide = replace(result("a", 1.0), extractor=ExtractorRecord("e", 2048, is_fid=False))
    assert "2048 dimensions" in remarks([wide], no_limit)[0]
    assert remarks([result("a", 1.0)], no_limit) == []


def test_the_ceiling_is_explained_with_its_limit() -> None:
    group = [result("real", 5.0), result("a", 9.0)]
    (said,) = remarks(group, lambda result: 0.25)
    assert "0 cannot be reached" in said
    assert "infinitely many images it is 0.25" in said
    (without,) = remarks(group, no_limit)
    assert "infinitely" not in without


def test_what_ranks_none_is_marked() -> None:
    task = TASK.replace("frechet-ddof1", "detectability")
    group = groups_of([result(n, 1.0, task) for n in ("resample:lanczos@64", "constant", "a")])[0]
    assert "Saturated" in remarks(group, no_limit)[0]
    seen = groups_of([result("a", 0.8, task), result("constant", 1.0, task)])[0]
    assert remarks(seen, no_limit) == []


@pytest.mark.parametrize("grey", [2.0, 2.0 - 1e-9])
def test_a_grey_picture_level_with_a_model_is_none(grey: float) -> None:
    assert remarks(groups_of([result("constant", grey), result("mine", 2.0)])[0], no_limit) == []


def test_no_model_is_marked_where_none_is_told_apart() -> None:
    tied = groups_of([result("real", 0.0), result("a", 5.0), result("b", 6.0)])
    (table,) = headlines(tied, apart)
    assert [cell.best for _, _, (cell,) in table.rows if cell] == [False] * 3
    ahead = groups_of([result("real", 0.0), result("a", 5.0), result("b", 9.0)])
    (table,) = headlines(ahead, apart)
    assert [model for model, _, (cell,) in table.rows if cell and cell.best] == ["a"]


def test_why_kid_puts_grey_above_blur_is_said() -> None:
    task = TASK.replace("frechet", "kid")
    for extractor, is_said in (("builtin-v1", True), ("inception-v3", False)):
        by = ExtractorRecord(extractor, 154, False)
        pair = [replace(result(n, v, task), extractor=by) for n, v in GREY.items()]
        (said,) = remarks(groups_of(pair)[0], no_limit)
        assert ("third power of their length" in said) == is_said


GREY = {"constant": 1.0, "blurred": 2.0}


def test_a_grey_picture_above_a_model_is_a_warning() -> None:
    group = groups_of([result("constant", 1.0), result("mine", 2.0)])[0]
    (said,) = remarks(group, no_limit)
    assert "Not to be trusted" in said
    assert "mine" in said


def test_less_than_chance_is_explained() -> None:
    """Of a folder that held the reference's own pictures AUC was 0.32, chance 0.39 to 0.60."""
    task = TASK.replace("frechet-ddof1", "detectability")
    values = {"ap": 0.39, "auc": 0.32, "auc_null_low": 0.39, "auc_null_high": 0.6}
    copied = replace(
        result("folder:x", 1.0, task),
        values=values,
        intervals={"ap": interval(0.3, 0.46), "auc": interval(0.22, 0.43)},
        higher_is_better={"ap": False, "auc": False},
    )
    (said,) = remarks([copied], no_limit)
    assert said.startswith("folder:x is told from real images less often than by chance")
    assert remarks([replace(copied, values=values | {"auc": 0.45})], no_limit) == []
    unsure = replace(copied, intervals={"auc": interval(0.22, 0.53)})
    assert remarks([unsure], no_limit) == []
