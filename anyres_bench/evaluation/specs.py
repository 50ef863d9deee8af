"""How models and extractors were asked for, kept in the cache: an id does not say it.

A recipe names both by what was typed, options included, and is made long after they were typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from anyres_bench.core.enclosure import read_bounded
from anyres_bench.core.errors import DataError
from anyres_bench.core.files import cache_dir, not_kept, sha256_text, write_json
from anyres_bench.core.plain import read_json
from anyres_bench.results.plain import from_plain, to_plain

Kind = Literal["model", "extractor"]
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class KeptSpec:
    """What was typed.

    Attributes:
        id: of what came of it.
        spec: of the model or extractor.
        options: of a model.
    """

    id: str
    spec: str
    options: Mapping[str, str] = field(default_factory=dict)


def keep_specs(models: Iterable[KeptSpec], extractors: Mapping[str, str]) -> None:
    """Keep how models were asked for, and extractors, id -> spec.

    Raises:
        CacheError: one cannot be written.
    """
    for model in models:
        keep_spec("model", model)
    for name, spec in extractors.items():
        keep_spec("extractor", KeptSpec(name, spec))


def keep_spec(kind: Kind, kept: KeptSpec) -> None:
    """Keep how a model or an extractor was asked for, in the place of what was kept before.

    Raises:
        CacheError: it cannot be written.
    """
    path = _path(kind, kept.id)
    try:
        write_json(path, to_plain(kept))
    except OSError as error:
        raise not_kept(f"{path} cannot be written", error, ". The results are written") from error


def kept_spec(kind: Kind, name: str) -> KeptSpec | None:
    """How that id was asked for on this machine; None where nothing, or nothing whole, is kept."""
    path = _path(kind, name)
    if not path.is_file():
        return None
    try:
        found = from_plain(KeptSpec, read_json(read_bounded(path, _MOST_BYTES, "spec"), str(path)))
    except (DataError, ValueError):
        return None
    return found if found.id == name else None


def _path(kind: Kind, name: str) -> Path:
    return cache_dir() / "specs" / f"{kind}-{sha256_text(name)[:32]}.json"
