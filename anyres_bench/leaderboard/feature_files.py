"""Features in a submission: plain safetensors in shards, from which anybody computes the numbers.

A file holds `index` and `group`, (n,) int64, and `features`, (n, dim) float32 or float16; its
header names the samples and the extractor. Nothing in it can execute.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DataError, MetricError
from anyres_bench.core.files import sha256_text
from anyres_bench.core.plain import unique_keys
from anyres_bench.features.stats import FeatureBank
from anyres_bench.leaderboard.submission import FEATURES

PRECISIONS: Final = ("float32", "float16")
_SHARD = 4096  # rows
_LARGEST = 1 << 30  # bytes of a file
_LARGEST_HEADER = 1 << 20  # bytes


def set_stem(part: str, key: Mapping[str, Any], extractor: str) -> str:
    """The beginning of the names of the files of one set of samples, in a folder of its own."""
    text = json.dumps([dict(key), extractor], sort_keys=True, separators=(",", ":"))
    return f"{part}/{sha256_text(text)[:16]}-"


def feature_stem(key: Mapping[str, Any], extractor: str) -> str:
    """The beginning of the names of the files of features of one set of samples."""
    return set_stem(FEATURES, key, extractor)


def header_of(key: Mapping[str, Any], extractor: str) -> dict[str, str]:
    """What the header of a file says: of which samples it is, and by which extractor."""
    return {"samples": json.dumps(dict(key), sort_keys=True), "extractor": extractor}


def check_header(inside: Enclosure, name: str, key: Mapping[str, Any], extractor: str) -> None:
    """Hold the header of a file against the record that it is of.

    Raises:
        DataError: it is damaged, names anything twice, or names other samples or another extractor.
    """
    with inside.open(name) as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(min(length, _LARGEST_HEADER + 1))
    if length > _LARGEST_HEADER:
        raise DataError(f"{name} has a header of {length} bytes, expected {_LARGEST_HEADER}")
    try:
        header = json.loads(text, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: its header is damaged: {error!s:.200}") from error
    said = header.get("__metadata__") if isinstance(header, dict) else None
    if said != header_of(key, extractor):
        raise DataError(
            f"{name}: its header names other samples, or another extractor, than it is of"
        )


def feature_files(
    bank: FeatureBank, key: Mapping[str, Any], extractor: str, precision: str
) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the files of a bank.

    Raises:
        MetricError: a feature is too large for float16.
    """
    rows = bank.features()
    if precision == "float16" and len(rows) and np.abs(rows).max() > np.finfo(np.float16).max:
        raise MetricError("a feature is too large for float16; submit float32")
    for start in range(0, len(bank), _SHARD):
        part = slice(start, start + _SHARD)
        tensors = {
            "index": bank.index[part],
            "group": bank.group[part],
            "features": rows[part].astype(precision),
        }
        yield (
            f"{feature_stem(key, extractor)}{start:09}.safetensors",
            save(tensors, header_of(key, extractor)),
        )


def read_features(inside: Enclosure, names: Iterable[str]) -> tuple[FeatureBank, str]:
    """The rows of all files that are named, and the type that they were kept in.

    Raises:
        DataError: a file is damaged, or no file of features, or types differ.
    """
    banks, precision, ordered = list[FeatureBank](), "", sorted(names)
    for name in ordered:
        tensors = tensors_of(inside, name, ("index", "group", "features"))
        kept = str(tensors["features"].dtype)
        if kept not in PRECISIONS or precision not in ("", kept):
            known = " or ".join(PRECISIONS)
            raise DataError(f"{name} holds {kept}, expected {precision or known} in every file")
        precision = kept
        try:
            rows = tensors["features"].astype(np.float32)
            banks.append(FeatureBank(tensors["index"], tensors["group"], rows))
        except MetricError as error:
            raise DataError(f"{name}: {error}") from error
    try:
        bank = FeatureBank.of_batches(banks)
        len(bank)
    except MetricError as error:
        raise DataError(f"{ordered[0]} to {ordered[-1]}: {error}") from error
    return bank, precision


def tensors_of(inside: Enclosure, name: str, wanted: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The tensors of a file, which are those that are wanted; the file bounds what is allocated.

    Raises:
        DataError: it is too large, no safetensors file, or holds others.
    """
    n_bytes = inside.size(name)
    if n_bytes is None or n_bytes > _LARGEST:
        raise DataError(f"{name} has {n_bytes} bytes, expected a file of at most {_LARGEST}")
    try:
        with inside.open(name) as file, io.BytesIO(file.read(_LARGEST)) as data:
            tensors = load(data.getvalue())
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
        raise DataError(f"{name} is no safetensors file: {str(error)[:200]}") from error
    if sorted(tensors) != sorted(wanted):
        raise DataError(f"{name} holds {', '.join(sorted(tensors))[:200] or 'nothing'}")
    return tensors


def agree(value: float, again: float, spread: float, precision: str) -> bool:
    """Whether a value that was computed again is the one that was submitted.

    Args:
        value, again: submitted, and computed from the submitted features.
        spread: standard error of the value; 0 where none is known.
        precision: of the features. float16 moves a value by a small part of its standard error.
    """
    rounding = 1e-6 * max(1.0, abs(value))
    if precision == "float16":
        rounding = max(float16_slack(value, spread), rounding)
    return math.isfinite(again) and abs(value - again) <= rounding


def float16_slack(value: float, spread: float) -> float:
    """By how much the rounding of features may move a value, or an end of its interval."""
    return max(0.2 * spread, 2e-3 * abs(value))
