"""What tells two models of one name apart: their weights, options, or what they draw.

A model that only code knows may be trained again behind the same name. The digest of all weights
that it holds joins its id; where it holds none that can be found, that of a few pictures does,
rounded to 8 bits. Pictures may differ between kinds of machines, weights do not: they go first.
Of a model that Python made, whose code and settings nobody can digest, both join it.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyres_bench.core.files import sha256_bytes, sha256_file
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.networks import DIGITS, arrays, networks, state_digest
from anyres_bench.core.sources import CODE, with_marks
from anyres_bench.models.generator import Generator

_SEEDS = (0, 2**31 + 1)
_PLAIN = re.compile(r"[\w.,:;=-][\w.,:;= -]{0,39}")  # an option that is easy to read


def fingerprint(generator: Generator) -> str:
    """`weights@` and a digest of the networks that a generator holds, or `canary@` and one of two
    of its pictures at its native size, unknown where it cannot draw them."""
    found = list(networks(generator))
    if found:
        return f"weights@{state_digest(found, list(arrays(generator)))}"
    return _canary(generator)


def as_it_is_now(model: Any) -> Any:
    """A model that Python made, with its present weights and pictures in its id.

    The object may be trained, set and written anew between two calls. What a spec named has its
    code, weights and options in its id; what this package makes, all that changes a pixel.

    Returns:
        A shallow copy with that id, or the model itself, where its id says all.
    """
    if f"+{CODE}" in model.id or (_is_ours(model) and not has_fingerprint(model.id)):
        return model
    fresh = _renewed(model)
    marks = [] if has_fingerprint(fresh.id) else [fingerprint(fresh)]
    if "+canary@" not in "+".join([fresh.id, *marks]):
        marks.append(_canary(fresh))
    return with_marks(fresh, marks)


def _renewed(model: Any) -> Any:
    """A shallow copy whose id is worked out anew, where it was kept, and those of its parts."""
    fresh = copy.copy(model)
    held = getattr(fresh, "__dict__", {})
    if isinstance(inspect.getattr_static(type(fresh), "id", None), functools.cached_property):
        held.pop("id", None)
    ours = {name: part for name, part in held.items() if _is_ours(part) and hasattr(part, "id")}
    held |= {name: _renewed(part) for name, part in ours.items()}
    return fresh


def _is_ours(value: Any) -> bool:
    return type(value).__module__.startswith("anyres_bench.")


def _canary(generator: Generator) -> str:
    try:
        return f"canary@{canary_digest(generator)}"
    except Exception:  # noqa: BLE001 - a model that cannot draw says so when it is asked to
        return "canary@unknown"


def option_marks(options: Mapping[str, str], own_id: str) -> list[str]:
    """Options of a user's factory as parts of its model's id, those that the id says left out.

    A file is told by its content, so that it may lie elsewhere and may not change unnoticed; a text
    that is long or hard to read by its digest.

    >>> option_marks({"psi": "0.7", "steps": "20"}, "mine+steps=20")
    ['psi=0.7']
    """
    marks = [f"{name}={_told(value)}" for name, value in sorted(options.items())]
    return [mark for mark in marks if mark not in own_id.split("+")]


def _told(value: str) -> str:
    file = os.path.expanduser(value)
    if os.path.isfile(file) and os.access(file, os.R_OK):
        return f"file@{sha256_file(Path(file))[:DIGITS]}"
    if _PLAIN.fullmatch(value):
        return value
    return f"text@{sha256_bytes(value.encode(errors='surrogateescape'))[:DIGITS]}"


def has_fingerprint(generator_id: str) -> bool:
    """Whether an id holds a fingerprint."""
    return any(f"+{kind}@" in generator_id for kind in ("weights", "canary"))


def is_users(generator_id: str) -> bool:
    """Whether an id is of a model that the user's own code makes, which nobody has tested here."""
    return f"+{CODE}" in generator_id or has_fingerprint(generator_id)


def canary_digest(generator: Generator) -> str:
    """Digest of two pictures at the generator's native size, rounded to 8 bits."""
    from anyres_bench.data.pixels import to_uint8

    size = Size(*generator.native)
    sha = hashlib.sha256()
    for seed in _SEEDS:  # one after the other: the second may be drawn into the memory of the first
        image = generator.sample(generator.latents([seed]), [Region.whole(size)])
        sha.update(to_uint8(image.detach().cpu()).numpy().tobytes())
    return sha.hexdigest()[:DIGITS]
