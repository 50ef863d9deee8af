"""The images that are tiled: a size, an image file, a folder of images or a dataset."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from anyres_bench.core.errors import ImageError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.headers import probe

MANIFEST = "dataset.json"


@dataclass(frozen=True)
class Target:
    """Images by name and size.

    Attributes:
        images: (name, size) of each, sizes as shown.
        left_out: (name, reason) of files that are no usable images.
    """

    images: tuple[tuple[str, Size], ...]
    left_out: tuple[tuple[str, str], ...] = field(default=())


def read_target(text: str) -> Target:
    """What `text` names: HEIGHTxWIDTH, an image, a folder of images (with its subfolders), a
    dataset. Headers are read, no pixel is decoded.

    Raises:
        UsageError: it is nothing of these, or there is no image in it.
        ImageError: the one image cannot be read.
        DatasetError: the dataset cannot be read.
    """
    path = Path(text)
    if path.is_dir():
        target = _dataset(path) if (path / MANIFEST).is_file() else _folder(path)
        if not target.images:
            raise UsageError(f"{path} holds no image; {len(target.left_out)} files were left out")
        return target
    if path.exists():
        return Target(((path.name, probe(path).size),))
    if not re.fullmatch(r"\s*\d+\s*([xX×]\s*\d+\s*)?", text):
        raise UsageError(
            f"{text!r} is no file, folder or size; give an image, a folder, a dataset, or "
            "HEIGHTxWIDTH such as 1080x1920"
        )
    return Target(((text.strip(), Size.parse(text)),))


def _dataset(folder: Path) -> Target:
    manifest = Dataset.read(folder).manifest
    return Target(tuple((record.file_name, record.size) for record in manifest))


def _folder(folder: Path) -> Target:
    images: list[tuple[str, Size]] = []
    left_out: list[tuple[str, str]] = []
    for path in _files(folder, left_out):
        name = path.relative_to(folder).as_posix()
        try:
            images.append((name, probe(path).size))
        except ImageError as error:
            left_out.append((name, error.reason))
    return Target(tuple(images), tuple(left_out))


def _files(folder: Path, left_out: list[tuple[str, str]]) -> Iterator[Path]:
    """Regular files below a folder, in the order of their paths; the rest is said."""

    def unreadable(error: OSError) -> None:
        left_out.append((os.fspath(error.filename), error.strerror or "unreadable"))

    for root, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if path.is_file():
                yield path
            else:
                left_out.append((path.relative_to(folder).as_posix(), "not-a-regular-file"))
