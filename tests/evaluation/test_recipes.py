"""Recipes: what a paper ships with its numbers, run again on the same images or not at all."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.reporting import report_to
from anyres_bench.evaluation.recipes import EvaluationRecipe, read_recipe, to_toml, write_recipe
from anyres_bench.evaluation.reference_plans import ReferenceFile
from anyres_bench.evaluation.requests import Request
from anyres_bench.evaluation.running import EvaluationOptions, run_request
from anyres_bench.evaluation.statistics_export import export_statistics
from tests.fakes import write_dataset
from tests.reference_files import batch, mu_sigma, rows
from tests.reporters import Recorder

SIZES = [(48 + 2 * i, 50 + 4 * (i % 5)) for i in range(8)]
OPTIONS = {"psi": "0.7"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory):
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", SIZES)


def run(source, out: Path, model="constant:90", recipe=None, tasks=("patch32-at40/kid",), seed=3):
    request = Request(tasks, None, 12)
    how = EvaluationOptions(out, seed=seed, batch_size=8, n_workers=0)
    return run_request(model, source, request, {}, how, recipe)


@pytest.fixture(scope="module")
def recipe(dataset, tmp_path_factory: pytest.TempPathFactory) -> EvaluationRecipe:
    outcome = run(dataset, tmp_path_factory.mktemp("out"))
    return EvaluationRecipe.of(outcome.results, {}, outcome.extractors)


def test_a_recipe_comes_back_from_its_file(recipe: EvaluationRecipe, tmp_path: Path) -> None:
    named = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, options=OPTIONS))
    write_recipe(tmp_path / "r.toml", named)
    assert read_recipe(tmp_path / "r.toml") == named
    assert named.tasks == ("tiny:half/patch32-at40/kid/builtin-v1/n12@1",)
    assert named.extractors == {"builtin-v1": "builtin"}
    assert (named.model.id, named.seed) == ("constant:90", 3)


def test_the_same_numbers_come_again(recipe: EvaluationRecipe, dataset, tmp_path: Path) -> None:
    recorder = Recorder()
    with report_to(recorder):
        outcome = run(dataset, tmp_path, None, recipe, ("quick",), seed=0)
    [result] = outcome.results
    assert {result.task: dict(result.values)} == recipe.numbers
    assert (result.seed, recorder.said) == (3, [])
    [other] = run(dataset, tmp_path, "constant:10", recipe).results
    assert other.task == result.task
    assert other.values != result.values


def test_what_became_another_is_told(recipe: EvaluationRecipe, dataset, tmp_path: Path) -> None:
    [task] = recipe.tasks
    old = dataclasses.replace(
        recipe, versions=recipe.versions | {"pillow": "9.0"}, numbers={task: {"kid": 1.0}}
    )
    recorder = Recorder()
    with report_to(recorder):
        run(dataset, tmp_path, None, old)
    assert any("the recipe was made with 9.0" in line for line in recorder.said)
    assert any("kid is" in line and "the recipe has 1.0" in line for line in recorder.said)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": {"id": "tiny", "digest": "0" * 64}}, "numbers on other images"),
        ({"model": {"id": "constant:91", "spec": "constant:90", "options": {}}}, "is now constant"),
        ({"extractors": {"builtin-v0": "builtin"}, "tasks": 0}, "was builtin-v0 and is now"),
    ],
)
def test_other_images_models_and_extractors(
    recipe: EvaluationRecipe, dataset, tmp_path: Path, changes, message: str
) -> None:
    write_recipe(tmp_path / "r.toml", recipe)
    body = tomllib.loads((tmp_path / "r.toml").read_text()) | changes
    if "extractors" in changes:
        body["tasks"] = [recipe.tasks[0].replace("builtin-v1", "builtin-v0")]
    (tmp_path / "r.toml").write_text(to_toml(body))
    with pytest.raises(UsageError, match=message):
        run(dataset, tmp_path, None, read_recipe(tmp_path / "r.toml"))


def test_recipes_against_files(dataset, tmp_path: Path) -> None:
    export_statistics(dataset, Request(("anyres-full40/frechet",)), tmp_path / "ours.npz", seed=3)
    mu_sigma(tmp_path / "foreign.npz", rows(dim=154), arr_0=batch())
    for name, task in (("ours", "quick"), ("foreign", "anyres-full40/frechet")):
        file = ReferenceFile(tmp_path / f"{name}.npz")
        request = Request((task,), "builtin", 12)
        how = EvaluationOptions(tmp_path / name, seed=3, batch_size=8, n_workers=0)
        first = run_request("constant", file, request, {}, how)
        recipe = EvaluationRecipe.of(first.results, {}, first.extractors)
        again = run_request(None, file, Request(("quick",)), {}, how, recipe)
        assert again.results == first.results
    mu_sigma(tmp_path / "foreign.npz", rows(dim=154, seed=1))
    with pytest.raises(UsageError, match="is of unknown images"):
        run_request(None, file, Request(("quick",)), {}, how, recipe)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema = 3", "is no recipe"),
        ("[model", "is no recipe"),
        ("", "lacks"),
        ("x = " + "[" * 3000, "is no recipe"),
    ],
)
def test_files_that_are_no_recipe(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(DataError, match=message):
        read_recipe(tmp_path / "r.toml")
    with pytest.raises(DataError, match="cannot be read"):
        read_recipe(tmp_path / "nothing.toml")


def test_tasks_without_their_extractor_are_no_recipe(
    recipe: EvaluationRecipe, tmp_path: Path
) -> None:
    write_recipe(tmp_path / "r.toml", recipe)
    body = tomllib.loads((tmp_path / "r.toml").read_text())
    for changes, message in (
        ({"extractors": {}}, "extractors lacks builtin-v1"),
        ({"tasks": []}, "names no task"),
        ({"tasks": ["quick"]}, "no complete task id"),
        ({"schema": "anyres-bench/recipe@9"}, "this version reads"),
    ):
        (tmp_path / "r.toml").write_text(to_toml(body | changes))
        with pytest.raises(DataError, match=message):
            read_recipe(tmp_path / "r.toml")


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_SCALAR = st.one_of(
    _TEXT,
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(_TEXT, max_size=3),
)
_TABLE = st.dictionaries(_TEXT, _SCALAR | st.dictionaries(_TEXT, _SCALAR, max_size=3), max_size=4)


@settings(max_examples=60, deadline=None)
@given(_TABLE)
def test_toml_comes_back_whatever_it_holds(values) -> None:
    assert tomllib.loads(to_toml(values)) == values
