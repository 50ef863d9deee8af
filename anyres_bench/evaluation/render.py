"""A self-contained HTML page of results: nothing is loaded from anywhere."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from anyres_bench import __version__
from anyres_bench.evaluation import plots
from anyres_bench.evaluation.curves import Curve, curves_of, place_of, saturations
from anyres_bench.evaluation.headlines import (
    Limit,
    Pairing,
    groups_of,
    headlines,
    in_short,
    remarks,
    role_of,
)
from anyres_bench.evaluation.pairs import Difference
from anyres_bench.evaluation.report_samples import samples_path
from anyres_bench.evaluation.wording import UNITS, metric_name, protocol_words, title_of
from anyres_bench.results import (
    DatasetRecord,
    Result,
    Task,
    cautions_of,
    chance_band,
    explained,
    number,
    tied_ranks,
    value_label,
)


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
    cautions: str


@dataclass(frozen=True)
class Asked:
    """What the page is to show, and whom it asks for what records do not hold.

    Attributes:
        title: of the page.
        pairing: paired differences of two results of one task; None where their features are gone.
        limit: a Fréchet distance extrapolated to infinitely many images; None where that cannot be
            had.
        show_pixels: show also pictures whose licence does not let them be published.
    """

    title: str
    pairing: Pairing
    limit: Limit = lambda result: None
    show_pixels: bool = False


def render_report(results: Sequence[Result], asked: Asked) -> str:
    """The page; only equal tasks on equal images share a table."""
    groups = groups_of(results)
    colours = plots.colours_of(result.model.id for result in results)
    samples = list(_samples(results, asked.show_pixels))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("anyres_bench", "evaluation/templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment.get_template("report.html.j2").render(
        title=asked.title,
        version=__version__,
        in_short=in_short(groups, asked.pairing),
        headlines=headlines(groups, asked.pairing),
        colours=colours,
        datasets=_datasets(results),
        curves=[_curve(curve, colours) for curve in curves_of(results) if len(curve.sizes) > 1],
        tables=[_table(group, asked) for group in groups if not _is_curve(group[0])],
        curve_tables=[_table(group, asked) for group in groups if _is_curve(group[0])],
        samples=samples,
        private=asked.show_pixels and any(group["private"] for group in samples),
        runs=[_run(result) for result in results],
        any_fid=any(result.extractor.is_fid for result in results),
    )


def _curve(curve: Curve, colours: Mapping[str, str]) -> dict[str, Any]:
    window = place_of(Task.parse(curve.scope.replace("-at*", "-at1")).protocol)
    assert window is not None
    return {
        "title": f"{curve.label}: {window[0]} px windows, against the size of the canvas",
        "scope": curve.scope,
        "image": plots.curve_plot(curve, colours),
        "is_log": curve.spans_decades,
        "saturations": saturations(curve),
    }


def _is_curve(result: Result) -> bool:
    return place_of(Task.parse(result.task).protocol) is not None


def _datasets(results: Iterable[Result]) -> list[dict[str, Any]]:
    known = {result.dataset.digest: result.dataset for result in results}

    def by_id(record: DatasetRecord) -> str:
        return record.id

    return [
        {"record": record, "histogram": plots.histogram(record.sizes)}
        for record in sorted(known.values(), key=by_id)
    ]


def _table(group: Sequence[Result], asked: Asked) -> dict[str, Any]:
    # A record of others may have other values for the same task.
    names = [n for n in group[0].higher_is_better if all(n in r.values for r in group)]
    pair = functools.cache(lambda upper, lower: asked.pairing(group[lower], group[upper]))
    above = [None, *(pair(i, i + 1) for i in range(len(group) - 1))]
    ranks = tied_ranks(len(group), lambda upper, lower: _apart(pair(upper, lower), names))
    spans = {name: _span(group, name) for name in names}
    rows = [
        {
            "model": result.model.id,
            "role": role_of(result.model.id),
            "rank": rank or "",
            "cells": [_cell(result, name, spans[name], (pairs or {}).get(name)) for name in names],
        }
        for result, pairs, rank in zip(group, above, ranks, strict=True)
    ]
    return {
        "title": title_of(group[0]),
        "unit": UNITS.get(metric_name(Task.parse(group[0].task).metric), ""),
        "remarks": remarks(group, asked.limit),
        "task": group[0].task,
        "digest": group[0].dataset.digest[:12],
        "n_real": group[0].n_real,
        "n_fake": group[0].n_fake,
        "seed": group[0].seed,
        "labels": [value_label(group[0], name) for name in names],
        "notes": explained(
            caution
            for result in group
            for name in names
            if name in result.intervals
            for caution in cautions_of(result.intervals[name])
        ),
        "rows": rows,
    }


def _apart(pairs: Mapping[str, Difference] | None, names: Sequence[str]) -> bool | None:
    """Whether two results are told apart by their first value; None if that is not known here."""
    difference = (pairs or {}).get(names[0]) if names else None
    return difference.separated if difference else None


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
        cautions=", ".join(cautions_of(interval)) if interval else "",
    )


def _samples(results: Iterable[Result], show_pixels: bool) -> Iterator[dict[str, Any]]:
    """Strips of the first pictures, by protocol; sides without kept pictures are left out."""
    strips: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    private = set()
    for result in results:
        task = Task.parse(result.task)
        for side, who in (("real", "reference"), ("fake", result.model.id)):
            state = result.states.get(side)
            if state is None:
                continue
            image = plots.file_uri(samples_path(state.key))
            own = plots.file_uri(samples_path(state.key, private=True)) if show_pixels else None
            if own is not None:
                private.add((task.dataset, task.protocol))
            if found := own or image:
                strips[task.dataset, task.protocol].setdefault(who, found)
    for (dataset, protocol), images in strips.items():
        yield {
            "title": protocol_words(protocol),
            "scope": f"{dataset}/{protocol}",
            "strips": images,
            "private": (dataset, protocol) in private,
        }


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
