"""`anyres-bench compare A B`: two folders of images, one call."""

from __future__ import annotations

from pathlib import Path

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import LocalPath, device_option

_FOLDER = LocalPath(exists=True, file_okay=False)


@click.command()
@click.argument("a", type=_FOLDER)
@click.argument("b", type=_FOLDER)
@click.option(
    "--size",
    type=click.IntRange(min=32),
    metavar="PX",
    help="Side to shrink images to.  [default: the largest power of two, up to 1024, that nine in "
    "ten images of each folder hold]",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    default=("frechet", "kid", "precision-recall"),
    show_default=True,
    help="What to measure; may be given several times.",
)
@click.option(
    "--extractor", default="builtin", show_default=True, help="What turns images into vectors."
)
@click.option(
    "--out", default="results", show_default=True, type=LocalPath(), help="Folder of the results."
)
@device_option
def command(
    a: Path,
    b: Path,
    size: int | None,
    metrics: tuple[str, ...],
    extractor: str,
    out: Path,
    device: str | None,
) -> None:
    """Say how far the images in folder B are from those in folder A, whatever their sizes.

    Centre squares of images, shrunk to one size; all of A is the reference. For windows, curves
    over size and ceilings make a dataset of A (`collect folder`) and `evaluate folder:B` on it.

    \b
    Examples:
      anyres-bench compare photographs generated
      anyres-bench compare a b --extractor inception-v3 --metric frechet --size 299
    """
    from anyres_bench.evaluation.api import compare_folders
    from anyres_bench.results import result_table

    outcome = compare_folders(
        a, b, size=size, metrics=metrics, extractor=extractor, out=out, device=device
    )
    show(result_table(outcome.results))
    outcome.check()
