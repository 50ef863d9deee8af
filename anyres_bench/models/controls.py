"""What every table needs beside the models: the ceiling, the floors and other people's images.

real                    images that the reference does not hold: the ceiling
resample:FILTER@SIDE    the same, shrunk until the shorter side is SIDE px, then enlarged again
                        by nearest, box, bilinear, bicubic or lanczos: the floors
constant[:LEVEL]        every pixel LEVEL (0 to 255, by default 128)
folder:PATH             images of any size: a collected dataset, or any tree of image files
paired:PATH             the same, whose names are those of reference images; for task paired/psnr
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import (
    DatasetError,
    GeneratorError,
    ImageError,
    UnknownNameError,
    UsageError,
)
from anyres_bench.core.files import local_name, portable_name, sha256_bytes
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.quoting import from_shell
from anyres_bench.core.registry import nearest
from anyres_bench.data.containers import MAX_PIXELS
from anyres_bench.data.dataset import DATASET_NAME, Dataset
from anyres_bench.data.headers import content_of, probe
from anyres_bench.data.pixels import FILTERS, Pixels, crop, resize_uint8, to_float
from anyres_bench.data.reading import check_files, read_image
from anyres_bench.data.records import ImageRecord, Manifest
from anyres_bench.data.trees import files_below
from anyres_bench.models.generator import Canvases

if TYPE_CHECKING:
    from torch import Tensor

CONSTANT_NATIVE = Size(256, 256)  # it has no size of its own; rendering tools need one


@dataclass(frozen=True)
class Reenlarging:
    """Shrink an image until its shorter side is `side` px (Lanczos), then enlarge it again.

    Both steps end in 8 bits, as an enlarged image file would. Smaller images stay as they are.
    """

    filter_name: str
    side: int

    def __call__(self, pixels: Pixels) -> Pixels:
        size = Size(*pixels.shape[:2])
        if size.shorter <= self.side:
            return pixels
        scale = self.side / size.shorter
        small = Size(*(max(self.side, round(length * scale)) for length in size))
        return resize_uint8(resize_uint8(pixels, small, "lanczos"), size, self.filter_name)


@dataclass(frozen=True)
class StoredImages:
    """A finite set of images in the place of a model.

    Attributes:
        id: what was done to which images.
        images: the files.
        reenlarging: what is done to each image; None is nothing.
    """

    id: str
    images: Dataset
    reenlarging: Reenlarging | None = None

    @property
    def native(self) -> Size:
        """The median shorter side, as a square."""
        return Size.square(int(np.median([image.size.shorter for image in self.images.manifest])))

    @property
    def canvases(self) -> Canvases:
        return "per-image"

    def pixels(self, index: int) -> Pixels:
        """Image `index`, (h, w, 3) uint8."""
        pixels = read_image(self.images, index)
        return pixels if self.reenlarging is None else self.reenlarging(pixels)

    def latents(
        self, seeds: Sequence[int], labels: Sequence[int] | None = None
    ) -> NDArray[np.int64]:
        """Image numbers."""
        return np.array([seed % len(self.images.manifest) for seed in seeds], np.int64)

    def sample(self, z: NDArray[np.int64], regions: Sequence[Region]) -> Tensor:
        """Windows of whole images at their own size.

        Raises:
            GeneratorError: a canvas is not the size of its image.
        """
        import torch

        windows = [self._window(int(i), region) for i, region in zip(z, regions, strict=True)]
        return to_float(torch.from_numpy(np.stack(windows)))

    def _window(self, index: int, region: Region) -> Pixels:
        size = self.images.manifest[index].size
        if region.canvas != size or not region.box.fits(size):
            raise GeneratorError(
                f"{self.id}: image {index} is {size} and can show windows of that canvas only, "
                f"not {region.box} of {region.canvas}"
            )
        return np.ascontiguousarray(crop(self.pixels(index), region.box).transpose(2, 0, 1))


@dataclass(frozen=True)
class HeldOut:
    """`real` or `resample`: waits for the images that the reference does not hold."""

    id: str
    reenlarging: Reenlarging | None = None

    def on(self, held_out: Dataset) -> StoredImages:
        """The generator that these images make."""
        return StoredImages(self.id, held_out, self.reenlarging)


@dataclass(frozen=True)
class Constant:
    """Every pixel of every canvas has one level."""

    level: int

    @property
    def id(self) -> str:
        return f"constant:{self.level}"

    @property
    def native(self) -> Size:
        return CONSTANT_NATIVE

    @property
    def canvases(self) -> Canvases:
        return "any"

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> int:
        """How many images are wanted; there is nothing else to know."""
        return len(seeds)

    def sample(self, z: int, regions: Sequence[Region]) -> Tensor:
        import torch

        shape = (len(regions), 3, *regions[0].size)
        return torch.full(shape, self.level / 127.5 - 1, dtype=torch.float32)


def real(rest: str) -> HeldOut:
    """`real`.

    Raises:
        UsageError: something follows the name.
    """
    if rest:
        raise UsageError(f"real takes no argument, got {rest!r}")
    return HeldOut("real")


def resample(rest: str) -> HeldOut:
    """`resample:FILTER@SIDE`.

    Raises:
        UsageError: the argument is not FILTER@SIDE.
        UnknownNameError: no such filter.
    """
    name, _, side = rest.partition("@")
    if not side.isdecimal() or int(side) == 0:
        raise UsageError(
            f"resample:{rest} is not resample:FILTER@SIDE, such as resample:lanczos@64"
        )
    if name not in FILTERS:
        raise UnknownNameError(f"unknown filter {name!r}; {nearest(name, FILTERS)}")
    return HeldOut(f"resample:{name}@{int(side)}", Reenlarging(name, int(side)))


def constant(rest: str) -> Constant:
    """`constant` or `constant:LEVEL`.

    Raises:
        UsageError: the level is not 0 to 255.
    """
    if rest and (not rest.isdecimal() or int(rest) > 255):
        raise UsageError(f"constant:{rest}: the level is a number from 0 to 255")
    return Constant(int(rest or 128))


def folder(rest: str) -> StoredImages:
    """`folder:PATH`.

    Raises:
        UsageError: no path is given.
        DatasetError: there is no such folder, it holds no image, or a dataset's files were changed.
    """
    if not rest:
        raise UsageError("folder needs a path: folder:PATH")
    path = Path(rest).expanduser()
    images = _collected(path) if (path / DATASET_NAME).is_file() else _tree(path)
    return StoredImages(f"folder:{images.id}@{images.digest[:12]}", images)


def paired(rest: str) -> StoredImages:
    """`paired:PATH`; raises as `folder`."""
    if not rest:
        raise UsageError("paired needs a path: paired:PATH")
    found = folder(rest)
    return replace(found, id=found.id.replace("folder:", "paired:", 1))


class _Tree(Dataset):
    """A folder whose names the file system gave: they lie inside, whatever their bytes."""

    def path(self, record: ImageRecord) -> Path:
        """Where the file of a record is."""
        return self.folder / local_name(record.file_name)


def _collected(path: Path) -> Dataset:
    """A dataset, by whose digest features are kept, so its files must be those of its records."""
    images = Dataset.read(path)
    check_files(images)
    return images


def _tree(path: Path) -> Dataset:
    """All image files below a folder; what is no image is counted in the recipe by its reason."""
    if not path.is_dir():
        raise DatasetError(f"there is no folder {path}")
    files, left_out = files_below(path)
    records, rejects = [], Counter(reason for reason, _ in left_out)
    for file in files:
        try:
            records.append(_record(path, file))
        except ImageError as error:
            rejects[error.reason] += 1
    if not records:
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(rejects.items()))
        raise DatasetError(f"{path} holds no image ({reasons or 'it is empty'})")
    name = from_shell(path.resolve().name) or "root"
    return _Tree(name, path, Manifest(records), {"rejects": dict(sorted(rejects.items()))})


def _record(root: Path, file: Path) -> ImageRecord:
    """The record of a file, whose digest and header are those of one reading."""
    data = content_of(file)
    info = probe(data, MAX_PIXELS, str(file))
    return ImageRecord(
        file_name=portable_name(file.relative_to(root)),
        sha256=sha256_bytes(data),
        n_bytes=len(data),
        height=info.size.height,
        width=info.size.width,
        format=info.format,
        mode=info.mode,
        orientation=info.orientation,
        jpeg_quality=info.jpeg_quality,
        n_frames=info.n_frames,
    )
