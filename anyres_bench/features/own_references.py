"""Our own files of reference statistics: the numbers, and everything that they are of.

`.safetensors` holds the exact sums, so that a distance from it is the distance from the images.
`.npz` holds `mu` and `sigma` as pytorch-fid and clean-fid read them, and beside these what it is of
as JSON in `anyres_bench`, which they pass over. Either says the digest of its numbers, and ends
what it says of them in a seal: a protocol with another digit would be the reference of other tasks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.files import atomic_write
from anyres_bench.core.npz import NpzFile
from anyres_bench.core.plain import unique_keys
from anyres_bench.core.reporting import say
from anyres_bench.features.references import (
    MOST_DIMENSIONS,
    Gaussian,
    Origin,
    Reference,
    checked_gaussian,
    read_mu_sigma,
)
from anyres_bench.features.stats import Moments
from anyres_bench.results import DatasetRecord
from anyres_bench.results.plain import from_plain, to_plain
from anyres_bench.results.record import seal

SCHEMA = "anyres-bench/reference@1"
TEXT = "anyres_bench"  # name of the array, and of the metadata, that hold JSON
SUFFIXES = (".npz", ".safetensors")


@dataclass(frozen=True)
class _OriginRecord:
    """`Origin` as plain JSON, with the number and the digest of what stands beside it."""

    schema: str
    n: int
    digest: str
    part: str
    protocol: str
    extractor: str
    seed: int
    dataset: DatasetRecord
    versions: tuple[tuple[str, str], ...]
    seal: str = ""


def write_reference(path: Path, sums: Moments, origin: Origin) -> None:
    """Write statistics, atomically, in the layout that the file's ending says.

    Raises:
        UsageError: another ending than `SUFFIXES`.
        DataError: it cannot be written.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}")
    gaussian = Gaussian.of(sums)
    said = {
        "schema": SCHEMA,
        "n": sums.count,
        "digest": gaussian.digest,
        "part": origin.part,
        "protocol": origin.protocol,
        "extractor": origin.extractor,
        "seed": origin.seed,
        "dataset": to_plain(origin.dataset),
        "versions": sorted([list(pair) for pair in origin.versions.items()]),
    }
    text = json.dumps({**said, "seal": seal(said)}, sort_keys=True)
    try:
        with atomic_write(path) as file:
            if path.suffix == ".npz":
                mu, sigma = gaussian.mean, gaussian.covariance
                np.savez(file, mu=mu, sigma=sigma, anyres_bench=np.array(text))  # TEXT
            else:
                tensors = {"shift": sums.shift, "total": sums.total, "outer": sums.outer}
                file.write(save(tensors, {TEXT: text}))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error


def read_npz_of_ours(path: Path) -> Reference:
    """An `.npz` of `write_reference`; see `read_reference`."""
    with NpzFile(path) as file:
        record = _record(path, file.text(TEXT))
        gaussian = read_mu_sigma(file, record.n)
    return _reference(path, gaussian, record)


def read_safetensors(path: Path) -> Reference:
    """A `.safetensors` of `write_reference`; see `read_reference`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(TEXT)
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
            if text is None or shapes.keys() != {"shift", "total", "outer"}:
                raise DataError(
                    f"{path} is a safetensors file, but none of `anyres-bench stats export`"
                )
            [dim] = shapes["shift"]
            if dim > MOST_DIMENSIONS:
                raise DataError(f"{path}: {dim} dimensions; expected {MOST_DIMENSIONS} at most")
            tensors = {name: file.get_tensor(name) for name in shapes}
    # AttributeError: the library asks numpy for a type that it lacks, such as floats of 8 bits.
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged: {str(error)[:200]}; get it again") from error
    record = _record(path, text)
    gaussian = Gaussian.of(_sums(path, tensors, record.n))
    checked_gaussian(path, gaussian.mean, gaussian.covariance, record.n)
    return _reference(path, gaussian, record)


def _sums(path: Path, tensors: dict[str, Any], n: int) -> Moments:
    shift, total, outer = (tensors[name] for name in ("shift", "total", "outer"))
    dim = len(shift)
    shapes = shift.shape == total.shape == (dim,) and outer.shape == (dim, dim)
    if not shapes or any(array.dtype != np.float64 for array in (shift, total, outer)) or n < 2:
        raise DataError(f"{path}: its sums have other shapes or types than those of {n} rows")
    return Moments(n, shift, total, outer)


def _record(path: Path, text: str) -> _OriginRecord:
    try:
        said = json.loads(text, object_pairs_hook=unique_keys)
        record = from_plain(_OriginRecord, said)
    except (ValueError, RecursionError, DataError) as error:
        raise DataError(f"{path}: what it says of itself is damaged: {str(error)[:200]}") from error
    if record.schema != SCHEMA:
        raise DataError(f"{path} is of schema {record.schema[:80]!r}; this version reads {SCHEMA}")
    if not record.seal:
        say(
            f"{path} was exported before such files had a seal: a change of what it says of its "
            "numbers would not be noticed; export it anew"
        )
    elif record.seal != seal(said):
        raise DataError(f"{path} was changed after it was written; get it again, or export it anew")
    return record


def _reference(path: Path, gaussian: Gaussian, record: _OriginRecord) -> Reference:
    if gaussian.digest != record.digest:
        raise DataError(
            f"{path}: its numbers are not those that it was written with; get it again, or export "
            "it anew"
        )
    origin = Origin(
        part=record.part,
        protocol=record.protocol,
        extractor=record.extractor,
        seed=record.seed,
        dataset=record.dataset,
        versions=dict(record.versions),
    )
    return Reference(path, "anyres-bench", gaussian, None, origin)
