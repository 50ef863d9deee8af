"""A self-contained HTML page of results: nothing is loaded from anywhere."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

from anyres_bench import __version__
from anyres_bench.core.quoting import terminal
from anyres_bench.evaluation import plots
from anyres_bench.evaluation.cards import TaskCard, card_of, standings
from anyres_bench.evaluation.curves import Curve, curves_of, place_of, saturations
from anyres_bench.evaluation.headlines import (
    Limit,
    Pairing,
    groups_of,
    headlines,
    in_short,
)
from anyres_bench.evaluation.report_samples import samples_path
from anyres_bench.evaluation.strata import side_of
from anyres_bench.evaluation.wording import protocol_words
from anyres_bench.results import (
    DatasetRecord,
    Result,
    Task,
)


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


def environment_of(*packages: str) -> jinja2.Environment:
    """Templates of packages; the first that has one of a name gives it.

    Whatever a template shows is escaped, characters that are not visible are spelled out, and what
    it does not know is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    return environment


def _breakable(name: str) -> Markup:
    """A long name that narrow columns break behind its separators, not within its words."""
    return Markup("<wbr>").join(re.split(r"(?<=[:@+,;(/-])(?=.)", terminal(name)))


def _visible(value: object) -> object:
    """Text of others without what turns lines around or ends them."""
    return terminal(value) if type(value) is str else value


def render_report(results: Sequence[Result], asked: Asked) -> str:
    """The page; only equal tasks on equal images share a table."""
    groups = groups_of(results)
    colours = plots.colours_of(result.model.id for result in results)
    tables = headlines(groups, asked.pairing)
    order = ["reference", *(model for table in tables for model, _, _ in table.rows)]
    order += [result.model.id for result in results]
    samples = list(_samples(results, asked.show_pixels, order))
    return (
        environment_of("anyres_bench.evaluation")
        .get_template("report.html.j2")
        .render(
            title=asked.title,
            version=__version__,
            in_short=in_short(groups, asked.pairing),
            headlines=tables,
            colours=colours,
            datasets=_datasets(results),
            curves=[_curve(curve, colours) for curve in curves_of(results) if len(curve.sizes) > 1],
            tables=[_card(group, asked) for group in groups if not _is_curve(group[0])],
            curve_tables=[_card(group, asked) for group in groups if _is_curve(group[0])],
            samples=samples,
            private=asked.show_pixels and any(group["private"] for group in samples),
            runs=[_run(result) for result in results],
            any_fid=any(result.extractor.is_fid for result in results),
        )
    )


def _curve(curve: Curve, colours: Mapping[str, str]) -> dict[str, Any]:
    protocol = curve.task.protocol
    place = place_of(protocol)
    assert place is not None
    seen = f"{place[0]} px windows"
    if "shrunk" in protocol:
        seen = f"whole canvases shrunk to {place[0]} px, beside images of any size"
    return {
        "title": f"{curve.metric} ({curve.label}): {seen}, against the size of the canvas",
        "scope": curve.scope,
        "image": plots.curve_plot(curve, colours),
        "is_log": curve.spans_decades,
        "is_at_any_n": curve.is_at_any_n,
        "saturations": saturations(curve),
    }


def _card(group: Sequence[Result], asked: Asked) -> TaskCard:
    return card_of(standings(group, asked.pairing), asked.limit)


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


def _samples(
    results: Iterable[Result], show_pixels: bool, order: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Strips of the first pictures that are kept, by protocol; a stratum is one of its own.

    Protocols stand by their numbers, and strips in the given order of whose they are.
    """
    strips: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    private = set()
    place = {who: i for i, who in enumerate(dict.fromkeys(order))}
    for result in results:
        task, shown = Task.parse(result.task), {"real": "reference", "fake": result.model.id}
        for name, state in result.states.items():
            who = shown.get(side_of(name))
            if who is None:
                continue
            scope = task.dataset, str(state.key.get("protocol", task.protocol))
            if who in strips.get(scope, ()):
                continue
            image = plots.file_uri(samples_path(state.key))
            own = plots.file_uri(samples_path(state.key, private=True)) if show_pixels else None
            if own is not None:
                private.add(scope)
            if found := own or image:
                strips[scope][who] = found
    for (dataset, protocol), images in sorted(strips.items(), key=lambda one: _by_numbers(*one[0])):
        yield {
            "title": protocol_words(protocol),
            "scope": f"{dataset}/{protocol}",
            "strips": dict(sorted(images.items(), key=lambda one: place[one[0]])),
            "private": (dataset, protocol) in private,
        }


def _by_numbers(*names: str) -> list[tuple[str, int]]:
    """A key that sorts names with the numbers in them as numbers."""
    parts = re.findall(r"(\D*)(\d*)", "/".join(names))
    return [(text, int(digits or 0)) for text, digits in parts]


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
