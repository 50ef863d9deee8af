"""`anyres-bench export DATASET FORMAT OUT`: a dataset in the shapes that trainers read."""

from __future__ import annotations

from pathlib import Path

import click

from anyres_bench.building.export import PIXELS, export_stylegan_zip, export_webdataset
from anyres_bench.cli.console import show
from anyres_bench.cli.options import LocalPath, given_options
from anyres_bench.core.errors import UsageError
from anyres_bench.data.dataset import Dataset

_SHARD_MB = 512


@click.command()
@click.argument("folder", type=LocalPath(file_okay=False), metavar="DATASET")
@click.argument("form", type=click.Choice(["webdataset", "stylegan-zip"]), metavar="FORMAT")
@click.argument("out", type=LocalPath())
@click.option(
    "--pixels",
    type=click.Choice(PIXELS),
    help="Original bytes, or decoded as PNG.  [default: original in webdataset, png in "
    "stylegan-zip]",
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    metavar="PX",
    help="stylegan-zip: squares of one size, the middle of each image, shrunk.",
)
@click.option(
    "--shard-mb", default=_SHARD_MB, show_default=True, help="Length of a shard of webdataset, MiB."
)
def command(
    folder: Path, form: str, out: Path, pixels: str | None, size: int | None, shard_mb: int
) -> None:
    """Write DATASET to OUT in FORMAT: webdataset or stylegan-zip.

    webdataset makes tar shards and an index in the folder OUT, of the original bytes. stylegan-zip
    makes the zip OUT, of pixels decoded to upright 8-bit RGB, of every image's own size or, for
    trainers of one size, of --size. The dataset folder itself is a Hugging Face imagefolder and
    describes itself in croissant.json.

    \b
    Examples:
      anyres-bench export data/birds webdataset shards/
      anyres-bench export data/birds stylegan-zip birds.zip
      anyres-bench export data/birds stylegan-zip birds256.zip --size 256
    """
    dataset = Dataset.read(folder)
    if form == "webdataset":
        if size is not None:
            raise UsageError("--size is of stylegan-zip; shards hold images of their own sizes")
        made = export_webdataset(dataset, out, pixels or "original", shard_mb << 20)
    else:
        if "shard_mb" in given_options():
            raise UsageError("--shard-mb is of webdataset; stylegan-zip is one file")
        made = export_stylegan_zip(dataset, out, pixels or "png", size)
    show(f"written: {made}")
