"""Runs as they are asked for: presets, files and settings; one stage or several in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from anyres_bench.core.errors import ConfigError, UnknownNameError, UsageError
from anyres_bench.core.registry import nearest
from anyres_bench.models.families import families
from anyres_bench.training.config import merge, read_settings


@dataclass(frozen=True)
class Stage:
    """One training run.

    Attributes:
        name: of the stage, and of its folder.
        recipe: registered name.
        values: tables `loop` and `model`, as plain values.
    """

    name: str
    recipe: str
    values: Mapping[str, Any]


def presets() -> list[str]:
    """Names of the presets of all families."""
    return sorted(_presets())


def _presets() -> dict[str, Traversable]:
    """Every preset's file by its name.

    Raises:
        UsageError: two families have presets of one name.
    """
    found: dict[str, Traversable] = {}
    for family in families():
        folder = resources.files(family.package) / "presets"
        for file in folder.iterdir() if folder.is_dir() else ():
            name, dot, _ = file.name.partition(".toml")
            if dot and found.setdefault(name, file) is not file:
                raise UsageError(
                    f"preset {name} stands twice: {found[name]} and {file}; rename one"
                )
    return found


def read_stages(
    preset: str | None, path: Path | None, changes: Mapping[str, Any], data: Sequence[Path] = ()
) -> list[Stage]:
    """The stages that a preset, a file and settings describe, in order.

    A file holds `recipe` and the tables `loop` and `model`; or a list `stages` of such tables, each
    with a `name`, and what they share outside it. Settings change every stage, or only the one
    whose name they begin with (`patch.loop.batch`).

    Args:
        preset: name of a preset, or None.
        path: TOML or JSON file that is laid over the preset, or None.
        changes: nested settings that are laid over both.
        data: dataset folders that take the place of every source's.

    Raises:
        ConfigError: nothing says what to train, or a table is not known.
        UnknownNameError: no such preset.
    """
    if preset is not None and preset not in presets():
        raise UnknownNameError(f"unknown preset {preset!r}; {nearest(preset, presets())}")
    values = merge(_read_preset(preset) if preset else {}, read_settings(path) if path else {})
    listed = values.pop("stages", [{}])
    names = [stage.get("name", "run") for stage in listed]
    shared = {key: value for key, value in changes.items() if key not in names}
    stages = []
    for name, own in zip(names, listed, strict=True):
        tables = {key: value for key, value in own.items() if key != "name"}
        whole = merge(values, tables, shared, changes.get(name, {}))
        stages.append(_stage(name, whole, data))
    return stages


def _read_preset(name: str) -> dict[str, Any]:
    with resources.as_file(_presets()[name]) as path:
        return read_settings(path)


def _stage(name: str, values: dict[str, Any], data: Sequence[Path]) -> Stage:
    recipe = values.pop("recipe", None)
    if recipe is None:
        raise ConfigError(f"nothing says what to train; name a preset: {', '.join(presets())}")
    for key in values:
        if key not in ("loop", "model"):
            raise ConfigError(f"unknown setting {key}; {nearest(key, ['loop', 'model', 'recipe'])}")
    if data:
        model = values.setdefault("model", {})
        sources = model.get("sources", [{}])
        filled = [{**source, "dataset": str(d)} for source in sources for d in data]
        model["sources"] = filled
    return Stage(name, recipe, values)
