"""`anyres-bench convert`: networks of other programs as safetensors and JSON."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import LocalPath
from anyres_bench.core.errors import UnknownNameError, UsageError


@click.command()
@click.argument("source", required=False)
@click.argument("out", required=False, type=LocalPath())
@click.option("--which", default="G_ema", show_default=True, help="Network: G_ema, G or D.")
@click.option(
    "--training-options",
    type=LocalPath(exists=True, dir_okay=False),
    help="The trainer's JSON.  [default: training_options.json beside SOURCE, if it is there]",
)
@click.option("--licence", help="Licence of these weights.  [default: that of the code]")
@click.option("--accept-licence", is_flag=True, help="Accept the licence of a downloaded snapshot.")
@click.option(
    "--list",
    "listed",
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Show the published files, of all families, of one or whose names hold NAME, and stop.",
)
def command(
    source: str | None,
    out: Path | None,
    which: str,
    training_options: Path | None,
    licence: str | None,
    accept_licence: bool,
    listed: str | None,
) -> None:
    """Convert an official snapshot or an ncnn network into a folder of safetensors and JSON.

    SOURCE is a .pkl of AnyRes-GAN, StyleGAN3 or StyleGAN2-ADA, a registered name (--list), or the
    .param of an ncnn network of Real-ESRGAN with its .bin beside it. It is read as data: the code
    inside a .pkl is never run, and a file that asks for more than tensors and plain values is
    refused. OUT is a new folder. The other files of --list need no conversion: the baselines and
    extractors that they belong to read them as they are. `embedded:NAME` are in the package.

    \b
    Examples:
      anyres-bench convert ffhq6k_pretrained_final.pkl models/ffhq6k
      anyres-bench convert stylegan3-t-ffhqu-256x256 models/ffhqu --accept-licence
      anyres-bench convert realesrgan-x4plus.param models/x4plus
      anyres-bench convert --list
      anyres-bench convert --list anyres
      anyres-bench convert --list embedded
    """
    if listed is not None:
        show(_listing(listed))
        return
    if source is None or out is None:
        raise UsageError("convert needs SOURCE and OUT; --help shows examples")
    if out.exists():
        raise UsageError(f"{out} is already there; remove it or choose another folder")
    from anyres_bench.models.checkpoint import describe, write_checkpoint
    from anyres_bench.models.families import parts
    from anyres_bench.models.loading import read_snapshot
    from anyres_bench.models.networks import load_network

    checkpoint = read_snapshot(
        source, which, training_options, licence=licence, accept_licence=accept_licence
    )
    if checkpoint.architecture in parts("networks"):
        load_network(checkpoint)  # what does not fit is not written
    write_checkpoint(out, checkpoint)
    name, renders = checkpoint.architecture, "no, it is data"
    if name in parts("checkpoints"):
        renders = "yes"
    elif name in parts("upscalers"):
        renders = f"as {name}:BASE with --option {shlex.quote(f'weights={out}')}"
    show(f"{out}\n{describe(checkpoint)}\n  renders   {renders}")


def _listing(name: str) -> str:
    """The published files of all families, of one, or those whose names hold `name`."""
    from anyres_bench.features.weights import WEIGHTS
    from anyres_bench.fetching.weights import table
    from anyres_bench.models.embedded import embedded_table
    from anyres_bench.models.families import FAMILIES, published_weights

    everything = WEIGHTS | published_weights()
    if name == "embedded":
        return embedded_table()
    if not name:
        shown = ", ".join([*FAMILIES, "embedded"])
        return (
            f"{embedded_table()}\n\n{table(everything)}\n\n"
            "--list NAME shows addresses, digests and where to put what is missing, "
            f"of a family ({shown}) or of the names that hold NAME"
        )
    rows = published_weights(name) if name in FAMILIES else {}
    rows = rows or {key: row for key, row in everything.items() if name.lower() in key.lower()}
    if not rows:
        raise UnknownNameError(f"no published file has {name!r} in its name; see convert --list")
    return table(rows, details=True)
