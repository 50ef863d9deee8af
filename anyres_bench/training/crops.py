"""Training items of upscalers: squares cut from stored images at their own resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from anyres_bench.core import distributed
from anyres_bench.core.errors import ConfigError, DatasetError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.core.seeds import Stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import Pixels, crop, to_uint8
from anyres_bench.data.reading import read_image
from anyres_bench.data.records import Manifest
from anyres_bench.data.splits import halves
from anyres_bench.models.loading import load
from anyres_bench.models.upscaling import Upscaled, Upscaler, upscaled
from anyres_bench.training.items import ImageCache, epoch_order


@dataclass(frozen=True, kw_only=True)
class CropSource:
    """One dataset that squares are cut from.

    Attributes:
        dataset: its folder.
        role: only images of this role; None for all.
        split: "train" leaves out the half that tasks of `DATASET:half` take as reference; "all"
            leaves nothing out.
    """

    dataset: str
    role: str | None = None
    split: Literal["all", "train"] = "all"


class Images:
    """Decoded images of several datasets by number.

    Raises:
        ConfigError: there is no source.
        DatasetError: there is no image, or none of the sizes asked for.
    """

    def __init__(self, sources: Sequence[CropSource], smallest: int = 1) -> None:
        if not sources:
            raise ConfigError("no data: set sources to at least one table with a dataset folder")
        self._datasets = [_large(source, smallest) for source in sources]
        self._images = [(d, i) for d in self._datasets for i in range(len(d.manifest))]
        if not self._images:
            folders = ", ".join(source.dataset for source in sources)
            raise DatasetError(
                f"no image of {folders} has a shorter side of {smallest} px or more; collect "
                "larger images, or train on smaller crops"
            )
        self._read = ImageCache(self._decoded)

    def __len__(self) -> int:
        return len(self._images)

    def __call__(self, index: int) -> Pixels:
        return self._read(index)

    @property
    def sizes(self) -> list[Size]:
        """Sizes of the images."""
        return [dataset.manifest[i].size for dataset, i in self._images]

    @property
    def digests(self) -> dict[str, str]:
        """Dataset id -> digest of the images that are used."""
        return {d.id: d.manifest.digest() for d in self._datasets if d.manifest}

    def _decoded(self, index: int) -> Pixels:
        return read_image(*self._images[index])


class Crops:
    """Squares of images, drawn by seed and place alone; every epoch shows each image once.

    Args:
        sources: datasets, taken together.
        smallest: images with a shorter side of fewer px are left out.
        seed: of the order.

    Raises:
        ConfigError: there is no source.
        DatasetError: no image is large enough.
    """

    def __init__(self, sources: Sequence[CropSource], smallest: int, seed: int) -> None:
        self._seed = seed
        self._images = Images(sources, smallest)

    @property
    def digests(self) -> dict[str, str]:
        """Dataset id -> digest of the images that are used."""
        return self._images.digests

    def cut(self, place: int, side: int, rng: Stream) -> Pixels:
        """A random square of the image at a place of the whole run, (side, side, 3) uint8.

        An image that is smaller is mirrored at its right and bottom edges first, as Real-ESRGAN's
        training does.
        """
        epoch, rank = divmod(place, len(self._images))
        pixels = self._images(int(epoch_order(self._seed, 0, epoch, len(self._images))[rank]))
        missing = [(0, max(0, side - length)) for length in pixels.shape[:2]]
        if any(after for _, after in missing):
            pixels = np.pad(pixels, [*missing, (0, 0)], mode="reflect")
        top, left = (rng.integer(0, length - side) for length in pixels.shape[:2])
        return crop(pixels, Box(top, left, side, side))


def _large(source: CropSource, smallest: int) -> Dataset:
    dataset = Dataset.read(Path(source.dataset))
    part = halves(dataset)[1] if source.split == "train" else dataset
    chosen = part.role(source.role) if source.role else part.manifest
    large = Manifest(record for record in chosen if record.size.shorter >= smallest)
    return Dataset(dataset.id, dataset.folder, large, dataset.recipe)


def enlarged_base(base: str, make: Callable[[str], Upscaler]) -> Upscaled:
    """A trained upscaler over the base that it is evaluated with.

    Args:
        base: setting `model.base`: a spec.
        make: gives the upscaler on a device.

    Raises:
        ConfigError: no base is set.
    """
    if not base:
        raise ConfigError("what should be enlarged to be evaluated? Set model.base to a spec")
    device = str(distributed.device())
    return upscaled(load(base, device=device), make(device))


def side_by_side(rows: Iterable[Sequence[Tensor]]) -> NDArray[np.uint8]:
    """Rows of pictures (3, h, w) in [-1, 1], all of one size, as one (h, w, 3) picture."""
    pixels = [[to_uint8(p.cpu()).permute(1, 2, 0).numpy() for p in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in pixels])
