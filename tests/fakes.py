"""Fakes that implement the protocols: generators, an extractor, small datasets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from anyres_bench.core.files import sha256_file
from anyres_bench.core.geometry import Region, Size, tiles
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import ImageRecord, Manifest

SIDE = Size(32, 32)


@dataclass(frozen=True)
class Waves:
    """A continuous picture: a sum of waves drawn from the seed; any region of any canvas."""

    id: str = "waves"
    native: Size = SIDE
    canvases: Any = "any"

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> list[int]:
        return list(seeds)

    def sample(self, z: list[int], regions: Sequence[Region]) -> Tensor:
        return torch.stack(
            [self.picture(seed, region) for seed, region in zip(z, regions, strict=True)]
        )

    def picture(self, seed: int, region: Region) -> Tensor:
        draws = stream(seed, "waves").normal((3, 4, 3))
        coords = region.coords().numpy()
        phase = (
            coords @ (draws[..., :2].transpose(0, 2, 1)[:, None] * 3) + draws[:, None, None, :, 2]
        )
        return torch.from_numpy(np.sin(phase).mean(axis=-1).astype(np.float32))


@dataclass(frozen=True)
class Tiled(Waves):
    """Every tile of its grid has a brightness of its own: windows off the grid disagree."""

    id: str = "tiled"

    def picture(self, seed: int, region: Region) -> Tensor:
        corner = torch.tensor([region.top / 97 + region.left / 53]).float()
        if not region.is_whole:
            return 0.5 * super().picture(seed, region) + 0.1 * corner
        whole = torch.empty(3, *region.size)
        for part in tiles(region.canvas, self.native):
            box = part.box
            whole[:, box.top : box.bottom, box.left : box.right] = self.picture(seed, part)
        return whole


class Broken(Waves):
    """Breaks one promise; `how` says which."""

    def __init__(self, how: str) -> None:
        super().__init__(id=f"broken:{how}")
        object.__setattr__(self, "how", how)

    def sample(self, z: list[int], regions: Sequence[Region]) -> Tensor:
        images = super().sample(z, regions)
        return {
            "shape": lambda: images[:, :, 1:],
            "nan": lambda: images.where(images < images.max(), torch.nan),
            "unit": lambda: (images + 1) / 2,
            "bytes": lambda: (images + 1) * 127.5,
            "double": lambda: images.double(),
            "batch": lambda: images + 0.01 * len(z),
            "forgetful": lambda: images + 0.01 * torch.rand(1),
            "drifting": lambda: (
                images + torch.tensor([0.001 * r.left for r in regions])[:, None, None, None]
            ),
        }[self.how]()  # type: ignore[attr-defined]


def waves() -> Waves:
    """For `tests.fakes:waves` on the command line."""
    return Waves()


class Slow(Waves):
    """Takes its time."""

    def sample(self, z: list[int], regions: Sequence[Region]) -> Tensor:
        time.sleep(0.02 * len(z))
        return super().sample(z, regions)


def slow() -> Slow:
    """For `tests.fakes:slow` on the command line."""
    return Slow(id="slow")


def nan() -> Broken:
    """For `tests.fakes:nan` on the command line."""
    return Broken("nan")


class Pooled:
    """Means and spreads of the colours in a 2 x 2 grid."""

    id = "pooled"
    dim = 24
    n_views = 1
    is_fid = False

    def __call__(self, images: Tensor) -> Tensor:
        rows = [self._row(image.double() / 255) for image in images]
        return torch.stack(rows).float()

    def _row(self, image: Tensor) -> Tensor:
        halves = [part for rows in image.tensor_split(2, dim=1) for part in rows.tensor_split(2, 2)]
        means = torch.stack([part.mean(dim=(1, 2)) for part in halves])
        spreads = torch.stack([part.std(dim=(1, 2)) for part in halves])
        return torch.cat([means.flatten(), spreads.flatten()])


def write_dataset(
    folder: Path,
    sizes: Sequence[tuple[int, int]],
    licence: str = "CC0-1.0",
    sources: Sequence[str] = ("a", "b"),
    name: str = "tiny",
) -> Dataset:
    """A dataset of grainy wave pictures; image i has size i."""
    records = []
    folder.mkdir(parents=True, exist_ok=True)
    for i, (height, width) in enumerate(sizes):
        file = folder / f"{i:04d}.png"
        picture = Waves().picture(1000 + i, Region.whole(Size(height, width)))
        grain = stream(i, "grain").normal((height, width, 1))
        levels = (picture.permute(1, 2, 0).numpy() + 0.2 * grain + 1) * 127.5
        levels = levels.clip(0, 255).round().astype(np.uint8)
        Image.fromarray(levels).save(file)
        records.append(
            ImageRecord(
                file_name=file.name,
                sha256=sha256_file(file),
                n_bytes=file.stat().st_size,
                height=height,
                width=width,
                source=sources[i % len(sources)],
                licence_id=licence,
            )
        )
    dataset = Dataset(name, folder, Manifest(records), {"made_by": "tests"})
    dataset.write()
    return dataset
