"""What a page says first: what was compared, who is ahead, and what the numbers cannot say."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from anyres_bench.core.counts import counted
from anyres_bench.evaluation.curves import place_of
from anyres_bench.evaluation.pairs import Difference
from anyres_bench.evaluation.wording import metric_name, metric_words, protocol_words
from anyres_bench.results import Result, Task, number, value_label

CEILING, PERFECT, FLOOR = "ceiling", "perfect model", "floor"
_ROLES: Final = {"real": CEILING, "resample": FLOOR, "constant": FLOOR} | dict.fromkeys(
    ("scenes", "houses"), PERFECT
)
_FEW = 50  # images below which hardly anything is told apart
_CERTAIN = 0.999  # a detectability above which every model looks alike
_MOST_COLUMNS = 6
_HEADLINES: Final = ("frechet", "precision-recall", "detectability")

Group = Sequence[Result]  # of one task, one set of images and one seed, best first
Pairing = Callable[[Result, Result], Mapping[str, Difference] | None]
Limit = Callable[[Result], float | None]


def role_of(model_id: str) -> str:
    """What a control is there for; empty for a model.

    >>> role_of("resample:lanczos@64")
    'floor'
    """
    return _ROLES.get(re.split("[:@]", model_id)[0], "")


def n_shared(result: Result) -> int:
    """How many of the images that stand for a model the reference holds too, byte for byte.

    0 for controls and for models that render.
    """
    return 0 if result.fake is None or role_of(result.model.id) else result.fake.n_in_reference


def role_in(result: Result) -> str:
    """What a result is there for: the role of a control, or why it is not ranked; mostly empty."""
    n = n_shared(result)
    return (
        f"shares {counted(n, 'image')} with the reference, not ranked"
        if n
        else role_of(result.model.id)
    )


def ranking(result: Result) -> tuple[str, bool]:
    """The value that models are ranked by, and whether higher is better."""
    return next(iter(result.higher_is_better.items()))


def groups_of(results: Iterable[Result]) -> list[list[Result]]:
    """Results of one task on the same images with one seed, best first; groups by task and size."""
    groups: dict[tuple[str, str, int], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.task, result.dataset.digest, result.seed].append(result)
    ordered = sorted(groups.items(), key=lambda item: (_numbers_count(item[0][0]), item[0]))
    return [sorted(group, key=_rank) for _, group in ordered]


def _numbers_count(text: str) -> tuple[tuple[int, int, str], ...]:
    """Order of ids in which numbers count as numbers."""
    parts = re.split(r"(\d+)", text)
    return tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts)


def _rank(result: Result) -> float:
    name, higher = ranking(result)
    return -result.values[name] if higher else result.values[name]


def leaders(group: Group, pairing: Pairing) -> list[Result]:
    """The best model of a group and those that are not told apart from it.

    No ceiling among them, and none that shares images with the reference. None where fewer than two
    others were measured.

    Apart are two whose paired difference does not hold zero, or, where the features are gone, whose
    intervals do not meet.
    """
    models = _contenders(group)
    if len(models) < 2:
        return []
    best, *others = models
    return [best, *(other for other in others if not told_apart(best, other, pairing))]


def _contenders(group: Group) -> list[Result]:
    """Models and floors: what may be the best."""
    return [r for r in group if not n_shared(r) and role_of(r.model.id) not in (CEILING, PERFECT)]


def told_apart(best: Result, other: Result, pairing: Pairing) -> bool | None:
    """Whether two results of one task are told apart by the value that ranks; None: not known.

    By their paired difference; where the features for it are gone, intervals that do not meet tell
    two apart too.
    """
    name, _ = ranking(best)
    if name not in other.values:
        return True
    pair = pairing(other, best)
    if pair is not None and name in pair:
        return pair[name].separated
    one, two = best.intervals.get(name), other.intervals.get(name)
    meet = one is None or two is None or (one.low <= two.high and two.low <= one.high)
    return None if meet else True


@dataclass(frozen=True)
class InShort:
    """Two sentences, and one for each model that shares images with the reference."""

    compared: str
    ahead: str
    shared: Sequence[str] = ()


def in_short(groups: Sequence[Group], pairing: Pairing) -> InShort:
    """What was compared, and who is ahead on how many tasks."""
    results = [result for group in groups for result in group]
    models = list(dict.fromkeys(result.model.id for result in results))
    sets = list(dict.fromkeys(result.dataset.id for result in results))
    kinds = Counter(role_of(model) or "model" for model in models)
    told = [counted(n, kind) for kind, n in kinds.items()]
    tasks = counted(len(groups), "task")
    compared = f"{_listed(told)} compared with the images of {_listed(sets)} on {tasks}."
    ranked = [leaders(group, pairing) for group in groups]
    alone = Counter(found[0].model.id for found in ranked if len(found) == 1)
    tied = sum(len(found) > 1 for found in ranked)
    parts = [f"{model} is ahead on {n}" for model, n in alone.most_common(4)]
    if tied:
        parts.append(f"on {tied} the best are not told apart")
    ahead = f"{'; '.join(parts)}." if parts else "No task has two models, so nobody is ahead."
    return InShort(compared, ahead, _sharing(results))


def _sharing(results: Sequence[Result]) -> list[str]:
    """Who shares how many images with the reference; of several sets, the most that it shares."""
    found: dict[str, Result] = {}
    for result in sorted(results, key=n_shared):
        if n_shared(result):
            found[result.model.id] = result
    return [
        f"{model} shares {counted(n_shared(result), 'image')} with the reference and is not to be "
        "ranked."
        for model, result in found.items()
    ]


def _listed(words: Sequence[str]) -> str:
    *most, last = words or ["nothing"]
    return f"{', '.join(most)} and {last}" if most else last


@dataclass(frozen=True)
class HeadlineCell:
    """A number of the first table; `best` where it is not told apart from the best."""

    text: str
    best: bool


@dataclass(frozen=True)
class Headlines:
    """Models x the values that say most.

    Attributes:
        columns: name of the value, what it looks at, id of its task.
        rows: model, its role (see `role_in`), a cell a column; None where it was not measured.
    """

    columns: Sequence[tuple[str, str, str]]
    rows: Sequence[tuple[str, str, Sequence[HeadlineCell | None]]]


def headlines(groups: Sequence[Group], pairing: Pairing) -> list[Headlines]:
    """A table for each set of images and seed."""
    sets: dict[tuple[str, int], list[Group]] = defaultdict(list)
    for group in groups:
        sets[group[0].dataset.digest, group[0].seed].append(group)
    return [_table(_columns(of), pairing) for of in sets.values()]


def _columns(groups: Sequence[Group]) -> list[Group]:
    """Whole images, windows of all sizes, and the largest point of a curve, in this order."""

    def key(group: Group) -> tuple[int, int, int]:
        task = Task.parse(group[0].task)
        place, name = place_of(task.protocol), metric_name(task.metric)
        kind = 2 if place else int("patch" in task.protocol)
        metric = _HEADLINES.index(name) if name in _HEADLINES else len(_HEADLINES)
        return metric, kind, -(place[1] if place else 0)

    chosen: list[Group] = []
    seen = set()
    for group in sorted(groups, key=key):
        if key(group)[:2] not in seen and key(group)[0] < len(_HEADLINES):
            seen.add(key(group)[:2])
            chosen.append(group)
    return (chosen or sorted(groups, key=key))[:_MOST_COLUMNS]


def _table(groups: Sequence[Group], pairing: Pairing) -> Headlines:
    columns = []
    cells: dict[str, list[HeadlineCell | None]] = {}
    roles = {result.model.id: role_in(result) for group in groups for result in group}
    for at, group in enumerate(groups):
        first = group[0]
        name, higher = ranking(first)
        columns.append(
            (
                _label(first, name, higher),
                protocol_words(Task.parse(first.task).protocol),
                first.task,
            )
        )
        best = {result.model.id for result in leaders(group, pairing)}
        if best >= {r.model.id for r in _contenders(group)}:
            best = set()  # where none is told apart, a mark on each says nothing
        for result in group:
            row = cells.setdefault(result.model.id, [None] * len(groups))
            if name in result.values:
                text = number(result.values[name])
                row[at] = HeadlineCell(text, result.model.id in best)
    return Headlines(columns, [(model, roles[model], row) for model, row in cells.items()])


def _label(result: Result, name: str, higher: bool) -> str:
    """A value in words where it is the metric's only one, else by its own name."""
    if len(result.higher_is_better) == 1:
        return f"{metric_words(result)} {'↑' if higher else '↓'}"
    return value_label(result, name)


