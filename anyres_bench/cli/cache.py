"""`anyres-bench cache`: what the cache holds, and removing parts of it."""

from __future__ import annotations

import click

from anyres_bench.cli.console import show
from anyres_bench.core.cache import cache_text, prune


@click.command()
@click.option(
    "--prune",
    "names",
    multiple=True,
    metavar="NAME",
    help="Remove this part; may be given several times.",
)
def command(names: tuple[str, ...]) -> None:
    """Show where the cache is, what it holds and how large that is.

    weights are published files, which are fetched again (some by hand); features are what
    evaluations go on from; replicates are what differences are made of; samples and differences
    are what reports show; specs say how models and extractors were asked for, of which
    submissions make their recipes. ANYRES_BENCH_CACHE says where it is. Do not prune while
    another command runs.

    \b
    Examples:
      anyres-bench cache
      anyres-bench cache --prune features
    """
    for part in map(prune, names):
        show(f"removed {part.name}: {part.n_files} files, {part.n_bytes / 1e6:.1f} MB")
    show(cache_text())
