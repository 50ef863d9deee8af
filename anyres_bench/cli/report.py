"""`anyres-bench report`: turn results into a self-contained HTML page, or compare two of them."""

from __future__ import annotations

from pathlib import Path

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import LocalPath, check_alone
from anyres_bench.core.quoting import one_line_each
from anyres_bench.core.reporting import say


@click.command()
@click.argument("results", nargs=-1, type=LocalPath())
@click.option(
    "--out",
    default="report.html",
    show_default=True,
    type=LocalPath(),
    help="File: .html, .csv or .tex.",
)
@click.option("--title", default="anyres-bench", show_default=True, help="Title of the page.")
@click.option(
    "--show-pixels",
    is_flag=True,
    help="Show pictures also where no licence lets them be published.",
)
@click.option(
    "--compare",
    "pair",
    nargs=2,
    type=LocalPath(),
    metavar="A.json B.json",
    help="Print the paired difference of two results instead of making a page.",
)
def command(
    results: tuple[Path, ...],
    out: Path,
    title: str,
    show_pixels: bool,
    pair: tuple[Path, Path] | None,
) -> None:
    """Write one HTML page about RESULTS, which are files or folders.  [default: results]

    Where --out ends in .csv or .tex it is a table of them instead: every value with its interval
    and its task, unrounded in CSV.

    The page holds everything it shows. Results of one task on one set of images share a table, with
    intervals and paired differences; others never do. Pictures are shown where their licence
    permits; with --show-pixels your own appear too, and the page says that it is not to be
    published. Paired differences and pictures come from the cache of the machine that evaluated;
    differences are kept there, so a report that was stopped goes on where it was.

    \b
    Examples:
      anyres-bench report results --out report.html --title "Birds, June"
      anyres-bench report results --out table.tex
      anyres-bench report --compare results/real/x.json results/mine/x.json
    """
    from anyres_bench.evaluation.reports import compared, write_report
    from anyres_bench.metrics import is_known
    from anyres_bench.results import read_result, read_results

    check_alone("pair")
    if pair is not None:
        show(compared(*(read_result(path) for path in pair)))
        return
    reading = read_results(results or (Path("results"),), is_known=is_known)
    if reading.oddities:
        say(one_line_each(reading.oddities))
    write_report(reading.results, out, title, show_pixels)
    show(f"wrote {out}")
