"""`anyres-bench generate`: images of any size, their seeds and model ids inside them."""

from __future__ import annotations

from pathlib import Path

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import device_option, label_options, option_option, read_options
from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Region, Size

_STRIPS = {"png", "tif"}


def parse_seeds(text: str) -> list[int]:
    """Read "0-3,7" as [0, 1, 2, 3, 7]."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UsageError(f"seeds {text!r} are not numbers and ranges, such as 0-15 or 3,5,8")
        seeds.extend(range(int(first), int(last or first) + 1))
    if not seeds:
        raise UsageError(f"seeds {text!r} name nothing; a range runs from low to high")
    return seeds


def parse_region(text: str | None, canvas: Size) -> Region:
    """Read "TOP,LEFT,HEIGHT,WIDTH" as a window of the canvas; None is the whole canvas."""
    if text is None:
        return Region.whole(canvas)
    try:
        box = Box(*(int(part) for part in text.split(",")))
    except (ValueError, TypeError):
        raise UsageError(f"region {text!r} is not TOP,LEFT,HEIGHT,WIDTH in pixels") from None
    if not box.fits(canvas):
        raise UsageError(f"region {text} does not lie inside the canvas of {canvas}")
    return Region.whole(canvas).crop(box)


@click.command()
@click.argument("model")
@click.option("--seeds", default="0", show_default=True, help="Such as 0-15 or 3,5,8.")
@click.option("--size", help="Canvas: 512 or HEIGHTxWIDTH.  [default: the model's own]")
@click.option("--region", help="Render only this window: TOP,LEFT,HEIGHT,WIDTH in pixels.")
@click.option("--psi", type=float, help="Truncation; 1 is none, smaller is safer and duller.")
@click.option("--assembly", help="How windows are put together, where the model offers a choice.")
@label_options
@option_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("out"))
@click.option("--format", "suffix", type=click.Choice(sorted(_STRIPS)), default="png")
@click.option("--grid", is_flag=True, help="Also one picture with all seeds.")
@click.option("--interpolate", type=int, metavar="N", help="Walk through the seeds, N frames each.")
@click.option("--zoom", metavar="SIZE", help="Grow the canvas up to SIZE around its centre.")
@click.option("--frames", default=48, show_default=True, help="Frames of --zoom.")
@click.option("--fps", default=16, show_default=True, help="Frames per second of animations.")
@click.option("--video", type=click.Choice(["webp", "mp4"]), default="webp", show_default=True)
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

    MODEL is a folder made by `convert`, an official checkpoint, a registered name such as
    `scenes`, or package.module:factory. An image depends on its seed alone. Images that an earlier
    call made are not rendered again, so an interrupted call goes on where it was; a file that
    `generate` has not written is never replaced.

    \b
    Examples:
      anyres-bench generate scenes --seeds 0-15 --size 640x1024 --out landscapes --grid
      anyres-bench generate ffhq6k.pkl --seeds 7 --size 4096 --psi 0.7 --region 0,0,512,512
      anyres-bench generate scenes --seeds 1-4 --size 256 --interpolate 24
      anyres-bench generate scenes --seeds 3 --size 256 --zoom 2048 --video webp
    """
    from anyres_bench.models import rendered_files as files
    from anyres_bench.models.loading import load
    from anyres_bench.models.rendering import check_canvas

    options = read_options(pairs, psi=psi, assembly=assembly, label=label, labels=labels)
    where = device or str(distributed.device())
    generator = load(model, options, device=where, accept_licence=accept_licence)
    canvas = Size.parse(size) if size else generator.native
    check_canvas(generator, canvas)
    numbers = parse_seeds(seeds)
    job, film = (
        files.RenderJob(generator, parse_region(region, canvas), out, suffix),
        files.Film(video, fps),
    )
    files.check_names(job, _names(numbers, suffix, video, grid, interpolate, zoom))
    if interpolate:
        show(files.write_interpolation(job, numbers, interpolate, film))
    elif zoom:
        show(files.write_zooms(job, numbers, Size.parse(zoom), frames, film))
    else:
        show(files.write_images(job, numbers, fresh))
        if grid:
            show(files.write_grid(job, numbers))


def _names(
    seeds: list[int], suffix: str, video: str, grid: bool, interpolate: int | None, zoom: str | None
) -> list[str]:
    """What will be written."""
    if interpolate:
        return [f"interpolation.{video}"]
    if zoom:
        return [f"zoom{seed:04d}.{video}" for seed in seeds]
    return [f"seed{seed:04d}.{suffix}" for seed in seeds] + [f"grid.{suffix}"] * grid