def remarks(group: Group, limit: Limit) -> list[str]:
    """What a reader has to know before reading a card."""
    return [
        *_sharing(group),
        *_too_few(group),
        *_ceiling(group, limit),
        *_saturated(group),
        *_copies(group),
    ]


def _too_few(group: Group) -> Iterator[str]:
    first = group[0]
    n = min(first.n_fake, first.n_real or first.n_fake)
    name = metric_name(Task.parse(first.task).metric)
    if n < _FEW:
        yield f"{n} images are few: models that differ may not be told apart here."
    if name == "frechet" and n <= first.extractor.dim:
        yield (
            f"{n} images are no more than the {first.extractor.dim} dimensions of the features, so "
            "much of every distance is the bias of so few; it is alike for all models, so "
            "compare differences, not values."
        )


def _ceiling(group: Group, limit: Limit) -> Iterator[str]:
    ceiling = next((r for r in group if role_of(r.model.id) == CEILING), None)
    name, higher = ranking(group[0])
    if ceiling is None or higher or metric_name(Task.parse(group[0].task).metric) != "frechet":
        return
    value = ceiling.values[name]
    said = (
        f"{ceiling.model.id} shows images that the reference does not hold. Its {number(value)} is "
        f"what a perfect model gets from so few images; 0 cannot be reached."
    )
    at_infinity = limit(ceiling)
    if at_infinity is not None:
        said += f" Extrapolated to infinitely many images it is {number(at_infinity)}."
    yield said


