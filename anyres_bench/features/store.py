"""Features on disk, under a digest of what they are features of.

A file is one safetensors file whose header holds the key in full and a digest of the tensors, so a
bank is found by content, never by a path or a label, and a damaged one is noticed. Nothing in it
can execute.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from anyres_bench.core.errors import CacheError, MetricError, UsageError
from anyres_bench.core.files import atomic_write, sha256_text
from anyres_bench.features.stats import FeatureBank

SCHEMA = "anyres-bench/state@1"
KIND = "feature-bank"


class FeatureStore:
    """Banks by content key, one file each.

    Args:
        folder: where the files are; made when the first one is written.

    A key is a JSON object that names everything the features depend on: manifest digest, protocol,
    extractor id, side, seed, and the range of global indices where it is a shard of a run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def path(self, key: Mapping[str, Any]) -> Path:
        """Where the bank of `key` lies, whether or not it is there.

        Raises:
            UsageError: the key is not plain JSON.
        """
        return self.folder / f"{sha256_text(_canonical(key))}.safetensors"

    def save(self, key: Mapping[str, Any], bank: FeatureBank) -> Path:
        """Write the bank atomically and return its path."""
        tensors = _pack(bank)
        header = {
            "schema": SCHEMA,
            "kind": KIND,
            "key": _canonical(key),
            "sha256": _digest(tensors),
        }
        path = self.path(key)
        with atomic_write(path) as file:
            file.write(save(tensors, header))
        return path

    def load(self, key: Mapping[str, Any]) -> FeatureBank | None:
        """The bank of `key`, or None where there is no such file.

        Raises:
            CacheError: the file is truncated, damaged, of another schema or of another key.
        """
        path = self.path(key)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                header = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        # AttributeError: the library asks numpy for a type that it lacks, such as floats of 8 bits.
        except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
            raise _corrupt(path, str(error)) from error
        _check_header(path, header, _canonical(key), tensors)
        try:
            return _unpack(tensors)
        except (KeyError, IndexError, MetricError) as error:
            raise _corrupt(path, f"its tensors are not those of a {KIND}") from error


def _check_header(
    path: Path, header: Mapping[str, str], key: str, tensors: Mapping[str, NDArray[Any]]
) -> None:
    if header.get("schema") != SCHEMA:
        raise _corrupt(path, f"its schema is {header.get('schema')!r}, expected {SCHEMA!r}")
    if header.get("kind") != KIND:
        raise _corrupt(path, f"it holds a {header.get('kind')!r}, expected a {KIND!r}")
    if header.get("key") != key:
        raise _corrupt(path, "it was written for another key")
    if header.get("sha256") != _digest(tensors):
        raise _corrupt(path, "its tensors do not have the digest in its header")


def _corrupt(path: Path, what: str) -> CacheError:
    return CacheError(
        f"{path} cannot be used: {what}; delete this file and run the same command again to "
        "compute it anew"
    )


def _canonical(key: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(key, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"a cache key must be plain, finite JSON: {error}") from error
    if json.loads(text) != dict(key):
        raise UsageError(f"a cache key must come back from JSON as it was, got {key!r}")
    return text


def _digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def _pack(bank: FeatureBank) -> dict[str, NDArray[Any]]:
    return {"index": bank.index, "group": bank.group, "features": bank.features()}


def _unpack(tensors: Mapping[str, NDArray[Any]]) -> FeatureBank:
    return FeatureBank(tensors["index"], tensors["group"], tensors["features"])
