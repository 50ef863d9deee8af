"""What a generator renders, as files: pictures, grids, walks and zooms; each knows its origin."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from anyres_bench import __version__
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
    """

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


@dataclass(frozen=True)
class Film:
    """How animations are written: webp or mp4, and how many frames a second."""

    suffix: str
    fps: int


def check_names(job: RenderJob, names: Iterable[str]) -> None:
    """Refuse to replace what `generate` has not written, before anything is rendered.

    Raises:
        UsageError: with the file.
    """
    for name in names:
        check_ours(job.folder / name, _BY)


def write_images(job: RenderJob, seeds: Sequence[int], fresh: bool = False) -> str:
    """One file a seed, row band by row band; what was made and what was there, in words.

    Args:
        job: what to render.
        seeds: one an image.
        fresh: render again what an earlier call has made of the same model.
    """
    kept = []
    for seed in tracked(seeds, "rendering", "image"):
        path, note = job.folder / f"seed{seed:04d}.{job.suffix}", job.note(seed=seed)
        if not fresh and is_ours(path, _BY) and _note_of(path) == note:
            kept.append(path.name)
        else:
            write_strips(path, job.region.size, _bands(job, seed), note, _BY)
    made = f"{len(seeds)} images of {job.region.size} in {job.folder}"
    if not kept:
        return made
    shown = ", ".join(kept[:_N_NAMED]) + (", ..." if len(kept) > _N_NAMED else "")
    return f"{made}; {len(kept)} were there and are kept ({shown}); --fresh renders them again"


def _bands(job: RenderJob, seed: int) -> Iterator[NDArray[np.uint8]]:
    z = job.generator.latents([seed])
    for band in bands(job.generator, z, job.region):
        yield to_uint8(band).permute(1, 2, 0).numpy()


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


def write_grid(job: RenderJob, seeds: Sequence[int]) -> str:
    """All seeds in one picture, near a square, in reading order; what was made, in words."""
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


def write_interpolation(job: RenderJob, seeds: Sequence[int], n_frames: int, film: Film) -> str:
    """A closed walk through the seeds, `n_frames` from one to the next; what was made, in words.

    Raises:
        UsageError: fewer than two seeds, or latents that cannot be mixed.
    """
    pictures = (
        _picture(job.generator, z, job.region) for z in latent_path(job.generator, seeds, n_frames)
    )
    path = job.folder / f"interpolation.{film.suffix}"
    return _write_film(path, pictures, len(seeds) * n_frames, film)


def write_zooms(
    job: RenderJob, seeds: Sequence[int], largest: Size, n_frames: int, film: Film
) -> str:
    """A film a seed in which the canvas grows around its centre; what was made, in words.

    Raises:
        UsageError: the generator does not render one of the canvases.
    """
    regions = zoom_path(job.region.size, largest, n_frames)
    for region in regions:
        check_canvas(job.generator, region.canvas)
    made = []
    for seed in seeds:
        z = job.generator.latents([seed])
        pictures = (_picture(job.generator, z, region) for region in regions)
        path = job.folder / f"zoom{seed:04d}.{film.suffix}"
        made.append(_write_film(path, pictures, n_frames, film))
    return "\n".join(made)


def _picture(generator: Generator, z: Any, region: Region) -> NDArray[np.uint8]:
    return np.asarray(to_uint8(generator.sample(z, [region])[0]).permute(1, 2, 0).numpy())


def _write_film(
    path: Path, pictures: Iterator[NDArray[np.uint8]], n_frames: int, film: Film
) -> str:
    """Write an animation, whole or not at all."""
    with progress("rendering", n_frames, unit="frame") as bar:

        def counted() -> Iterator[NDArray[np.uint8]]:
            for picture in pictures:
                yield picture
                bar.update()

        write_animation(path, counted(), film.fps, _BY)
    return f"{n_frames} frames in {path}"
