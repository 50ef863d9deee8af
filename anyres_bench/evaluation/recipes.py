"""Recipes: all that a paper has to say so that its numbers can be had again, in one TOML file.

A recipe names the model, the images by their digest, every task in full, the extractors, the seed
and the versions, and holds the numbers that came. Run again, it is measured on the same images by
the same extractors or not at all; where versions differ, or numbers, that is told.
"""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyres_bench.core.enclosure import read_bounded
from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.files import atomic_write
from anyres_bench.evaluation.metadata import versions
from anyres_bench.results import Result, Task
from anyres_bench.results.plain import from_plain, to_plain

SCHEMA = "anyres-bench/recipe@1"
MOST_BYTES = 4 << 20
_TOLERANCE = 1e-6  # relative, by which numbers of other machines may differ without being told
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class RecipeModel:
    """Which model: its id, how it was asked for, and its options."""

    id: str
    spec: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class RecipeImages:
    """What it was compared with: a dataset's id and digest, or those of a file of statistics."""

    id: str
    digest: str


@dataclass(frozen=True)
class EvaluationRecipe:
    """An evaluation in full.

    Attributes:
        schema: of the file.
        model: whose numbers these are.
        images: what it was compared with.
        seed: of windows and latents.
        tasks: complete ids.
        extractors: id -> spec.
        versions: of everything that a number may depend on.
        numbers: task -> value -> number.
    """

    schema: str
    model: RecipeModel
    images: RecipeImages
    seed: int
    tasks: tuple[str, ...]
    extractors: Mapping[str, str]
    versions: Mapping[str, str]
    numbers: Mapping[str, Mapping[str, float]]

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise DataError(f"schema is {self.schema[:80]!r}; this version reads {SCHEMA}")
        if not self.tasks:
            raise DataError("it names no task")
        for text in self.tasks:
            extractor = _parsed(text).extractor
            if extractor not in self.extractors:
                raise DataError(f"extractors lacks {extractor}, which {text} needs")

    @classmethod
    def of(
        cls, results: Sequence[Result], options: Mapping[str, str], extractors: Mapping[str, str]
    ) -> EvaluationRecipe:
        """The recipe of results that one call gave.

        Args:
            results: of one model, on one set of images.
            options: of the model.
            extractors: id -> spec.

        Raises:
            UsageError: there are no results.
        """
        if not results:
            raise UsageError("there are no results, so there is no recipe of them")
        first = results[0]
        return cls(
            schema=SCHEMA,
            model=RecipeModel(first.model.id, first.model.spec, options),
            images=RecipeImages(first.dataset.id, first.dataset.digest),
            seed=first.seed,
            tasks=tuple(result.task for result in results),
            extractors={result.extractor.id: extractors[result.extractor.id] for result in results},
            versions=dict(first.versions),
            numbers={result.task: dict(result.values) for result in results},
        )

    def tasks_of(self, extractor: str) -> tuple[str, ...]:
        """The tasks on the features of an extractor."""
        return tuple(text for text in self.tasks if _parsed(text).extractor == extractor)

    def check_images(self, name: str, digest: str) -> None:
        """Hold that images are those of the recipe.

        Raises:
            UsageError: they are not.
        """
        if digest != self.images.digest:
            raise UsageError(
                f"the recipe is of {self.images.id} with digest {self.images.digest[:12]}, and "
                f"{name} has {digest[:12]}: numbers on other images are other numbers; get the "
                "recipe's images, or evaluate without --recipe"
            )

    def check_extractor(self, name: str, got: str) -> None:
        """Hold that a spec still gives the extractor that it gave.

        Raises:
            UsageError: its id has become another.
        """
        if got != name:
            raise UsageError(
                f"the recipe's extractor {self.extractors[name]} was {name} and is now {got}: "
                "other weights or another version give other numbers"
            )

    def check_model(self, model_id: str) -> None:
        """Hold that the recipe's own model is what it was.

        Raises:
            UsageError: its id has become another.
        """
        if model_id != self.model.id:
            raise UsageError(
                f"the recipe is of the model {self.model.id}, and {self.model.spec} is now "
                f"{model_id}; name MODEL to measure another one by this recipe"
            )

    def remarks(self, results: Sequence[Result]) -> list[str]:
        """What is not as it was: versions, and numbers of the recipe's own model."""
        now = versions()
        said = [
            f"{name} is {now.get(name, 'not here')}, the recipe was made with {was}"
            for name, was in self.versions.items()
            if now.get(name) != was
        ]
        own = [result for result in results if result.model.id == self.model.id]
        for result in own:
            for name, was in self.numbers.get(result.task, {}).items():
                got = result.values.get(name, math.nan)
                if not math.isclose(got, was, rel_tol=_TOLERANCE, abs_tol=1e-12):
                    said.append(f"{result.task}: {name} is {got!r}, the recipe has {was!r}")
        return said


def _parsed(text: str) -> Task:
    try:
        return Task.parse(text)
    except UsageError as error:
        raise DataError(str(error)) from error


def check_place(path: Path) -> None:
    """Refuse to write a recipe where something else is; a path where nothing is passes.

    Raises:
        UsageError: there is something that is no recipe.
    """
    if not os.path.lexists(path):
        return
    try:
        read_recipe(path)
    except DataError:
        raise UsageError(
            f"{path} is there already and is no recipe; nothing was replaced: move it away, or "
            "choose another name"
        ) from None


def write_recipe(path: Path, recipe: EvaluationRecipe) -> None:
    """Write a recipe, atomically.

    Raises:
        DataError: it cannot be written.
    """
    try:
        with atomic_write(path, "w") as file:
            file.write(recipe_text(recipe))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error


def recipe_text(recipe: EvaluationRecipe) -> str:
    """A recipe as the text of its file."""
    return to_toml(to_plain(recipe))


def read_recipe(path: Path) -> EvaluationRecipe:
    """Read a recipe.

    Raises:
        DataError: it cannot be read, or is none.
    """
    return parse_recipe(read_bounded(path, MOST_BYTES, "recipe"), str(path))


def parse_recipe(data: bytes, what: str) -> EvaluationRecipe:
    """The recipe that a file holds.

    Args:
        data: of the file.
        what: names it in messages.

    Raises:
        DataError: it is none, or too large.
    """
    if len(data) > MOST_BYTES:
        raise DataError(f"{what} has more than {MOST_BYTES} bytes, which no recipe has")
    try:
        return from_plain(EvaluationRecipe, tomllib.loads(data.decode()))
    except (DataError, ValueError, RecursionError) as error:
        raise DataError(f"{what} is no recipe: {str(error)[:300]}") from error


def to_toml(values: Mapping[str, Any]) -> str:
    """Plain values as TOML: text, numbers, lists and tables of these.

    >>> print(to_toml({"a": 1, "b": {"x/y": "z"}}))
    a = 1
    <BLANKLINE>
    [b]
    "x/y" = "z"
    <BLANKLINE>
    """
    return "\n".join(_table(values, ())).lstrip("\n") + "\n"


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    plain = {name: value for name, value in values.items() if not isinstance(value, Mapping)}
    if path and (plain or not values):
        yield f"\n[{'.'.join(map(_key, path))}]"
    yield from (f"{_key(name)} = {_value(value)}" for name, value in plain.items())
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _table(value, (*path, name))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[\n" + "".join(f"  {_value(item)},\n" for item in value) + "]" if value else "[]"
    if isinstance(value, float):
        return repr(value)
    # The escapes of JSON are those of TOML, but for one character and for halves of characters.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
