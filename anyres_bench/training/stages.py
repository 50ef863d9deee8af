"""Training as it is asked for: presets, files and settings; one stage or several in a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from anyres_bench.core import distributed
from anyres_bench.core.errors import ConfigError, UnknownNameError, UsageError
from anyres_bench.core.registry import nearest
from anyres_bench.models.families import families, parts
from anyres_bench.training.config import LoopConfig, build, merge, read_settings, to_plain
from anyres_bench.training.loop import Evaluation, train

WARM_START = "previous"  # stands in configurations for the folder of the stage before
_TABLES = ("loop", "model")
_NAME = re.compile(r"\w[\w-]*")


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
    names = _names(listed)
    shared = {key: value for key, value in changes.items() if key not in names}
    stages = []
    for name, own in zip(names, listed, strict=True):
        tables = {key: value for key, value in own.items() if key != "name"}
        whole = merge(values, tables, shared, _table(changes.get(name, {}), name))
        stages.append(_stage(name, whole, data))
    return stages


def _read_preset(name: str) -> dict[str, Any]:
    with resources.as_file(_presets()[name]) as path:
        return read_settings(path)


def _names(listed: object) -> list[str]:
    """Names of the stages of a file, which are those of their folders.

    Raises:
        ConfigError: they are no list of tables, or names are missing, twice there or of no folder.
    """
    if not isinstance(listed, list) or not listed:
        raise ConfigError(f"stages is {listed!r:.80}; expected a list of tables, each with a name")
    names: list[str] = []
    for i, stage in enumerate(listed):
        default = "run" if len(listed) == 1 else None
        name = _table(stage, f"stages[{i}]").get("name", default)
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in (*_TABLES, "recipe"):
            raise ConfigError(
                f"the name of stages[{i}] is {name!r:.80}; expected one of letters, digits, "
                "'-' and '_' that is no table's"
            )
        if name in names:
            raise ConfigError(f"two stages are named {name}; give each a name of its own")
        names.append(name)
    return names


def _table(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{name} is {value!r:.80}; expected a table")
    return value


def _stage(name: str, values: dict[str, Any], data: Sequence[Path]) -> Stage:
    recipe = values.pop("recipe", None)
    if recipe is None:
        raise ConfigError(f"nothing says what to train; name a preset: {', '.join(presets())}")
    if not isinstance(recipe, str):
        raise ConfigError(f"recipe is {recipe!r:.80}; expected the name of one")
    for key in values:
        if key not in _TABLES:
            raise ConfigError(f"unknown setting {key}; {nearest(key, [*_TABLES, 'recipe'])}")
        _table(values[key], key)
    if data:
        model = values.setdefault("model", {})
        sources = model.get("sources", [{}])
        if not isinstance(sources, list):
            raise ConfigError(f"model.sources is {sources!r:.80}; expected a list of tables")
        sources = [_table(source, f"model.sources[{i}]") for i, source in enumerate(sources)]
        filled = [{**source, "dataset": str(d)} for source in sources for d in data]
        model["sources"] = filled
    return Stage(name, recipe, values)


@dataclass(frozen=True)
class TrainingJob:
    """A stage that is ready to be trained.

    Attributes:
        name: of the stage.
        folder: of its run.
        loop: its loop.
        model: its configuration; `model.recipe(loop)` makes the recipe.
        settings: all of it as plain values, as they are kept with the run.
    """

    name: str
    folder: Path
    loop: LoopConfig
    model: Any
    settings: Mapping[str, Any]

    def described(self) -> dict[str, Any]:
        """What would be trained, as plain values."""
        return {"stage": self.name, "folder": str(self.folder), **self.settings}

    def completed(self, earlier: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings that an earlier version kept, with those that came later at their defaults."""
        try:
            loop = build(LoopConfig, earlier["loop"], "loop.")
            model = build(type(self.model), earlier["model"], "model.")
        except (ConfigError, KeyError):  # of another recipe, or with names that are no more
            return earlier
        return {**earlier, "loop": to_plain(loop), "model": to_plain(model)}


def plan_jobs(stages: Sequence[Stage], out: Path, only: str | None = None) -> list[TrainingJob]:
    """Stages with their folders; a later one starts from the one before where it says "previous".

    Args:
        stages: in order.
        out: holds a folder for each.
        only: name of the one that is wanted; None for all.

    Raises:
        UsageError: no stage has that name.
        UnknownNameError, ConfigError: a recipe or a setting is not known.
    """
    names = [stage.name for stage in stages]
    if only is not None and only not in names:
        raise UsageError(f"no stage {only!r}; the stages are {', '.join(names)}")
    folders = [None, *(out / name for name in names)]
    pairs = zip(stages, folders[:-1], strict=True)
    return [_job(stage, out, before) for stage, before in pairs if only in (None, stage.name)]


def _job(stage: Stage, out: Path, before: Path | None) -> TrainingJob:
    loop = build(LoopConfig, stage.values.get("loop", {}), "loop.")
    asked = stage.values.get("model", {})
    starts = {key: str(before) for key, value in asked.items() if before and value == WARM_START}
    model = build(parts("recipes").get(stage.recipe), {**asked, **starts}, "model.")
    settings = {"recipe": stage.recipe, "loop": to_plain(loop), "model": to_plain(model)}
    return TrainingJob(stage.name, out / stage.name, loop, model, settings)


def train_jobs(
    jobs: Iterable[TrainingJob],
    evaluation: Callable[[TrainingJob], Evaluation | None] = lambda job: None,
) -> bool:
    """Train one stage after another, on this process or, under `torchrun`, on all.

    Args:
        jobs: what is trained.
        evaluation: how the averaged model of a stage is measured.

    Returns:
        Whether all are complete; False after Ctrl-C or SIGTERM, with a checkpoint written.

    Raises:
        TrainingError, ConfigError: see `train`.
    """
    with distributed.joined():
        for job in jobs:
            recipe = job.model.recipe(job.loop)
            measured = evaluation(job)
            if not train(recipe, job.loop, job.folder, job.settings, measured, job.completed):
                return False
        return True
