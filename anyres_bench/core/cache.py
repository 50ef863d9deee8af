"""What the cache folder holds, and removing parts of it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from anyres_bench.core.errors import UsageError
from anyres_bench.core.files import cache_dir
from anyres_bench.core.quoting import one_line_each


@dataclass(frozen=True)
class CachePart:
    """One folder of the cache, such as weights or features."""

    name: str
    n_files: int
    n_bytes: int


def parts_of_cache() -> list[CachePart]:
    """Every folder of the cache with its size, the largest first.

    Raises:
        OSError: it cannot be looked into.
    """
    folder = cache_dir()
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    found = [_part(folder / name) for name in names if (folder / name).is_dir()]
    return sorted(found, key=lambda part: (-part.n_bytes, part.name))


def _part(folder: Path) -> CachePart:
    """Links are not followed, so what lies elsewhere is not counted."""
    n_files = n_bytes = 0
    for path, _, names in os.walk(folder):
        for name in names:
            n_files += 1
            n_bytes += os.lstat(os.path.join(path, name)).st_size
    return CachePart(folder.name, n_files, n_bytes)


def cache_text() -> str:
    """The cache for people: where it is, what it holds, what may be removed."""
    rows = [
        f"{part.n_bytes / 1e6:10.1f} MB  {part.n_files:7} files  {part.name}"
        for part in parts_of_cache()
    ]
    return one_line_each([cache_dir(), *(rows or ["  it is empty"])])


def prune(name: str) -> CachePart:
    """Remove one folder of the cache; all of it can be computed or fetched again.

    Raises:
        UsageError: the cache has no such folder, or it is a link.
        OSError: something cannot be removed.
    """
    found = {part.name: part for part in parts_of_cache()}
    if name not in found:
        raise UsageError(f"the cache holds no {name!r}; it holds {', '.join(found) or 'nothing'}")
    if (cache_dir() / name).is_symlink():
        raise UsageError(f"{cache_dir() / name} is a link; remove what it leads to yourself")
    shutil.rmtree(cache_dir() / name)
    return found[name]
