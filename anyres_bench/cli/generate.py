"""`anyres-bench generate`: images of any size, their seeds and model ids inside them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anyres_bench import __version__
from anyres_bench.cli.options import label_options, option_option, read_options
from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.seals import check_ours, is_ours

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from anyres_bench.models.generator import Generator

_BY = "generate"  # in seals
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


@dataclass(frozen=True)
class Job:
    """What to render: a model, a window, where to."""

    generator: Generator
    region: Region
    folder: Path
    suffix: str

    def note(self, **facts: Any) -> str:
        """What is kept inside an image file."""
        window = self.region.box
        about = {
            "model": self.generator.id,
            "canvas": list(self.region.canvas),
            "region": [window.top, window.left, window.height, window.width],
            "anyres_bench": __version__,
            **facts,
        }
        return json.dumps(about, sort_keys=True)


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
    from anyres_bench.models.loading import load
    from anyres_bench.models.rendering import check_canvas

    options = read_options(pairs, psi=psi, assembly=assembly, label=label, labels=labels)
    generator = load(model, options, accept_licence=accept_licence)
    canvas = Size.parse(size) if size else generator.native
    check_canvas(generator, canvas)
    numbers = parse_seeds(seeds)
    job = Job(generator, parse_region(region, canvas), out, suffix)
    for name in _names(numbers, suffix, video, grid, interpolate, zoom):
        check_ours(out / name, _BY)
    if interpolate:
        _write_interpolation(job, numbers, interpolate, fps, video)
    elif zoom:
        _write_zooms(job, numbers, Size.parse(zoom), frames, fps, video)
    else:
        _write_images(job, numbers)
        if grid:
            _write_grid(job, numbers)


def _names(
    seeds: list[int], suffix: str, video: str, grid: bool, interpolate: int | None, zoom: str | None
) -> list[str]:
    """What will be written."""
    if interpolate:
        return [f"interpolation.{video}"]
    if zoom:
        return [f"zoom{seed:04d}.{video}" for seed in seeds]
    return [f"seed{seed:04d}.{suffix}" for seed in seeds] + [f"grid.{suffix}"] * grid


def _write_images(job: Job, seeds: list[int]) -> None:
    """One file a seed, row band by row band."""
    from tqdm import tqdm

    from anyres_bench.data.strips import write_strips

    with tqdm(total=len(seeds), unit="image", file=sys.stderr, disable=None) as progress:
        for seed in seeds:
            path, note = job.folder / f"seed{seed:04d}.{job.suffix}", job.note(seed=seed)
            if not is_ours(path, _BY) or _note_of(path) != note:
                write_strips(path, job.region.size, _bands(job, seed), note, _BY)
            progress.update()
    click.echo(f"{len(seeds)} images of {job.region.size} in {job.folder}")


def _bands(job: Job, seed: int) -> Iterator[NDArray[np.uint8]]:
    from anyres_bench.data.pixels import to_uint8
    from anyres_bench.models.rendering import bands

    z = job.generator.latents([seed])
    for band in bands(job.generator, z, job.region):
        yield to_uint8(band).permute(1, 2, 0).numpy()


def _note_of(path: Path) -> str | None:
    """The note of a file that an earlier call wrote; None when it is something else."""
    from PIL import Image, UnidentifiedImageError

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # only headers are read
    try:
        with Image.open(path) as image:
            text = image.info.get("anyres-bench") or getattr(image, "tag_v2", {}).get(270)
            return str(text) if text else None
    except (UnidentifiedImageError, OSError):
        return None
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _write_grid(job: Job, seeds: list[int]) -> None:
    """All seeds in one picture, near a square, in reading order."""
    import numpy as np

    from anyres_bench.data.strips import write_strips

    n_columns = max(1, round(len(seeds) ** 0.5 * (job.region.size.height / job.region.size.width)))
    n_columns = min(n_columns, len(seeds))
    n_rows = -(-len(seeds) // n_columns)
    height, width = job.region.size

    def rows() -> Iterator[NDArray[np.uint8]]:
        for row in range(n_rows):
            line = np.full((height, n_columns * width, 3), 255, np.uint8)
            for column, seed in enumerate(seeds[row * n_columns : (row + 1) * n_columns]):
                image = np.concatenate(list(_bands(job, seed)))
                line[:, column * width : (column + 1) * width] = image
            yield line

    path = job.folder / f"grid.{job.suffix}"
    size = Size(n_rows * height, n_columns * width)
    write_strips(path, size, rows(), job.note(seeds=seeds), _BY)
    click.echo(f"grid of {n_rows} x {n_columns} in {path}")


def _write_interpolation(job: Job, seeds: list[int], n_frames: int, fps: int, video: str) -> None:
    from anyres_bench.data.pixels import to_uint8
    from anyres_bench.models.rendering import latent_path

    pictures = (
        to_uint8(job.generator.sample(z, [job.region])[0]).permute(1, 2, 0).numpy()
        for z in latent_path(job.generator, seeds, n_frames)
    )
    path = job.folder / f"interpolation.{video}"
    _write_video(path, pictures, len(seeds) * n_frames, fps)


def _write_zooms(
    job: Job, seeds: list[int], largest: Size, n_frames: int, fps: int, video: str
) -> None:
    from anyres_bench.data.pixels import to_uint8
    from anyres_bench.models.rendering import check_canvas, zoom_path

    regions = zoom_path(job.region.size, largest, n_frames)
    for region in regions:
        check_canvas(job.generator, region.canvas)
    for seed in seeds:
        z = job.generator.latents([seed])
        pictures = (
            to_uint8(job.generator.sample(z, [r])[0]).permute(1, 2, 0).numpy() for r in regions
        )
        _write_video(job.folder / f"zoom{seed:04d}.{video}", pictures, n_frames, fps)


def _write_video(path: Path, pictures: Iterator[Any], n_frames: int, fps: int) -> None:
    """Write an animation, whole or not at all."""
    from tqdm import tqdm

    from anyres_bench.data.animation import write_animation

    shown = tqdm(pictures, total=n_frames, unit="frame", file=sys.stderr, disable=None)
    write_animation(path, shown, fps, _BY)
    click.echo(f"{n_frames} frames in {path}")
