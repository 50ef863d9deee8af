"""The few pictures that a report may show, kept in the cache beside the features.

Only pixels whose licence permits redistribution are kept. They never enter the results, which are
numbers and may be published as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from anyres_bench.core.errors import CacheError
from anyres_bench.core.files import atomic_write, cache_dir, sha256_text
from anyres_bench.core.geometry import Size
from anyres_bench.data.pixels import resize_uint8, to_uint8
from anyres_bench.evaluation.sample_sets import OURS, SampleSet

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 256  # px: larger pictures are shrunk
# Licences under which crops may be shown to anybody; "no derivatives" does not cover crops.
_FREE = re.compile(
    r"(CC0|PDM|PDDL|public[ -]domain|US[ -]?Gov|CC[- ]BY(-NC)?(-SA)?[- ]\d|Apache-|MIT\b|BSD-)",
    re.I,
)


def may_show(licence_id: str) -> bool:
    """Whether a licence permits to show pictures, or parts of them, to anybody."""
    return licence_id == OURS or _FREE.match(licence_id) is not None


def samples_path(key: Mapping[str, Any]) -> Path:
    """Where the pictures of a side lie, whether or not they are there."""
    return cache_dir() / "samples" / f"{sha256_text(json.dumps(dict(key), sort_keys=True))}.png"


def keep_samples(samples: SampleSet, pixels: Tensor) -> None:
    """Keep the first pictures of a set, in a row, as far as their licences permit.

    Args:
        samples: whose pictures they are.
        pixels: (n, 3, h, w) uint8, or floats in [-1, 1], the first ones in the order in which they
            are computed.

    Raises:
        CacheError: the file cannot be written.
    """
    licences = [samples.licences[i] for i in samples.order[: len(pixels)]]
    levels = to_uint8(pixels) if pixels.is_floating_point() else pixels
    images = levels.permute(0, 2, 3, 1).numpy()
    shown = [i for i, licence in enumerate(licences) if may_show(licence)]
    if not shown:
        return
    scale = min(1.0, LARGEST / max(images.shape[1:3]))
    size = Size(*(max(1, round(scale * length)) for length in images.shape[1:3]))
    row = np.concatenate([resize_uint8(images[i], size) for i in shown], axis=1)
    path = samples_path(samples.key)
    try:
        with atomic_write(path) as file:
            Image.fromarray(row).save(file, "PNG", optimize=True)
    except OSError as error:
        raise CacheError(
            f"{path} cannot be written: {error.strerror or error}; free some space, or set "
            "ANYRES_BENCH_CACHE to a folder with room"
        ) from error
