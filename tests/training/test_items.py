"""Training items: drawn by place alone, as the metrics draw them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from anyres_bench.core.errors import ConfigError, DatasetError
from anyres_bench.core.files import sha256_file
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import ImageRecord, Manifest
from anyres_bench.training.items import ImageItems, SourceConfig

SIZES = [(40, 60), (64, 48), (33, 33), (90, 70), (20, 20)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("data")
    records = []
    for i, (height, width) in enumerate(SIZES):
        pixels = stream(i, "pixels").integers(0, 255, (height, width, 3)).astype(np.uint8)
        path = root / f"{i}.png"
        Image.fromarray(pixels).save(path)
        records.append(
            ImageRecord(
                file_name=path.name,
                sha256=sha256_file(path),
                n_bytes=path.stat().st_size,
                height=height,
                width=width,
                label="ab"[i % 2],
            )
        )
    Dataset("toy", root, Manifest(records)).write()
    return str(root)


def items(folder: str, **options: object) -> ImageItems:
    source = SourceConfig(dataset=folder, **options)  # type: ignore[arg-type]
    return ImageItems((source,), 16, 8, seed=3)


@pytest.mark.parametrize("use", ["whole", "patch"])
def test_a_micro_batch_is_a_part_of_the_batch(folder: str, use: str) -> None:
    whole = items(folder, use=use).micro_batch(5, 0, 8)
    parts = [items(folder, use=use).micro_batch(5, start, 2) for start in (0, 2, 4, 6)]
    for field in ("images", "transforms", "labels"):
        joined = torch.cat([getattr(part, field) for part in parts])
        assert torch.equal(joined, getattr(whole, field))
    assert whole.images.shape == (8, 3, 16, 16)
    assert whole.images.dtype == torch.uint8
    assert set(whole.labels.tolist()) <= {0, 1}


def test_whole_images_have_the_identity(folder: str) -> None:
    batch = items(folder).micro_batch(0, 0, 8)
    assert torch.equal(batch.transforms, torch.eye(3).expand(8, 3, 3))


def test_patches_lie_on_canvases_between_the_limits(folder: str) -> None:
    source = items(folder, use="patch", scale_min=0.25, scale_max=0.5)
    scales = torch.cat([source.micro_batch(step, 0, 8).transforms for step in range(20)])
    half_width = scales[:, 0, 0]
    assert half_width.min() >= 0.25
    assert half_width.max() <= 0.5 + 1e-6
    assert half_width.std() > 0.03
    assert torch.equal(scales[:, 0, 0], scales[:, 1, 1])


def test_canvases_grow_while_they_are_annealed(folder: str) -> None:
    source = items(folder, use="patch", anneal_kimg=0.8)
    first = source.micro_batch(0, 0, 8).transforms[:, 0, 0]
    middle = torch.cat([source.micro_batch(s, 0, 8).transforms[:, 0, 0] for s in range(48, 52)])
    late = torch.cat([source.micro_batch(s, 0, 8).transforms[:, 0, 0] for s in range(200, 240)])
    assert torch.equal(first, torch.ones(8))
    assert middle.min() >= 0.5 * 0.97
    assert late.min() < 0.3


def test_sources_are_drawn_by_their_probability(folder: str) -> None:
    pair = (
        SourceConfig(dataset=folder, use="whole", probability=3.0),
        SourceConfig(dataset=folder, use="patch", scale_max=0.5),
    )
    source = ImageItems(pair, 16, 4, seed=1)
    whole = [bool((source.micro_batch(s, 0, 1).transforms[:, 0, 0] == 1).all()) for s in range(200)]
    assert 130 < sum(whole) < 170


def test_every_image_comes_once_an_epoch(folder: str) -> None:
    source = ImageItems((SourceConfig(dataset=folder, mirror=False),), 16, 5, seed=1)
    one = source.micro_batch(0, 0, 5).images.float().mean(dim=(1, 2, 3))
    two = source.micro_batch(1, 0, 5).images.float().mean(dim=(1, 2, 3))
    assert len(set(one.tolist())) == 5
    assert not torch.equal(one, two)


@pytest.mark.parametrize("use", ["whole", "patch"])
def test_small_scales_of_a_jpeg_are_nearly_the_same(tmp_path: Path, use: str) -> None:
    """Smooth pictures, mirrored or not, upright or not: off by a level on average."""
    records = []
    for i, (height, width) in enumerate([(300, 420), (420, 301), (333, 333)]):
        y, x = np.mgrid[0:height, 0:width] / 60
        waves = [np.sin(x + i), np.sin(y * 1.3), np.cos(x + 2 * y)]
        pixels = (127.5 + 100 * np.stack(waves, axis=2)).astype(np.uint8)
        path = tmp_path / f"{i}.jpg"
        Image.fromarray(pixels).save(path, quality=95)
        size = {"n_bytes": path.stat().st_size, "height": height, "width": width}
        records.append(
            ImageRecord(file_name=path.name, sha256=sha256_file(path), format="JPEG", **size)
        )
    Dataset("photos", tmp_path, Manifest(records)).write()
    scale_min = 0.5 if use == "patch" else 0.0
    small, whole = (
        items(str(tmp_path), use=use, scale_min=scale_min, jpeg_scales=on).micro_batch(0, 0, 8)
        for on in (True, False)
    )
    off = (small.images.int() - whole.images.int()).abs()
    assert 0 < float(off.float().mean()) < 1
    assert int(off.max()) <= 8
    assert torch.equal(small.transforms, whole.transforms)


def test_mistakes_are_clear(folder: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="needs"):
        ImageItems((SourceConfig(dataset=folder),), 128, 8, seed=0)
    with pytest.raises(DatasetError, match="no dataset at"):
        ImageItems((SourceConfig(dataset=str(tmp_path / "x")),), 16, 8, seed=0)
    with pytest.raises(ConfigError, match="scale_min"):
        SourceConfig(dataset="x", scale_min=0.6, scale_max=0.5)
    with pytest.raises(ConfigError, match="no data"):
        ImageItems((), 16, 8, seed=0)
