"""`anyres-bench inspect DATASET`: what a dataset holds."""

from __future__ import annotations

import json
from pathlib import Path

import click

from anyres_bench.building.summary import summary, summary_text, verify
from anyres_bench.cli.console import show
from anyres_bench.cli.options import LocalPath
from anyres_bench.core.reporting import say
from anyres_bench.data.dataset import Dataset


@click.command()
@click.argument("folder", type=LocalPath(file_okay=False), metavar="DATASET")
@click.option("--plot", type=LocalPath(dir_okay=False), help="Draw it: a PNG.")
@click.option("--verify", "check", is_flag=True, help="Read every file and compare its digest.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def command(folder: Path, plot: Path | None, check: bool, as_json: bool) -> None:
    """Show what DATASET holds: counts, sizes, shapes, licences, and what was left out.

    \b
    Example:
      anyres-bench inspect data/scenes --plot scenes.png
    """
    dataset = Dataset.read(folder)
    if check:
        verify(dataset)
        say(f"all {len(dataset.manifest)} files are as collected")
    show(
        json.dumps(summary(dataset), indent=2, sort_keys=True) if as_json else summary_text(dataset)
    )
    if plot:
        from anyres_bench.building.plot import plot as draw

        draw(list(dataset.manifest), plot)
        say(f"drawn: {plot}")
