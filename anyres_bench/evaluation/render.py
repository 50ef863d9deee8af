"""A self-contained HTML page of results: nothing is loaded from anywhere."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from anyres_bench import __version__
from anyres_bench.evaluation import plots
from anyres_bench.evaluation.curves import curves_of, place_of
from anyres_bench.evaluation.pairs import Difference
from anyres_bench.evaluation.report_samples import samples_path
from anyres_bench.results import DatasetRecord, Result, Task, chance_band, number, value_label

_ROLES = {"real": "ceiling", "resample": "floor", "constant": "floor"} | dict.fromkeys(
    ("scenes", "houses"), "perfect model"
)

Group = tuple[str, str, int]  # what only comparable results share: task, images, seed
Pairing = Callable[[Result, Result], Mapping[str, Difference] | None]


@dataclass(frozen=True)
class Cell:
    """A number in a table: the text, and where its interval lies between the column's ends."""

    text: str
    low: str
    high: str
    chance: str
    left: float
    width: float
    at: float
    difference: Difference | None


def render_report(results: Sequence[Result], pairing: Pairing, title: str) -> str:
    """The page.

    Args:
        results: of any tasks; only equal tasks on equal images share a table.
        pairing: paired differences of two results of one task; None where their features are gone.
        title: of the page.
    """
    groups = _groups(results)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("anyres_bench", "evaluation/templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment.get_template("report.html.j2").render(
        title=title,
        version=__version__,
        datasets=_datasets(results),
        curves=[
            {"scope": curve.scope, "image": plots.curve_plot(curve)} for curve in curves_of(results)
        ],
        tables=[_table(group, pairing) for group in groups if not _is_curve(group[0])],
        curve_tables=[_table(group, pairing) for group in groups if _is_curve(group[0])],
        samples=list(_samples(results)),
        runs=[_run(result) for result in results],
        any_fid=any(result.extractor.is_fid for result in results),
    )


def _groups(results: Iterable[Result]) -> list[list[Result]]:
    """Results of one task on the same images, best first."""
    groups: dict[Group, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.task, result.dataset.digest, result.seed].append(result)
    return [sorted(group, key=_rank) for _, group in sorted(groups.items(), key=_size_order)]


def _size_order(item: tuple[Group, Any]) -> tuple[Any, ...]:
    """Order of ids in which numbers count as numbers."""
    return tuple(int(p) if p.isdigit() else p for p in re.split(r"(\d+)", item[0][0])), item[0]


def _rank(result: Result) -> float:
    name, higher = next(iter(result.higher_is_better.items()))
    return -result.values[name] if higher else result.values[name]


def _is_curve(result: Result) -> bool:
    return place_of(Task.parse(result.task).protocol) is not None


def _role(model_id: str) -> str:
    return _ROLES.get(re.split("[:@]", model_id)[0], "")


def _datasets(results: Iterable[Result]) -> list[dict[str, Any]]:
    known = {result.dataset.digest: result.dataset for result in results}

    def by_id(record: DatasetRecord) -> str:
        return record.id

    return [
        {"record": record, "histogram": plots.histogram(record.sizes)}
        for record in sorted(known.values(), key=by_id)
    ]


def _table(group: Sequence[Result], pairing: Pairing) -> dict[str, Any]:
    # A record of others may have other values for the same task.
    names = [n for n in group[0].higher_is_better if all(n in r.values for r in group)]
    above: list[Mapping[str, Difference] | None] = [None]
    above += [pairing(one, two) for two, one in itertools.pairwise(group)]
    spans = {name: _span(group, name) for name in names}
    rows = [
        {
            "model": result.model.id,
            "role": _role(result.model.id),
            "cells": [_cell(result, name, spans[name], (pairs or {}).get(name)) for name in names],
        }
        for result, pairs in zip(group, above, strict=True)
    ]
    return {
        "task": group[0].task,
        "digest": group[0].dataset.digest[:12],
        "n_real": group[0].n_real,
        "n_fake": group[0].n_fake,
        "seed": group[0].seed,
        "labels": [value_label(group[0], name) for name in names],
        "rows": rows,
    }


def _span(group: Sequence[Result], name: str) -> tuple[float, float]:
    ends = [result.values[name] for result in group]
    for result in group:
        if interval := result.intervals.get(name):
            ends += [interval.low, interval.high]
    return min(ends), max(ends)


def _cell(
    result: Result, name: str, span: tuple[float, float], difference: Difference | None
) -> Cell:
    value = result.values[name]
    interval = result.intervals.get(name)
    low, high = (interval.low, interval.high) if interval else (value, value)
    room = (span[1] - span[0]) or 1.0
    left, right, at = (100 * (x - span[0]) / room for x in (low, high, value))
    return Cell(
        text=number(value),
        low=number(low) if interval else "",
        high=number(high) if interval else "",
        chance=chance_band(result, name),
        left=left,
        width=right - left,
        at=at,
        difference=difference,
    )


def _samples(results: Iterable[Result]) -> Iterable[dict[str, Any]]:
    """Strips of the first pictures, by protocol; sides without kept pictures are left out."""
    strips: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for result in results:
        task = Task.parse(result.task)
        for side, who in (("real", "reference"), ("fake", result.model.id)):
            state = result.states.get(side)
            image = plots.file_uri(samples_path(state.key)) if state else None
            if image is not None:
                strips[task.dataset, task.protocol].setdefault(who, image)
    for (dataset, protocol), images in strips.items():
        yield {"scope": f"{dataset}/{protocol}", "strips": images}


def _run(result: Result) -> dict[str, Any]:
    return {
        "task": result.task,
        "model": result.model.id,
        "device": _device(result),
        "seconds": sum(result.seconds.values()),
        "versions": ", ".join(f"{name} {text}" for name, text in result.versions.items()),
        "survivors": f"{result.dataset.n_survivors} of {result.dataset.n_reference}",
        "fake": result.fake,
    }


def _device(result: Result) -> str:
    """Where it was computed: once where model and extractor ran in one place."""
    model, extractor = result.device.model, result.device.extractor
    return model if model == extractor else f"model {model}, extractor {extractor}"
