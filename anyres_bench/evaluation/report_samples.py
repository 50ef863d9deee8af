"""The few pictures that a report may show, kept in the cache beside the features.

Pixels whose licence permits redistribution are kept apart from the others, which a page shows only
where somebody asks for it. None of them enter the results, which are numbers and may be published
as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from anyres_bench.core.files import atomic_write, cache_dir, not_kept, sha256_text
from anyres_bench.core.geometry import Size
from anyres_bench.data.pixels import resize_uint8, to_uint8
from anyres_bench.evaluation.sample_sets import OURS, SampleSet

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 256  # px: larger pictures are shrunk
_ITEMS = "items"  # key of a note in a file
_LIST = re.compile(r"\d{1,12}(,\d{1,12}){0,63}")
# Licences under which crops may be shown to anybody; "no derivatives" does not cover crops.
_FREE = re.compile(
    r"(CC0|PDM|PDDL|public[ -]domain|US[ -]?Gov|CC[- ]BY(-NC)?(-SA)?[- ]\d|Apache-|MIT\b|BSD-)",
    re.I,
)


def may_show(licence_id: str) -> bool:
    """Whether a licence permits to show pictures, or parts of them, to anybody."""
    return licence_id == OURS or _FREE.match(licence_id) is not None


def samples_path(key: Mapping[str, Any], private: bool = False) -> Path:
    """Where the pictures of a side lie, whether or not they are there.

    Args:
        key: of the samples.
        private: of all of them, where some may not be published.
    """
    name = sha256_text(json.dumps(dict(key), sort_keys=True))
    return cache_dir() / "samples" / f"{name}{'-private' if private else ''}.png"


def keep_samples(samples: SampleSet, pixels: Tensor) -> None:
    """Keep the first pictures of a set, in a row; those that may be published in one of their own.

    Args:
        samples: whose pictures they are.
        pixels: (n, 3, h, w) uint8, or floats in [-1, 1], the first ones in the order in which they
            are computed.

    Raises:
        CacheError: the file cannot be written.
    """
    free, everything = _rows(samples, pixels)
    items = [int(item) for item in samples.order[: len(pixels)]]
    if free is not None:
        shown = [item for item in items if may_show(samples.licences[item])]
        _write_row(samples_path(samples.key), free, shown)
    if everything is not None:
        _write_row(samples_path(samples.key, private=True), everything, items)


def items_of(row: Image.Image) -> tuple[int, ...]:
    """Which items a row of pictures shows, as `keep_samples` noted; empty where it does not say.

    An item of one number is the same window, of the same latent where a model renders, in every row
    of a protocol, seed and set of images.
    """
    said = row.info.get(_ITEMS)
    fits = isinstance(said, str) and _LIST.fullmatch(said) is not None
    return tuple(map(int, str(said).split(","))) if fits else ()


def free_row(samples: SampleSet, pixels: Tensor) -> NDArray[np.uint8] | None:
    """The row of first pictures that may be published, as `keep_samples` keeps it; None: none may.

    Args:
        samples, pixels: as `keep_samples` takes them.

    Returns:
        (height, n * width, 3).
    """
    return _rows(samples, pixels)[0]


def _rows(
    samples: SampleSet, pixels: Tensor
) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """The row of the pictures that may be published, and where that is not all, one of all."""
    licences = [samples.licences[i] for i in samples.order[: len(pixels)]]
    levels = to_uint8(pixels) if pixels.is_floating_point() else pixels
    images = levels.permute(0, 2, 3, 1).numpy()
    shown = [image for image, of in zip(images, licences, strict=True) if may_show(of)]
    everything = _row(list(images)) if len(shown) < len(images) else None
    return _row(shown) if shown else None, everything


def _row(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    scale = min(1.0, LARGEST / max(images[0].shape[:2]))
    size = Size(*(max(1, round(scale * length)) for length in images[0].shape[:2]))
    return np.concatenate([resize_uint8(image, size) for image in images], axis=1)


def _write_row(path: Path, row: NDArray[np.uint8], items: Sequence[int]) -> None:
    notes = PngInfo()
    notes.add_text(_ITEMS, ",".join(map(str, items)))
    try:
        with atomic_write(path) as file:
            Image.fromarray(row).save(file, "PNG", optimize=True, pnginfo=notes)
    except OSError as error:
        raise not_kept(f"{path} cannot be written", error) from error
