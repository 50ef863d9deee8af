"""A page about results written to a file, and two results compared in words."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from anyres_bench.core.errors import MetricError, UsageError
from anyres_bench.core.files import atomic_write
from anyres_bench.core.quoting import one_line_each
from anyres_bench.core.reporting import detail, progress
from anyres_bench.core.seals import check_ours, sealed_write
from anyres_bench.evaluation.pairs import Difference, at_infinity, paired
from anyres_bench.evaluation.render import Asked, render_report
from anyres_bench.results import Result, explained, number, to_csv, to_latex, value_label

_BY = "report"  # in seals


TABLES = {".csv": to_csv, ".tex": to_latex}
_PAGES = (".html", ".htm", "")


def write_report(
    results: Sequence[Result], out: Path, title: str, show_pixels: bool = False
) -> None:
    """Write the page about results, or a table of them where `out` ends in .csv or .tex.

    Args:
        results: of any tasks.
        out: file of the page or table.
        title: of the page.
        show_pixels: show also pictures whose licence does not let them be published; the page says
            that it is not to be published then.

    Raises:
        UsageError: another ending, or there is a file that `report` has not written; a table
            replaces none at all.
        OSError: it cannot be written.
    """
    if table := TABLES.get(out.suffix.lower()):
        write_new(out, table(results))
        return
    if out.suffix.lower() not in _PAGES:
        raise UsageError(
            f"{out}: a report is a page (.html) or a table (.csv, .tex), not {out.suffix}"
        )
    check_ours(out, _BY)
    known = {result.key: result for result in results}
    with progress("paired differences", None, unit="pair") as bar:

        @functools.cache
        def between(a: str, b: str) -> dict[str, Difference] | None:
            bar.update()
            try:
                return paired(known[a], known[b])
            except MetricError as error:  # of one pair, such as too few images; all others stand
                detail(f"{known[a].model.id} and {known[b].model.id}: {error}")
                return None

        def pairing(a: Result, b: Result) -> dict[str, Difference] | None:
            return between(a.key, b.key)

        page = render_report(results, Asked(title, pairing, at_infinity, show_pixels))
    with sealed_write(out, _BY) as file:
        file.write(page.encode())


def write_new(out: Path, text: str) -> None:
    """Write a file of a format that has no room for a seal, where there is none."""
    if os.path.lexists(out):
        raise UsageError(f"{out} is there already; move it away, or write to another place")
    with atomic_write(out, "w") as file:
        file.write(text)


def compared(a: Result, b: Result) -> str:
    """The paired differences of two results, for people.

    Raises:
        UsageError: the features of these results are not in this machine's cache, or their metric
            is not known here.
        IncomparableError: they are of two tasks.
        MetricError: they are of too few images for an interval.
    """
    differences = paired(a, b)
    if differences is None:
        raise UsageError(
            "the features of these results are not in this machine's cache, or their metric is not "
            "known here; evaluate both models here and compare again"
        )
    lines = [str(a.task), f"{a.model.id} minus {b.model.id}"]
    for name, found in differences.items():
        lines.append(f"  {value_label(a, name)}  {_in_words(found)}")
    cautions = (name for found in differences.values() for name in found.cautions)
    return one_line_each(lines + explained(cautions))


def _in_words(found: Difference) -> str:
    if found.equal:
        return "0  equal"
    verdict = "apart" if found.separated else "not told apart"
    marks = f"  ({', '.join(found.cautions)})" if found.cautions else ""
    return f"{number(found.value)}  [{number(found.low)}, {number(found.high)}]  {verdict}{marks}"
