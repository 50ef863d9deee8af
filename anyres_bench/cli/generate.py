"""`anyres-bench generate`: images of any size, their seeds and model ids inside them."""

from __future__ import annotations

from pathlib import Path

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import (
    LocalPath,
    Number,
    check_owners,
    device_option,
    label_options,
    option_option,
    read_options,
)
from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import parse_seeds


@click.command()
@click.argument("model")
@click.option("--seeds", default="0", show_default=True, help="Such as 0-15 or 3,5,8.")
@click.option("--size", help="Canvas: 512 or HEIGHTxWIDTH.  [default: the model's own]")
@click.option("--region", help="Render only this window: TOP,LEFT,HEIGHT,WIDTH in pixels.")
@click.option("--psi", type=float, help="Truncation; 1 is none, smaller is safer and duller.")
@click.option("--assembly", help="How windows are put together, where the model offers a choice.")
@click.option(
    "--memory",
    type=Number(min=0, min_open=True),
    metavar="GIB",
    help="Memory that one window may take, of models rendered in windows of any size.  "
    "[default: a quarter of what is free, at most 4]",
)
@label_options
@option_option
@click.option(
    "--out",
    type=LocalPath(file_okay=False),
    default=Path("out"),
    show_default=True,
    help="Folder of the images.",
)
@click.option(
    "--format",
    "suffix",
    type=click.Choice(["png", "tif"]),
    default="png",
    show_default=True,
    help="Of images.",
)
@click.option("--grid", is_flag=True, help="Also one picture with all seeds.")
@click.option(
    "--interpolate",
    type=click.IntRange(min=1),
    metavar="N",
    help="Walk through the seeds, N frames each.",
)
@click.option("--zoom", metavar="SIZE", help="Grow the canvas up to SIZE around its centre.")
@click.option(
    "--frames", default=48, show_default=True, type=click.IntRange(min=1), help="Frames of --zoom."
)
@click.option(
    "--fps",
    default=16,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Frames per second of animations.",
)
@click.option(
    "--video",
    type=click.Choice(["webp", "mp4"]),
    default="webp",
    show_default=True,
    help="Format of animations.",
)
@device_option
@click.option("--fresh", is_flag=True, help="Render again what is there already.")
@click.option("--accept-licence", is_flag=True, help="Accept the licence of downloaded weights.")
def command(
    model: str,
    seeds: str,
    size: str | None,
    region: str | None,
    psi: float | None,
    assembly: str | None,
    memory: float | None,
    label: int | None,
    labels: str | None,
    pairs: tuple[str, ...],
    out: Path,
    suffix: str,
    grid: bool,
    interpolate: int | None,
    zoom: str | None,
    frames: int,
    fps: int,
    video: str,
    device: str | None,
    fresh: bool,
    accept_licence: bool,
) -> None:
    """Render images of any size from MODEL.

    MODEL is a folder made by `convert` or `train`, an official checkpoint, a registered name such
    as `scenes`, or a factory of one's own, file.py:factory or package.module:factory. An image does
    not depend on the seeds beside its own. Images that an earlier call made are not rendered again,
    so an interrupted call goes on where it was; a file that `generate` has not written is never
    replaced.

    \b
    Examples:
      anyres-bench generate scenes --seeds 0-15 --size 640x1024 --out landscapes --grid
      anyres-bench generate ffhq6k.pkl --seeds 7 --size 4096 --psi 0.7 --region 0,0,512,512
      anyres-bench generate embedded:ours-seed0 --seeds 1-4 --size 128 --interpolate 24
      anyres-bench generate scenes --seeds 3 --size 256 --zoom 2048 --video webp
    """
    from anyres_bench.models.loading import load
    from anyres_bench.models.rendered_files import Film, RenderJob, write

    films = ("interpolate", "zoom")
    check_owners(frames=["zoom"], fps=films, video=films)
    _check_together(grid=grid, region=region, interpolate=interpolate, zoom=zoom)
    options = read_options(
        pairs, psi=psi, assembly=assembly, memory=memory, label=label, labels=labels
    )
    where = device or str(distributed.device())
    generator = load(model, options, device=where, accept_licence=accept_licence)
    window = Region.parse(region, Size.parse(size) if size else generator.native)
    film = Film(video, fps, interpolate or 0, Size.parse(zoom) if zoom else None, frames)
    job = RenderJob(generator, window, out, suffix, fresh)
    for made in write(job, parse_seeds(seeds), film, grid):
        show(made)


def _check_together(**given: object) -> None:
    """Refuse options of which one would be passed over.

    Raises:
        UsageError: two exclude each other.
    """
    for one, other in (("interpolate", "zoom"), ("grid", "interpolate"), ("grid", "zoom")):
        if given[one] and given[other]:
            raise UsageError(f"--{one} and --{other} exclude each other; call generate for each")
    if given["region"] and given["zoom"]:
        raise UsageError("--zoom chooses its own windows; leave --region out")
