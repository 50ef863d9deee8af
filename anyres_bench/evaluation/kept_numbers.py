"""Numbers in the cache: what was computed from features once is not computed again."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from anyres_bench import __version__
from anyres_bench.core.errors import DataError
from anyres_bench.core.files import cache_dir, sha256_file, sha256_text, write_json
from anyres_bench.core.plain import read_json
from anyres_bench.metrics import intervals
from anyres_bench.metrics.metric import Metric
from anyres_bench.metrics.sampling import Values
from anyres_bench.metrics.study import KeptValues


@dataclass(frozen=True)
class KeptNumbers:
    """One file of the cache.

    Attributes:
        folder: of the cache.
        key: digest of all that the numbers depend on.
    """

    folder: str
    key: str

    @property
    def path(self) -> Path:
        return cache_dir() / self.folder / f"{self.key}.json"

    def read(self) -> object | None:
        """None where there are none, or the file is damaged: they are computed again then."""
        try:
            content = read_json(self.path.read_bytes(), str(self.path))
            values: object = content["values"]
            return values if content["sha256"] == _digest(values) else None
        except (OSError, DataError, LookupError, TypeError):
            return None

    def write(self, values: object) -> None:
        """Keep them; a cache that cannot be written costs time and no number."""
        with contextlib.suppress(OSError, ValueError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, {"values": values, "sha256": _digest(values)})


def _digest(values: object) -> str:
    return sha256_text(json.dumps(values, sort_keys=True))


def kept_replicates(metric: Metric) -> KeptValues:
    """What keeps the replicates of a metric: an interval's serve all differences of its model."""
    code = code_of(metric)

    def kept(key: str, compute: Callable[[], Values]) -> Values:
        file = KeptNumbers("replicates", sha256_text(json.dumps([key, code, __version__])))
        found = _values(file.read())
        if found is None:
            found = compute()
            file.write(found)
        return found

    return kept


def _values(content: object) -> Values | None:
    """Names and numbers of each subset; None where the content is something else."""
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        return None
    if not all(isinstance(value, float) for one in content for value in one.values()):
        return None
    return content


def code_of(metric: Metric) -> str:
    """Digest of a metric's file and of all that lies beside the intervals."""
    return _code(type(metric).__module__)


@functools.cache
def _code(module: str) -> str:
    files = sorted(Path(intervals.__file__).parent.glob("*.py"))
    own = getattr(sys.modules.get(module), "__file__", None)
    return sha256_text("".join(map(sha256_file, [*files, *([Path(own)] if own else [])])))
