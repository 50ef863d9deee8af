"""`anyres-bench recheck`: drop photographs that their authors have withdrawn."""

from __future__ import annotations

from pathlib import Path

import click

from anyres_bench.building.assemble import withdraw
from anyres_bench.building.withdrawn import recheck
from anyres_bench.cli.console import show
from anyres_bench.cli.options import LocalPath
from anyres_bench.collectors.flickr_api import API_URL, PER_HOUR, FlickrApi, rates
from anyres_bench.collectors.flickr_key import read_key
from anyres_bench.data.dataset import Dataset
from anyres_bench.fetching.limits import TokenBuckets


@click.command()
@click.argument("folder", type=LocalPath(file_okay=False), metavar="DATASET")
@click.option("--drop", is_flag=True, help="Remove the withdrawn images from the dataset.")
@click.option("--key-file", type=LocalPath(), help="Mode 600, with the API key.")
@click.option("--api", default=API_URL, show_default=True, help="Address of the API.")
@click.option(
    "--calls-per-hour", default=PER_HOUR, show_default=True, help="Flickr allows a key 3600."
)
def command(folder: Path, drop: bool, key_file: Path | None, api: str, calls_per_hour: int) -> None:
    """Ask Flickr again about every photograph of DATASET.

    A photograph is withdrawn when it is gone or private, when its licence is no longer one that
    the dataset was collected under, or when it carries the tag no_cv. Do this before you publish a
    dataset again. Without --drop nothing is changed; with it, images of one photograph go together
    and the dataset gets a new digest.

    \b
    Example:
      anyres-bench recheck data/ffhq6k --drop
    """
    client = FlickrApi(read_key(key_file), api, TokenBuckets(rates=rates(calls_per_hour)))
    found = recheck(Dataset.read(folder), client)
    show(found.text())
    if drop and found.files:
        digest = withdraw(folder, found.files).dataset.digest
        show(f"{len(found.files)} images removed; the digest is now {digest[:12]}")
    found.check_complete()
