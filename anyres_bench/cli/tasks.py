"""`anyres-bench tasks`: what can be measured, and how a task is written."""

from __future__ import annotations

from pathlib import Path

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import LocalPath


@click.command()
@click.option(
    "--dataset",
    "folder",
    type=LocalPath(),
    metavar="DIR",
    help="Write the suites out for this dataset.",
)
def command(folder: Path | None) -> None:
    """List suites, protocols, metrics, extractors and models.

    \b
    Examples:
      anyres-bench tasks
      anyres-bench tasks --dataset data/scenes
    """
    from anyres_bench.data.dataset import Dataset
    from anyres_bench.evaluation.catalogue import catalogue, suites_of

    show(catalogue() if folder is None else suites_of(Dataset.read(folder)))
