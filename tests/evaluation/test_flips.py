"""Flipped bits in everything that a number rests on: it is the same number, or an error."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.errors import AnyresBenchError
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.reading import read_image
from anyres_bench.models.controls import folder
from tests.evaluation.test_evaluate import run

TASK = "d:half/patch32-at40/frechet-ddof1/pooled/n20@1"
FORMATS = ("bmp", "png", "jpg", "tif", "webp", "gif", "ppm")


def write_pictures(root: Path, seed: int) -> None:
    root.mkdir(parents=True)
    for i, suffix in enumerate(FORMATS * 2):
        rng = np.random.default_rng([seed, i])
        small = Image.fromarray(rng.integers(0, 256, (12, 14, 3), dtype=np.uint8))
        small.resize((64 + i, 60), Image.Resampling.BICUBIC).save(root / f"{i:02d}.{suffix}")


def flips(path: Path, n: int) -> Iterator[None]:
    """The file with one bit turned, n times; it is as it was afterwards."""
    whole = path.read_bytes()
    for place in np.random.default_rng(len(whole)).integers(0, 8 * len(whole), n):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        yield
    path.write_bytes(whole)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds a dataset `d` of all formats, and a folder `fakes`."""
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    write_pictures(tmp_path / "d", 0)
    write_pictures(tmp_path / "fakes", 1)
    dataclasses.replace(folder(str(tmp_path / "d")).images, id="d").write()
    return tmp_path


def number(root: Path) -> float | None:
    """The number from the files as they are; None where an error says why there is none."""
    try:
        outcome = run(
            Dataset.read(root / "d"), root / "out", [TASK], model=folder(str(root / "fakes"))
        )
    except AnyresBenchError:
        return None
    [result] = outcome.results
    return float(result.values["frechet"])


def forget(root: Path, *names: str) -> None:
    for name in names:
        shutil.rmtree(root / name, ignore_errors=True)


@pytest.mark.slow
def test_no_flip_in_an_image_reaches_a_number_or_the_cache(root: Path) -> None:
    expected = number(root)
    assert expected is not None
    n_refused = n_flips = 0
    for path in sorted(path for path in (root / "d").iterdir() if path.suffix[1:] in FORMATS):
        for _ in flips(path, 5):
            forget(root, "out", "cache")
            found = number(root)
            assert found in (None, expected), path
            n_refused, n_flips = n_refused + (found is None), n_flips + 1
        # What was kept meanwhile is right: no feature of a damaged file is among it.
        forget(root, "out")
        assert number(root) == expected, path
    assert n_flips == 70
    assert n_refused >= 30, "half of the images are the reference"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "n"), [("cache", 60), ("out", 150), ("d/metadata.parquet", 80), ("d/dataset.json", 80)]
)
def test_no_flip_beside_the_images_reaches_a_number(root: Path, what: str, n: int) -> None:
    expected = number(root)
    assert expected is not None
    files = [p for p in ([root / what] if "/" in what else (root / what).rglob("*")) if p.is_file()]
    assert files
    for path in files:
        whole = path.read_bytes()
        for _ in flips(path, n // len(files) + 1):
            if what != "out":
                forget(root, "out")
            assert number(root) in (None, expected), path
        path.write_bytes(whole)
    forget(root, "out")
    assert number(root) == expected


def test_an_edited_folder_is_another_model(root: Path) -> None:
    before = folder(str(root / "fakes"))
    path = before.images.path(before.images.manifest[0])
    Image.fromarray(255 - read_image(before.images, 0)).save(path)
    with pytest.raises(AnyresBenchError, match="is not the file"):
        read_image(before.images, 0)
    assert folder(str(root / "fakes")).id != before.id
