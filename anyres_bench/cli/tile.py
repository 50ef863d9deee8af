"""`anyres-bench tile`: what the tilers of vision-language models make of an image or a folder."""

from __future__ import annotations

from pathlib import Path

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import LocalPath
from anyres_bench.core.reporting import say


@click.command()
@click.argument("target", metavar="HEIGHTxWIDTH|IMAGE|FOLDER|DATASET")
@click.option(
    "--tiler",
    "names",
    multiple=True,
    metavar="NAME[:OPTION=VALUE,...]",
    help="Only this tiler; may be given several times; `tilers list` names them.",
)
@click.option(
    "--budget", type=click.IntRange(1, 1 << 31), metavar="N", help="Settings for N tokens."
)
@click.option("--encoder", default="siglip-so400m", show_default=True, help="Vision encoder.")
@click.option("--model", "language", default="qwen2-7b", show_default=True, help="Language model.")
@click.option("--explain", "explained", is_flag=True, help="Say why, decision by decision.")
@click.option(
    "--detail",
    "pages",
    type=click.IntRange(min=0),
    default=0,
    metavar="PAGES",
    help="Draw so many documents of the size and say what can still be read; seconds a tiler.  "
    "[default: none]",
)
@click.option("--csv", "csv", type=LocalPath(dir_okay=False), help="Write a CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@click.option("--page", type=LocalPath(dir_okay=False), help="Draw it: an offline page.")
def command(
    target: str,
    names: tuple[str, ...],
    budget: int | None,
    encoder: str,
    language: str,
    explained: bool,
    pages: int,
    csv: Path | None,
    as_json: bool,
    page: Path | None,
) -> None:
    """Show what every tiler makes of an image: canvas, tiles, tokens, waste, cost.

    Sizes are HEIGHTxWIDTH. For a folder or a dataset: how many tokens its images take, which ones
    take most for their pixels, what they cost, and how well they pack.

    \b
    Examples:
      anyres-bench tile 1080x1920
      anyres-bench tile 1080x1920 --tiler internvl:max_tiles=6 --explain
      anyres-bench tile 1650x1275 --detail 3 --budget 1024
      anyres-bench tile photo.jpg --page photo.html
      anyres-bench tile photographs/ --budget 1024 --csv tokens.csv
    """
    from anyres_bench.tilers.reports import report_on
    from anyres_bench.tilers.workbench import models

    if explained and as_json:
        raise click.UsageError("--explain is no JSON; leave it or --json out")
    report = report_on(target, names, models(encoder, language), budget, pages)
    if csv:
        report.write_csv(csv)
        say(f"written: {csv}")
    if page:
        from anyres_bench.tilers.page import picture_of, write_page

        write_page(page, picture_of(target, report.target), report.tilers, language)
        say(f"drawn: {page}")
    if as_json and report.heading:
        say(report.heading)
    show(report.json() if as_json else report.text())
    if explained:
        show(report.explained())
