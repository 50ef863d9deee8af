"""The recipe of a submission: made of records, held against them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from anyres_bench.core.files import cache_dir
from anyres_bench.core.reporting import report_to
from anyres_bench.evaluation.recipes import read_recipe
from anyres_bench.leaderboard.checks import check
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, submit
from anyres_bench.results import Result
from tests.leaderboard.submitted import reseal, results_of
from tests.reporters import Recorder
from tests.results.records import dataset

CARD = Card("MIT", "own photographs")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def results() -> list[Result]:
    return results_of()


def state(folder: Path) -> tuple[str, str]:
    verdict = next(v for v in check(folder).verdicts if v.rule == "recipe")
    return verdict.state, verdict.said


def test_it_says_how_model_and_extractors_were_asked_for(
    tmp_path: Path, results: list[Result]
) -> None:
    submit(results, tmp_path / "s", CARD, Enclosed())
    recipe = read_recipe(tmp_path / "s" / "recipe.toml")
    assert (recipe.model.id, recipe.model.spec) == ("mine", "out/mine")
    assert recipe.model.options == {"psi": "0.7"}
    assert recipe.extractors == {"builtin-v1": "builtin"}
    assert recipe.numbers == {one.task: dict(one.values) for one in results}
    assert state(tmp_path / "s") == ("ok", "2 records, as the recipe has them")


def test_images_and_seeds_have_a_recipe_each(tmp_path: Path, results: list[Result]) -> None:
    several = [
        *results,
        *(replace(one, seed=1) for one in results),
        *(replace(one, dataset=dataset("9" * 64)) for one in results),
    ]
    submit(several, tmp_path / "s", CARD, Enclosed())
    files = sorted(path.name for path in (tmp_path / "s").glob("*.toml"))
    assert files == ["recipe-2.toml", "recipe-3.toml", "recipe.toml"]
    assert {read_recipe(path).seed for path in (tmp_path / "s").glob("*.toml")} == {0, 1}
    assert state(tmp_path / "s")[0] == "ok"


def test_where_it_is_not_known_it_is_left_out_and_that_is_told(
    tmp_path: Path, results: list[Result]
) -> None:
    shutil.rmtree(cache_dir() / "specs")
    recorder = Recorder()
    with report_to(recorder):
        submit(results, tmp_path / "s", CARD, Enclosed())
    assert any("no recipe is enclosed" in line for line in recorder.said)
    assert state(tmp_path / "s") == ("not said", "no recipe")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('id = "mine"', 'id = "theirs"', "of theirs"),
        ("seed = 0", "seed = 1", "by its seed (1)"),
        ("0000", "1000", "on its images (1000"),
        ("frechet = ", "frechet = 1", "are not those of the record"),
        ('torch = "2"', 'torch = "3"', "versions"),
        ("schema", "scheme", "no recipe"),
        ("seed = 0", "seed = 0\nseed = 0", "no recipe"),
        ('id = "d"', 'id = "e"', "calls its images e"),
    ],
)
def test_one_that_says_otherwise_is_refused(
    tmp_path: Path, results: list[Result], old: str, new: str, why: str
) -> None:
    submit(results, tmp_path / "s", CARD, Enclosed())
    path = tmp_path / "s" / "recipe.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    assert "digests" in {v.rule for v in check(tmp_path / "s").verdicts if v.state == "failed"}
    reseal(tmp_path / "s", "recipe.toml")
    found, said = state(tmp_path / "s")
    assert found == "failed"
    assert why in said


def test_one_without_a_record_s_task_is_refused(tmp_path: Path, results: list[Result]) -> None:
    submit(results[:1], tmp_path / "half", CARD, Enclosed())
    submit(results, tmp_path / "s", CARD, Enclosed())
    shutil.copy(tmp_path / "half" / "recipe.toml", tmp_path / "s" / "recipe.toml")
    reseal(tmp_path / "s", "recipe.toml")
    assert "no recipe has" in state(tmp_path / "s")[1]
