"""`anyres-bench report`: turn results into a self-contained HTML page, or compare two of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anyres_bench.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from anyres_bench.evaluation.pairs import Difference
    from anyres_bench.results import Result


@click.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", default="report.html", show_default=True, type=click.Path(path_type=Path))
@click.option("--title", default="anyres-bench", show_default=True)
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="A.json B.json",
    help="Print the paired difference of two results instead of making a page.",
)
def command(
    results: tuple[Path, ...], out: Path, title: str, compare: tuple[Path, Path] | None
) -> None:
    """Write one HTML page about RESULTS, which are files or folders.  [default: results]

    The page holds everything it shows. Results of one task on one set of images share a table, with
    intervals and paired differences; others never do. Pictures are shown where their licence
    permits. Paired differences and pictures come from the cache of the machine that evaluated.

    \b
    Examples:
      anyres-bench report results --out report.html --title "Birds, June"
      anyres-bench report --compare results/real/x.json results/mine/x.json
    """
    from anyres_bench.core.quoting import terminal
    from anyres_bench.metrics import METRICS
    from anyres_bench.results import read_result, read_results

    if compare is not None:
        _compare(*(read_result(path) for path in compare))
        return
    reading = read_results(results or (Path("results"),), metrics=METRICS)
    for oddity in reading.oddities:
        click.echo(terminal(oddity), err=True)
    write_report(reading.results, out, title)
    click.echo(f"wrote {out}")


def write_report(results: Sequence[Result], out: Path, title: str) -> None:
    """Render the page and write it.

    Raises:
        DataError: the page cannot be written.
        UsageError: there is a file that `report` has not written.
    """
    from tqdm import tqdm

    from anyres_bench.core.seals import check_ours, sealed_write
    from anyres_bench.evaluation.pairs import paired
    from anyres_bench.evaluation.render import render_report

    check_ours(out, "report")
    with tqdm(desc="paired differences", unit="pair", file=sys.stderr, disable=None) as progress:

        def pairing(a: Result, b: Result) -> dict[str, Difference] | None:
            progress.update()
            return paired(a, b)

        page = render_report(results, pairing, title)
    try:
        with sealed_write(out, "report") as file:
            file.write(page.encode())
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror or error}") from error


def _compare(a: Result, b: Result) -> None:
    from anyres_bench.evaluation.pairs import paired
    from anyres_bench.results import number, value_label

    differences = paired(a, b)
    if differences is None:
        raise UsageError(
            "the features of these results are not in this machine's cache; evaluate both models "
            "here and compare again"
        )
    click.echo(f"{a.task}\n{a.model.id} minus {b.model.id}")
    for name, found in differences.items():
        verdict = "apart" if found.separated else "not told apart"
        low, high = number(found.low), number(found.high)
        click.echo(f"  {value_label(a, name)}  {number(found.value)}  [{low}, {high}]  {verdict}")
