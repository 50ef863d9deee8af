"""`anyres-bench convert`: official snapshots as safetensors and JSON, nothing executed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from anyres_bench.core.errors import UsageError

if TYPE_CHECKING:
    from anyres_bench.models.checkpoint import Checkpoint


@click.command()
@click.argument("source", required=False)
@click.argument("out", required=False, type=click.Path(path_type=Path))
@click.option("--which", default="G_ema", show_default=True, help="Network: G_ema, G or D.")
@click.option(
    "--training-options",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The trainer's JSON.  [default: training_options.json beside SOURCE, if it is there]",
)
@click.option("--licence", help="Licence of these weights.  [default: that of the code]")
@click.option("--accept-licence", is_flag=True, help="Accept the licence of a downloaded snapshot.")
@click.option("--list", "show_list", is_flag=True, help="Show all registered files and stop.")
def command(
    source: str | None,
    out: Path | None,
    which: str,
    training_options: Path | None,
    licence: str | None,
    accept_licence: bool,
    show_list: bool,
) -> None:
    """Convert an official snapshot into a folder of safetensors and JSON.

    SOURCE is a .pkl of AnyRes-GAN, StyleGAN3 or StyleGAN2-ADA, or a registered name (--list). It is
    read as data: the code inside it is never run, and a file that asks for more than tensors and
    plain values is refused. OUT is a new folder. The other files of --list need no conversion: the
    baselines and extractors that they belong to read them as they are.

    \b
    Examples:
      anyres-bench convert ffhq6k_pretrained_final.pkl models/ffhq6k
      anyres-bench convert stylegan3-t-ffhqu-256x256 models/ffhqu --accept-licence
      anyres-bench convert --list
    """
    if show_list:
        _show_list()
        return
    if source is None or out is None:
        raise UsageError("convert needs SOURCE and OUT; --help shows examples")
    if out.exists():
        raise UsageError(f"{out} is already there; remove it or choose another folder")
    from anyres_bench.models.checkpoint import write_checkpoint
    from anyres_bench.models.families import parts
    from anyres_bench.models.loading import read_snapshot
    from anyres_bench.models.networks import load_network

    checkpoint = read_snapshot(
        source, which, training_options, licence=licence, accept_licence=accept_licence
    )
    if checkpoint.architecture in parts("networks"):
        load_network(checkpoint)  # what does not fit is not written
    write_checkpoint(out, checkpoint)
    _show(checkpoint, out)


def _show(checkpoint: Checkpoint, out: Path) -> None:
    from anyres_bench.models.families import parts

    renders = checkpoint.architecture in parts("checkpoints")
    n_numbers = sum(tensor.numel() for tensor in checkpoint.state.values())
    source = checkpoint.source
    lines = {
        "network": f"{source['network']}, {checkpoint.architecture}",
        "tensors": f"{len(checkpoint.state)} with {n_numbers:,} numbers",
        "digest": checkpoint.digest,
        "source": f"{source['file']}, sha256 {source['sha256']}",
        "licence": checkpoint.licence,
        "training": "options kept" if checkpoint.training else "options not found",
        "renders": "yes" if renders else "no, it is kept as data",
    }
    click.echo(str(out))
    for name, value in lines.items():
        click.echo(f"  {name:<9} {value}")


def _show_list() -> None:
    from anyres_bench.features.weights import WEIGHTS
    from anyres_bench.models.families import published_weights

    for name, weights in (WEIGHTS | published_weights()).items():
        size = f"{weights.n_bytes:,} bytes" if weights.n_bytes else "size not known"
        here = "is here" if weights.path.is_file() else "put it"
        click.echo(name)
        click.echo(f"  get      {weights.url or 'no direct address is known'}")
        click.echo(f"  sha256   {weights.sha256 or 'not published'}, {size}")
        click.echo(f"  licence  {weights.licence}")
        click.echo(f"  {here:<8} {weights.path}")
        if weights.note:
            click.echo(f"  note     {weights.note}")
