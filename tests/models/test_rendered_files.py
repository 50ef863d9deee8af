"""What a generator renders, as files: their notes, and what is not replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.rendered_files import Film, RenderJob, write
from tests.fakes import Waves

STILL = Film("webp", 16)


class Mixed(Waves):
    """Latents that can be mixed: other seeds between two."""

    def interpolate(self, a: list[int], b: list[int], t: float) -> list[int]:
        return [a[0] + b[0] + round(100 * t)]


def job(folder: Path, height: int = 16, width: int = 24) -> RenderJob:
    return RenderJob(Mixed(), Region.whole(Size(height, width)), folder, "png")


def test_pictures_know_their_origin_and_are_made_once(tmp_path: Path) -> None:
    assert list(write(job(tmp_path), [0, 3], STILL, grid=True)) == [
        f"2 images of 16x24 in {tmp_path}",
        f"grid of 2 x 1 in {tmp_path}/grid.png",
    ]
    path = tmp_path / "seed0003.png"
    with Image.open(path) as image:
        note = json.loads(image.info["anyres-bench"])
        assert (image.size, note["seed"], note["model"]) == ((24, 16), 3, "waves")
    stamp = path.stat().st_mtime_ns
    list(write(job(tmp_path), [3], STILL, grid=False))
    assert path.stat().st_mtime_ns == stamp


def test_films_have_their_frames(tmp_path: Path) -> None:
    list(write(job(tmp_path), [0, 1], Film("webp", 16, n_between=2), grid=False))
    list(write(job(tmp_path), [5], Film("webp", 16, largest=Size(32, 48), n_frames=3), False))
    for name, n in (("interpolation.webp", 4), ("zoom0005.webp", 3)):
        with Image.open(tmp_path / name) as film:
            assert (film.n_frames, film.size) == (n, (24, 16))


@pytest.mark.parametrize(
    ("film", "name"),
    [
        (STILL, "grid.png"),
        (Film("webp", 16, n_between=2), "interpolation.webp"),
        (Film("webp", 16, largest=Size(32, 48)), "zoom0001.webp"),
    ],
)
def test_nothing_is_rendered_where_something_would_be_replaced(
    tmp_path: Path, film: Film, name: str
) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=name):
        list(write(job(tmp_path), [0, 1], film, grid=True))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"
