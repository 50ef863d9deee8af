"""`anyres-bench upscale IN OUT`: enlarge stored images with a baseline."""

from __future__ import annotations

from pathlib import Path

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import LocalPath, Number, device_option
from anyres_bench.core import distributed
from anyres_bench.core.counts import counted
from anyres_bench.data.containers import LARGEST_PIXELS, MAX_PIXELS


@click.command()
@click.argument("source", metavar="IN", type=LocalPath(exists=True))
@click.argument("out", metavar="OUT", type=LocalPath(file_okay=False))
@click.option("--model", required=True, help="liif, realesrgan, lanczos, bicubic, ...")
@click.option("--size", required=True, help="The longer side in pixels, or HEIGHTxWIDTH.")
@click.option("--weights", help="A registered name (`convert --list`) or an official file.")
@click.option("--mode", help="Of realesrgan: exact, tiled or official.  [default: exact]")
@click.option("--denoise", help="Of realesr-general-x4v3: 0 to 1.")
@click.option(
    "--max-megapixels",
    default=MAX_PIXELS / 1e6,
    show_default="89",
    type=Number(0, LARGEST_PIXELS / 1e6, min_open=True),
    help="Larger images of IN are left out before they are decoded.",
)
@device_option
@click.option("--accept-licence", is_flag=True, help="Accept the licence of downloaded weights.")
def command(
    source: Path,
    out: Path,
    model: str,
    size: str,
    weights: str | None,
    mode: str | None,
    denoise: str | None,
    max_megapixels: float,
    device: str | None,
    accept_licence: bool,
) -> None:
    """Enlarge the images of IN, a folder or one file, to PNG files in OUT.

    Nothing is stretched. Images that an earlier call made are not made again, so an interrupted
    call goes on where it was; a file that `upscale` has not written is never replaced. Files that
    are no images are reported and left out.

    \b
    Examples:
      anyres-bench upscale in/ out/ --model realesrgan --size 4096
      anyres-bench upscale in/ out/ --model liif --weights edsr-baseline-liif.pth --size 1024
      anyres-bench upscale photo.jpg out/ --model realesrgan --mode tiled --size 8192
    """
    from anyres_bench.models.enlarging import enlarge_files, make_upscaler

    given = {"weights": weights, "mode": mode, "denoise": denoise}
    options = {name: text for name, text in given.items() if text is not None}
    where = device or str(distributed.device())
    upscaler = make_upscaler(model, options, device=where, accept_licence=accept_licence)
    done = enlarge_files(upscaler, source, out, size, round(max_megapixels * 1e6))
    show(
        f"{counted(done.n_made, 'image')} made by {upscaler.id}, {done.n_kept} already in {out}, "
        f"{counted(len(done.rejected), 'file')} left out"
    )
