"""Submissions: one folder with a model's records and all that lets others hold them to account.

submission.json     what it is, who may use it, the digest of every other file
records/            results as `evaluate` wrote them
recipe.toml         how the numbers are made again; recipe-2.toml of other images or another seed
samples/            a few pictures, by choice
features/           features that the records were computed from, by choice
moments/            or their means and covariances alone
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DataError
from anyres_bench.core.plain import unique_keys
from anyres_bench.results.plain import from_plain, to_plain
from anyres_bench.results.record import seal

SCHEMA = 1
MANIFEST = "submission.json"
RECORDS, SAMPLES, FEATURES, MOMENTS = "records", "samples", "features", "moments"
RECIPE = re.compile(r"recipe(-[2-9]|-[1-9]\d{1,2})?\.toml")
MOST_FILES = 10_000
MOST_BYTES = 8 << 30  # of all files
MOST_PATCHES = 32  # of samples
_LARGEST_MANIFEST = 8 << 20  # bytes


@dataclass(frozen=True)
class Card:
    """What a reader has to know of a model besides its numbers.

    Attributes:
        licence: of the model's weights.
        training_data: what it was trained on.
        trained_on_reference: whether images of the reference were among it; None is unknown.
        link, contact, notes: by choice, else empty.
    """

    licence: str
    training_data: str
    trained_on_reference: bool | None = None
    link: str = ""
    contact: str = ""
    notes: str = ""


@dataclass(frozen=True)
class FileDigest:
    """A file as it was when it was submitted.

    Attributes:
        n_bytes: its length.
        sha256: of its bytes, 64 hex digits.
    """

    n_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What `submission.json` says.

    Attributes:
        model: id of the one model that all records are of.
        created: UTC, as 2026-01-31T12:00:00Z.
        version: of anyres-bench.
        card: of the model.
        files: path, with "/" between parts -> digest; every file but `submission.json`.
    """

    model: str
    created: str
    version: str
    card: Card
    files: Mapping[str, FileDigest] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, with the number of their schema and a seal."""
        body = {**to_plain(self), "schema": SCHEMA}
        return {**body, "seal": seal(body)}


def read_submission(inside: Enclosure) -> Submission:
    """Read `submission.json` of a folder.

    Raises:
        DataError: it is missing, no manifest, of another schema, or was changed.
    """
    path = inside.path / MANIFEST
    try:
        with inside.open(MANIFEST) as file:
            data = file.read(_LARGEST_MANIFEST + 1)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}; `anyres-bench leaderboard submit` "
            "makes such a folder"
        ) from error
    if len(data) > _LARGEST_MANIFEST:
        raise DataError(f"{path} has more than {_LARGEST_MANIFEST} bytes")
    try:
        body = json.loads(data, parse_constant=_no_number, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {str(error)[:200]}") from error
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        raise DataError(f"{path} has not schema {SCHEMA}; it is no submission of this version")
    try:
        fits = body.get("seal") == seal(body)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be sealed: {str(error)[:200]}") from error
    if not fits:
        raise DataError(f"{path} was changed after it was written: its seal is another")
    rest = {name: value for name, value in body.items() if name not in ("schema", "seal")}
    try:
        return from_plain(Submission, rest)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
