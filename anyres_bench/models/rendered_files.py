"""What a generator renders, as files: pictures, grids, walks and zooms; each knows its origin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from anyres_bench import __version__
from anyres_bench.core.counts import counted
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.reporting import progress, tracked
from anyres_bench.core.seals import check_ours, is_ours
from anyres_bench.data.animation import write_animation
from anyres_bench.data.pixels import to_uint8
from anyres_bench.data.strips import write_strips
from anyres_bench.models.generator import Generator
from anyres_bench.models.rendering import bands, check_canvas, latent_path, zoom_path

_BY = "generate"  # in seals
_N_NAMED = 3  # files that were kept


@dataclass(frozen=True)
class RenderJob:
    """What to render: a model, a window, where to.

    Attributes:
        generator: the model.
        region: the window, of its canvas.
        folder: of the files.
        suffix: of pictures, png or tif.
        fresh: render again what an earlier call has made of the same model.
    """

    generator: Generator
    region: Region
    folder: Path
    suffix: str
    fresh: bool = False

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


@dataclass(frozen=True)
class Film:
    """An animation: a walk through the seeds, or a zoom a seed; or none.

    Attributes:
        suffix: webp or mp4.
        fps: frames a second.
        n_between: frames of the walk from one seed to the next; 0 where there is no walk.
        largest: the canvas that a zoom ends on; None where there is no zoom.
        n_frames: of a zoom.
    """

    suffix: str
    fps: int
    n_between: int = 0
    largest: Size | None = None
    n_frames: int = 48


def write(job: RenderJob, seeds: Sequence[int], film: Film, grid: bool) -> Iterator[str]:
    """Render seeds to files: the film where there is one, else pictures.

    Args:
        job: what is rendered, and where to.
        seeds: one picture or zoom each.
        film: how they move.
        grid: one more picture, of all seeds.

    Yields:
        What was made, in words.

    Raises:
        UsageError: the generator does not render the canvas, or something would be replaced that
            `generate` has not written; nothing was rendered then.
    """
    check_canvas(job.generator, job.region.canvas)
    for name in _names(job, seeds, film, grid):
        check_ours(job.folder / name, _BY)
    if film.n_between:
        yield _write_walk(job, seeds, film)
    elif film.largest:
        yield from _write_zooms(job, seeds, film.largest, film)
    else:
        yield _write_images(job, seeds)
        if grid:
            yield _write_grid(job, seeds)


def _names(job: RenderJob, seeds: Sequence[int], film: Film, grid: bool) -> list[str]:
    """What will be written."""
    if film.n_between:
        return [f"interpolation.{film.suffix}"]
    if film.largest:
        return [f"zoom{seed:04d}.{film.suffix}" for seed in seeds]
    return [f"seed{seed:04d}.{job.suffix}" for seed in seeds] + [f"grid.{job.suffix}"] * grid


def _write_images(job: RenderJob, seeds: Sequence[int]) -> str:
    """One file a seed, row band by row band; what was made and what was there, in words."""
    kept = []
    for seed in tracked(seeds, "rendering", "image"):
        path, note = job.folder / f"seed{seed:04d}.{job.suffix}", job.note(seed=seed)
        if not job.fresh and is_ours(path, _BY) and _note_of(path) == note:
            kept.append(path.name)
        else:
            write_strips(path, job.region.size, _bands(job, seed), note, _BY)
    made = f"{counted(len(seeds), 'image')} of {job.region.size} in {job.folder}"
    if not kept:
        return made
    shown = ", ".join(kept[:_N_NAMED]) + (", ..." if len(kept) > _N_NAMED else "")
    return f"{made}; {len(kept)} were there and are kept ({shown}); --fresh renders them again"


def _bands(job: RenderJob, seed: int) -> Iterator[NDArray[np.uint8]]:
    z = job.generator.latents([seed])
    for band in bands(job.generator, z, job.region):
        yield to_uint8(band).permute(1, 2, 0).cpu().numpy()


def _note_of(path: Path) -> str | None:
    """The note of a file that an earlier call wrote; None when it is something else."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # only headers are read
    try:
        with Image.open(path) as image:
            text = image.info.get("anyres-bench") or getattr(image, "tag_v2", {}).get(270)
            return str(text) if text else None
    except (UnidentifiedImageError, OSError):
        return None
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _write_grid(job: RenderJob, seeds: Sequence[int]) -> str:
    """All seeds in one picture, near a square, in reading order."""
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
    write_strips(path, size, rows(), job.note(seeds=list(seeds)), _BY)
    return f"grid of {n_rows} x {n_columns} in {path}"


def _write_walk(job: RenderJob, seeds: Sequence[int], film: Film) -> str:
    """A closed walk through the seeds.

    Raises:
        UsageError: fewer than two seeds, or latents that cannot be mixed.
    """
    pictures = (
        _picture(job.generator, z, job.region)
        for z in latent_path(job.generator, seeds, film.n_between)
    )
    path = job.folder / f"interpolation.{film.suffix}"
    return _write_film(path, pictures, len(seeds) * film.n_between, film)


def _write_zooms(job: RenderJob, seeds: Sequence[int], largest: Size, film: Film) -> Iterator[str]:
    """A film a seed in which the canvas grows around its centre.

    Raises:
        UsageError: the generator does not render one of the canvases.
    """
    regions = zoom_path(job.region.size, largest, film.n_frames)
    for region in regions:
        check_canvas(job.generator, region.canvas)
    for seed in seeds:
        z = job.generator.latents([seed])
        pictures = (_picture(job.generator, z, region) for region in regions)
        path = job.folder / f"zoom{seed:04d}.{film.suffix}"
        yield _write_film(path, pictures, film.n_frames, film)


def _picture(generator: Generator, z: Any, region: Region) -> NDArray[np.uint8]:
    image = to_uint8(generator.sample(z, [region])[0])
    return np.asarray(image.permute(1, 2, 0).cpu().numpy())


def _write_film(
    path: Path, pictures: Iterator[NDArray[np.uint8]], n_frames: int, film: Film
) -> str:
    """Write an animation, whole or not at all."""
    with progress("rendering", n_frames, unit="frame") as bar:

        def told() -> Iterator[NDArray[np.uint8]]:
            for picture in pictures:
                yield picture
                bar.update()

        write_animation(path, told(), film.fps, _BY)
    return f"{counted(n_frames, 'frame')} in {path}"
