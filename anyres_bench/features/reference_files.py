"""Statistics of reference images as files: what other projects publish, and what we write.

    .npz of pytorch-fid and clean-fid     mu and sigma; nothing says of which images, how many, how
                                          resized, by which network
    .npz of ADM (guided-diffusion)        arr_0, a batch of images (n, h, w, 3); mu and sigma beside
                                          it are of all images, not of the batch
    .pkl of StyleGAN2-ADA and StyleGAN3   sums of features and of their products, and how many
    .npz and .safetensors of ours         the same numbers, and everything that they are of

Every file is read as data: a pickle by our own reader, an archive no further than its arrays may
reach, an array of objects not at all.

Source: the layouts are those that `pytorch_fid.fid_score`, `cleanfid.fid`, ADM's evaluator and the
FeatureStats of StyleGAN3's metrics load, as their documentation describes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.budget import Budget
from anyres_bench.core.enclosure import open_regular
from anyres_bench.core.errors import CheckpointError, DataError
from anyres_bench.core.geometry import Size
from anyres_bench.core.npz import MAGIC, NpzFile
from anyres_bench.core.pickled_numpy import Array, numpy_names
from anyres_bench.core.tensorfiles import map_file
from anyres_bench.core.unpickle import SafeUnpickler
from anyres_bench.features.own_references import TEXT, read_npz_of_ours, read_safetensors
from anyres_bench.features.references import (
    BATCH,
    Gaussian,
    Reference,
    ReferenceBatch,
    checked_gaussian,
    read_mu_sigma,
)
from anyres_bench.features.stats import Moments

_MOST_IMAGES = 10_000_000
_MOST_PIXELS = 1 << 26  # of one image of a batch


def read_reference(path: Path, n: int | None = None) -> Reference:
    """Read a file of reference statistics, in whichever layout it is.

    Args:
        path: the file.
        n: of how many images it is, where the file does not say.

    Raises:
        DataError: it cannot be read, is damaged or hostile, or holds something else, or says
            another n.
    """
    path = Path(path)
    head = _head(path)
    try:
        found = _reader(path, head)(path)
    except CheckpointError as error:  # its readers are those of checkpoints
        raise DataError(f"{error}") from error
    return _with_n(found, n)


def _head(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(16)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _reader(path: Path, head: bytes) -> Callable[[Path], Reference]:
    if head.startswith(MAGIC):
        with NpzFile(path) as file:
            names = set(file.headers)
        if TEXT in names:
            return read_npz_of_ours
        return _read_adm if BATCH in names else _read_mu_sigma
    # First the length of its header, of which any byte may be that of a pickle.
    if head[4:9] == b"\0\0\0\0{":
        return read_safetensors
    if head[:1] == b"\x80":
        return _read_stylegan
    raise DataError(
        f"{path} is no reference: expected the .npz of pytorch-fid, clean-fid or ADM, the .pkl of "
        "StyleGAN's metrics, or what `anyres-bench stats export` wrote"
    )


def _with_n(found: Reference, n: int | None) -> Reference:
    if n is None:
        return found
    if found.gaussian is None:
        assert found.images is not None
        if found.images.n != n:
            raise DataError(
                f"{found.path} holds {found.images.n} images, not the {n} that --reference-n says"
            )
        return found
    known = found.gaussian.n
    if known not in (None, n):
        raise DataError(
            f"{found.path} is of {known} images, not of the {n} that --reference-n says"
        )
    return replace(found, gaussian=replace(found.gaussian, n=n))


def _read_mu_sigma(path: Path) -> Reference:
    with NpzFile(path) as file:
        return Reference(path, "mu-sigma", read_mu_sigma(file))


def _read_adm(path: Path) -> Reference:
    with NpzFile(path) as file:
        header = file.headers[BATCH]
        fits = header.dtype == np.uint8 and len(header.shape) == 4 and header.shape[3] == 3
        if not fits or not 2 <= header.shape[0] <= _MOST_IMAGES or 0 in header.shape:
            raise DataError(f"{path}: {BATCH} is {header}; expected images, uint8 (n, h, w, 3)")
        n, height, width, _ = header.shape
        if height * width > _MOST_PIXELS:
            raise DataError(f"{path}: images of {height}x{width} px; expected 64 megapixels each")
        images = ReferenceBatch(path, n, Size(height, width), file.digest(BATCH))
        whole = read_mu_sigma(file) if {"mu", "sigma"} <= file.headers.keys() else None
    return Reference(path, "adm", whole, images)


def _read_stylegan(path: Path) -> Reference:
    with map_file(path) as data:
        budget = Budget(tensor_bytes=len(data))
        content = SafeUnpickler(data, numpy_names(budget), budget).load()
        known = isinstance(content, dict) and {"num_items", "raw_mean", "raw_cov"} <= content.keys()
        if not known:
            raise DataError(
                f"{path} is a pickle, but none of StyleGAN's statistics: it lacks num_items, "
                "raw_mean or raw_cov"
            )
        n, sums, products = (content[name] for name in ("num_items", "raw_mean", "raw_cov"))
        if type(n) is not int or not 2 <= n < 1 << 40:
            raise DataError(f"{path}: num_items is {n!r:.40}; expected the number of images")
        total, outer = (_numbers(path, value) for value in (sums, products))
        if total.ndim != 1 or outer.shape != (len(total), len(total)) or not len(total):
            raise DataError(
                f"{path}: raw_mean has the shape {total.shape}, raw_cov {outer.shape}; expected "
                "(dim,) and (dim, dim)"
            )
        moments = Moments(n, np.zeros(len(total)), total, outer).about(total / n)
    checked_gaussian(path, moments.mean, moments.covariance(1), n)
    return Reference(path, "stylegan", Gaussian.of(moments))


def _numbers(path: Path, value: Any) -> NDArray[np.float64]:
    if not isinstance(value, Array) or value.value is None:
        raise DataError(
            f"{path} holds a {type(value).__name__} where StyleGAN's statistics hold sums; were "
            "only features kept (capture_all) and no mean and covariance?"
        )
    return np.array(value.value, np.float64)