def _copies(group: Group) -> Iterator[str]:
    """A detector learns a picture on one side and meets its copy on the other."""
    for result in group:
        null, found = result.values.get("auc_null_low"), result.intervals.get("auc")
        if null is not None and found and result.values["auc"] < null and found.high < 0.5:
            yield (
                f"{result.model.id} is told from real images less often than by chance, which "
                "pictures of the reference among its own do. Look at authpct and copy-rate."
            )


def _saturated(group: Group) -> Iterator[str]:
    name, higher = ranking(group[0])
    of = metric_name(Task.parse(group[0].task).metric)
    values = {
        result.model.id: result.values[name]
        for result in group
        if name in result.values and role_of(result.model.id) not in (CEILING, PERFECT)
    }
    if of in ("detectability", "ap") and len(values) > 1 and min(values.values()) > _CERTAIN:
        yield "Saturated: every model is told from real images every time, so this ranks none."
    grey = next((r for r in group if r.model.id.startswith("constant")), None)
    if grey is None or name not in grey.values:
        return
    behind = [m for m, v in values.items() if _shown_worse(v, grey.values[name], higher)]
    if behind := [m for m in behind if not m.startswith("constant")]:
        yield (
            f"Not to be trusted here: a picture of one grey ({grey.model.id}) is ranked above "
            f"{_listed(behind[:3])}.{_why_grey(group[0], of)}"
        )


def _shown_worse(value: float, other: float, higher: bool) -> bool:
    """Whether a value is worse than another by what a table shows; rounding makes no rank."""
    return number(value) != number(other) and (value < other) == higher


def _why_grey(result: Result, metric: str) -> str:
    if metric not in ("kid", "kid-subsets") or not result.extractor.id.startswith("builtin"):
        return ""
    return (
        " KID weighs rows by the third power of their length; where every number of builtin-v1 is "
        "near zero, as of a flat picture, rows are short, and blurred ones are long. The Fréchet "
        "distance on the same features depends on differences alone."
    )
