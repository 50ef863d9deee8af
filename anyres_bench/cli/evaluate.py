"""`anyres-bench evaluate`: measure a model on a dataset."""

from __future__ import annotations

import json
from pathlib import Path

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import (
    device_option,
    label_options,
    option_option,
    read_options,
)
from anyres_bench.core import distributed


@click.command()
@click.argument("model")
@click.option("--dataset", "folder", required=True, type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--suite",
    "wanted",
    multiple=True,
    default=("quick",),
    show_default=True,
    metavar="quick|paper|TASK",
    help="What to measure; may be given several times.",
)
@click.option("--extractor", help="Where the task names none.  [default: builtin]")
@click.option("--n", type=click.IntRange(min=2), help="Fakes, where the task names no number.")
@click.option("--seed", default=0, show_default=True, help="Of windows and latents.")
@click.option("--batch-size", default=16, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--workers",
    default=2,
    show_default=True,
    type=click.IntRange(min=0),
    help="Threads that decode images.",
)
@click.option("--out", default="results", show_default=True, type=click.Path(path_type=Path))
@device_option
@click.option("--psi", help="Truncation, for models that have it.")
@click.option("--assembly", help="How tiles become an image, for models that have a choice.")
@label_options
@option_option
@click.option("--accept-licence", is_flag=True, help="Accept the licence of downloaded weights.")
@click.option("--as", "kind", metavar="DATASET", help="What the dataset is, for --suite paper.")
@click.option("--fresh", is_flag=True, help="Measure again what is there already.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Time a few items; say tasks, hours, memory, disk and downloads; write nothing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the records instead of the table.")
def command(
    model: str,
    folder: Path,
    wanted: tuple[str, ...],
    extractor: str | None,
    n: int | None,
    seed: int,
    batch_size: int,
    workers: int,
    out: Path,
    device: str | None,
    psi: str | None,
    assembly: str | None,
    label: int | None,
    labels: str | None,
    pairs: tuple[str, ...],
    accept_licence: bool,
    kind: str | None,
    fresh: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Measure MODEL on a dataset.

    MODEL is a folder made by `convert`, an official checkpoint, a registered name, or
    package.module:factory. `folder:PATH` takes images of any size from anywhere; `real` is the
    ceiling and `resample:lanczos@64` a floor, made of images that the reference does not hold.

    A task is PROTOCOL/METRIC, such as anyres-full256/frechet, or complete as the table shows it, or
    a paper's name, such as fid-patch256-min256max0. `anyres-bench tasks` lists what there is.
    Results are kept: what was measured before is marked and not measured again, and after Ctrl-C
    the same command goes on where it was.

    \b
    Examples:
      anyres-bench evaluate real --dataset data/scenes
      anyres-bench evaluate resample:bicubic@64 --dataset data/photos --suite anyres-full256/kid
      anyres-bench evaluate folder:my/samples --dataset data/photos --n 2000
      anyres-bench evaluate ffhq6k.pkl --dataset data/ffhq6k --suite paper --dry-run
      anyres-bench evaluate liif:folder:small --option weights=liif.pth --dataset data/photos
      torchrun --nproc-per-node 4 -m anyres_bench -- evaluate out/mine --dataset data/x --n 2000

    \b
    The -- keeps torchrun from taking --n for one of its own options.
    """
    from anyres_bench.evaluation.api import forecast_request, run_request
    from anyres_bench.evaluation.requests import Request
    from anyres_bench.results import result_table

    where = device or str(distributed.device())
    request = Request(wanted, extractor, n, where, accept_licence, kind)
    options = read_options(pairs, psi=psi, assembly=assembly, label=label, labels=labels)
    if dry_run:
        told = forecast_request(
            model,
            folder,
            request,
            options,
            out=out,
            seed=seed,
            batch_size=batch_size,
            n_workers=workers,
            fresh=fresh,
        )
        show(told)
        return
    outcome = run_request(
        model,
        folder,
        request,
        options,
        out=out,
        seed=seed,
        batch_size=batch_size,
        n_workers=workers,
        fresh=fresh,
    )
    records = [result.to_json() for result in outcome.results]
    table = result_table(outcome.results, outcome.kept)
    show(json.dumps(records, indent=2) if as_json else table)
    outcome.check()
