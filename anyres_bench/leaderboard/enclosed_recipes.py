"""The recipe in a submission: the file from which `evaluate --recipe` makes the numbers again.

It is made of the records, and of how model and extractors were asked for on the machine that
evaluated them. One file is of one set of images and one seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from anyres_bench.core.counts import counted
from anyres_bench.core.errors import DataError
from anyres_bench.core.reporting import say
from anyres_bench.evaluation.recipes import (
    MOST_BYTES,
    EvaluationRecipe,
    RecipeModel,
    parse_recipe,
    recipe_text,
)
from anyres_bench.evaluation.specs import kept_spec
from anyres_bench.leaderboard.rules import NotSaid, SubmittedFolder, refuse
from anyres_bench.leaderboard.submission import RECIPE
from anyres_bench.results import Result, Task

_Part = tuple[str, int]  # digest of images, seed


def recipe_files(results: Sequence[Result]) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the recipes of results of one model.

    None, and that is told, where this machine does not know how they were asked for.
    """
    parts: dict[_Part, list[Result]] = {}
    for result in results:
        parts.setdefault(_part(result), []).append(result)
    model = kept_spec("model", results[0].model.id)
    extractors = _extractors(results)
    if model is None or extractors is None:
        say(
            "no recipe is enclosed, since how model and extractors were asked for is not known on "
            "this machine: give the `evaluate` of these results once more, which keeps what was "
            "measured, and submit again"
        )
        return
    for place, some in enumerate(parts.values(), 1):
        made = EvaluationRecipe.of(some, model.options, extractors)
        made = replace(made, model=RecipeModel(model.id, model.spec, model.options))
        yield f"recipe{f'-{place}' if place > 1 else ''}.toml", recipe_text(made).encode()


def _part(result: Result) -> _Part:
    return result.dataset.digest, result.seed


def _extractors(results: Sequence[Result]) -> dict[str, str] | None:
    """Id -> spec of every extractor; None where one is not known."""
    found = {}
    for name in dict.fromkeys(Task.parse(result.task).extractor for result in results):
        kept = kept_spec("extractor", name)
        if kept is None:
            return None
        found[name] = kept.spec
    return found


def check_recipes(folder: SubmittedFolder) -> str:
    """Hold recipes against records: the same model, images, seed, tasks and numbers.

    Raises:
        DataError: one is damaged, or says something else.
        NotSaid: there is none.
    """
    names = [name for name in folder.names if RECIPE.fullmatch(name)]
    if not names:
        raise NotSaid("no recipe")
    records = {(*_part(result), result.task): result for result in folder.some().values()}
    left = set(records)
    for name in names:
        with folder.inside.open(name) as file:
            recipe = parse_recipe(file.read(MOST_BYTES + 1), name)
        if recipe.model.id != folder.need().model:
            raise DataError(f"{name} is of {recipe.model.id[:200]}, the records of another model")
        refuse(_contradictions(name, recipe, records))
        left -= {(recipe.images.digest, recipe.seed, task) for task in recipe.tasks}
    refuse(f"no recipe has {task} of the record" for _, _, task in sorted(left))
    return f"{counted(len(records), 'record')}, as the recipe has them"


def _contradictions(
    name: str, recipe: EvaluationRecipe, records: dict[tuple[str, int, str], Result]
) -> Iterator[str]:
    """What a recipe says otherwise than the records."""
    if all(key[:2] != (recipe.images.digest, recipe.seed) for key in records):
        images = recipe.images.digest[:12]
        yield f"{name}: no record is on its images ({images}) by its seed ({recipe.seed})"
        return
    of_records = [dict(one.versions) for key, one in records.items() if key[2] in recipe.tasks]
    if of_records and dict(recipe.versions) not in of_records:
        yield f"{name}: its versions are those of no record"
    if extra := sorted(recipe.numbers.keys() ^ set(recipe.tasks)):
        yield f"{name} has numbers of other tasks than it names, such as {extra[0][:200]}"
    for task in recipe.tasks:
        record = records.get((recipe.images.digest, recipe.seed, task))
        if record is None:
            yield f"{name}: no record is of {task[:200]} on its images, by its seed"
            continue
        numbers = dict(recipe.numbers.get(task, {}))
        if numbers != dict(record.values):
            yield f"{name}: its numbers of {task[:200]} are not those of the record"
        if recipe.images.id != record.dataset.id:
            yield f"{name} calls its images {recipe.images.id[:80]}, not {record.dataset.id}"
