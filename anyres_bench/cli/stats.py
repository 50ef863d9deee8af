"""`anyres-bench stats`: statistics of reference images as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.groups import Group
from anyres_bench.cli.options import LocalPath, device_option, workers_option
from anyres_bench.core import distributed
from anyres_bench.core.quoting import one_line_each

if TYPE_CHECKING:
    from anyres_bench.features.references import Reference

_FILE = LocalPath()


@click.group(cls=Group)
def command() -> None:
    """Write, show and compare statistics of reference images.

    \b
    Examples:
      anyres-bench stats export data/photos photos.npz --task anyres-full256
      anyres-bench stats show photos.npz
      anyres-bench stats diff photos.npz theirs.npz
    """


@command.command()
@click.argument("folder", type=LocalPath(file_okay=False), metavar="DATASET")
@click.argument("out", type=_FILE)
@click.option("--task", required=True, metavar="PROTOCOL|TASK", help="How images are seen.")
@click.option("--extractor", help="Where the task names none.  [default: builtin]")
@click.option("--n", type=click.IntRange(min=2), help="Windows, where windows are compared.")
@click.option("--seed", default=0, show_default=True, help="Of windows.")
@workers_option
@device_option
@click.option("--accept-licence", is_flag=True, help="Accept the licence of downloaded weights.")
def export(
    folder: Path,
    out: Path,
    task: str,
    extractor: str | None,
    n: int | None,
    seed: int,
    workers: int,
    device: str | None,
    accept_licence: bool,
) -> None:
    """Write the statistics of the reference images of DATASET to OUT.

    OUT ends in .npz, which pytorch-fid and clean-fid read too, or in .safetensors, which holds the
    exact sums. Both say of which images, how many, by which protocol, extractor and versions they
    are, so that a number against them is of the same task as one against the images.

    \b
    Examples:
      anyres-bench stats export data/photos photos.npz --task anyres-full256
      anyres-bench stats export data/photos all.safetensors --task photos/anyres-full256/frechet
    """
    from anyres_bench.data.dataset import Dataset
    from anyres_bench.evaluation.requests import Request
    from anyres_bench.evaluation.statistics_export import as_task, export_statistics

    where = device or str(distributed.device())
    request = Request((as_task(task),), extractor, n, where, accept_licence)
    with distributed.joined():
        origin, gaussian = export_statistics(
            Dataset.read(folder), request, out, seed=seed, n_workers=workers
        )
    show(
        f"written: {out}: {gaussian.n} items of {origin.part}, {origin.protocol}, "
        f"{origin.extractor}"
    )


@command.command("show")
@click.argument("file", type=_FILE)
def show_file(file: Path) -> None:
    """Say what FILE holds, and of what.

    \b
    Example:
      anyres-bench stats show photos.npz
    """
    from anyres_bench.features.reference_files import read_reference

    show(one_line_each(_lines(read_reference(file))))


@command.command()
@click.argument("a", type=_FILE)
@click.argument("b", type=_FILE)
def diff(a: Path, b: Path) -> None:
    """Say why the statistics A and B differ: images, number, resize, codec, extractor, rounding.

    Exit code 0 where they are equal or differ by rounding alone, 1 where they differ by more.

    \b
    Example:
      anyres-bench stats diff photos.npz theirs.npz
    """
    from anyres_bench.features.reference_differences import reference_differences
    from anyres_bench.features.reference_files import read_reference

    found = reference_differences(read_reference(a), read_reference(b))
    lines = [f"{one.kind:<11} {one.text}" for one in found]
    show(one_line_each(lines or ["equal: the same numbers"]))
    if any(one.kind not in ("rounding", "versions", "codec") for one in found):
        raise SystemExit(1)


def _lines(reference: Reference) -> list[str]:
    lines = [f"layout     {reference.layout}"]
    if (moments := reference.gaussian) is not None:
        of = "not said of how many items" if moments.n is None else f"of {moments.n} items"
        lines += [
            f"moments    {moments.dim} dimensions, {of}",
            f"digest     {moments.digest}",
        ]
    if (batch := reference.images) is not None:
        lines += [f"images     {batch.n} of {batch.size} px", f"digest     {batch.digest}"]
    origin = reference.origin
    if origin is None:
        unknown = "images, split, resize, codec, extractor" if moments else "split, codec"
        return [*lines, f"not said   {unknown}"]
    return [
        *lines,
        f"dataset    {origin.part} ({origin.dataset.digest[:12]})",
        f"protocol   {origin.protocol}, seed {origin.seed}",
        f"extractor  {origin.extractor}",
        f"versions   {', '.join(' '.join(pair) for pair in sorted(origin.versions.items()))}",
    ]
