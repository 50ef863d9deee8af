"""`urls`: a list of addresses of pictures, with whatever else the list says of them."""

from __future__ import annotations

import dataclasses
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from anyres_bench.collectors.collector import ROLES, Candidate, key_of
from anyres_bench.collectors.lists import BadRow, Row, read_rows
from anyres_bench.core.errors import ConfigError, UnknownNameError, UsageError
from anyres_bench.core.files import sha256_file, sha256_text
from anyres_bench.core.quoting import storable
from anyres_bench.core.registry import nearest
from anyres_bench.core.reporting import say
from anyres_bench.fetching.bodies import Expect
from anyres_bench.fetching.http import Fetcher
from anyres_bench.fetching.sniff import refuse_others

_NUMBERS = ("height", "width", "n_bytes")
_FIELDS = (
    "url", "source_id", "source_url", "source_name", "author", "licence_id", "licence_url",
    "split", "group", "role", "label", "caption", "sha256", "md5", *_NUMBERS,
)  # fmt: skip
_OTHER_NAMES = {
    "license": "licence_id", "licence": "licence_id", "license_id": "licence_id",
    "license_url": "licence_url", "text": "caption",
}  # fmt: skip
_ID_DIGITS = 16
_LARGEST = 1 << 53  # what a number of a list can be and is still whole
_DIGESTS = {"sha256": re.compile("[0-9a-fA-F]{64}"), "md5": re.compile("[0-9a-fA-F]{32}")}


@dataclass(frozen=True)
class Urls:
    """A list of URLs: txt (one a line), csv, tsv, jsonl (each also .gz) or parquet.

    Columns that are named as the fields of a record are taken as such, all others are kept beside
    the image in provenance.parquet.

    Examples:
      anyres-bench collect urls list.txt data/web --dry-run
      anyres-bench collect urls list.parquet data/web --column url=link --licence CC-BY-4.0
    """

    name: ClassVar[str] = "urls"
    local: ClassVar[bool] = False

    path: Annotated[Path, "The list."]
    source: Annotated[str, "Name of the collection; it begins every file name."] = "urls"
    licence: Annotated[str, "Licence of images whose row names none."] = "unknown"
    column: Annotated[tuple[str, ...], "FIELD=COLUMN where a column has another name."] = ()

    def __post_init__(self) -> None:
        if not self.source:
            raise ConfigError("source is empty; name the collection, such as `--source birds`")
        self._renamed()

    def recipe(self) -> dict[str, Any]:
        """What is asked for; the list by its digest.

        Raises:
            UsageError: there is no such list.
        """
        if not self.path.is_file():
            raise UsageError(f"there is no list {self.path}; give a file of URLs")
        return {
            "collector": self.name,
            "list_sha256": sha256_file(self.path),
            "source": self.source,
            "licence": self.licence,
            "columns": self._renamed(),
        }

    def candidates(self) -> Iterator[Candidate]:
        """One a row; the same URL or id twice counts once, and a row that cannot be read is one.

        Raises:
            UsageError: the list is of no known kind, has no column of URLs, or one of roles that
                holds no roles.
            DatasetError: the list cannot be read to its end.
        """
        renamed = self._renamed()
        column_of = {field: field for field in _FIELDS} | renamed
        # A role that is not there is how all images are made hr.
        unseen = {column for field, column in renamed.items() if field != "role"}
        is_empty = True
        for row in read_rows(self.path):
            if isinstance(row, BadRow):
                yield self._refused(row.number, f"row {row.number}: {row.message}")
                continue
            if is_empty and column_of["url"] not in row:
                raise UsageError(
                    f"{self.path} has no column {column_of['url']!r}, only {', '.join(row)}; "
                    "name it with --column url=COLUMN"
                )
            if is_empty:
                _tell_passed_over(row, column_of)
            is_empty = False
            unseen -= row.keys()
            yield self._candidate(row, column_of)
        if unseen and not is_empty:
            raise UsageError(
                f"{self.path} has no column {' or '.join(map(repr, sorted(unseen)))}, which "
                "--column names; name one that is there"
            )

    def _refused(self, number: int, message: str) -> Candidate:
        """What stands for a row that cannot be read."""
        row = f"row-{number}"
        key = key_of(self.source, row)
        return Candidate(key=key, source=self.source, source_id=row, refusal=f"bad-row: {message}")

    def obtain(self, candidate: Candidate, path: Path, fetcher: Fetcher) -> Candidate:
        """Fetch the file.

        Raises:
            FetchError, ImageError: it cannot be had, or is plainly no picture.
        """
        expect = Expect(candidate.sha256, candidate.md5, candidate.n_bytes, refuse_others)
        fetched = fetcher.fetch(candidate.url, path, expect)
        return dataclasses.replace(candidate, fetched=fetched)

    def _renamed(self) -> dict[str, str]:
        pairs = [text.partition("=") for text in self.column]
        for field, equals, column in pairs:
            if not equals or not column:
                raise ConfigError(f"--column {field}{equals}{column} is not FIELD=COLUMN")
            if field not in _FIELDS:
                raise UnknownNameError(f"no field {field!r}; {nearest(field, _FIELDS)}")
        renamed = {field: column for field, _, column in pairs}
        if len(renamed) < len(pairs):
            raise ConfigError("--column names a field twice; leave one of the columns out")
        return renamed

    def _check_role(self, role: str, column: str) -> None:
        """Images of another role are in no number of any protocol, so nobody can have meant it."""
        if role not in ROLES:
            raise UsageError(
                f"column {column!r} of {self.path} holds the role {role!r:.60}; the roles that "
                f"protocols use are {' and '.join(ROLES)}. If the column means something else, "
                "rename it in the list, or take the role from another one: --column role=COLUMN "
                "(a column that is not there makes every image hr)"
            )

    def _candidate(self, row: Row, column_of: Mapping[str, str]) -> Candidate:
        told = {field: _text(row[name]) for field, name in column_of.items() if name in row}
        values: dict[str, Any] = {field: text for field, text in told.items() if text}
        if "role" in values:
            values["role"] = values["role"].strip().lower()
            self._check_role(values["role"], column_of["role"])
        values |= {name: _number(told[name]) for name in _NUMBERS if name in told}
        url = told.get("url", "").strip()
        source_id = values.setdefault("source_id", sha256_text(url)[:_ID_DIGITS])
        values.setdefault("licence_id", self.licence)
        values |= {"key": key_of(self.source, source_id), "url": url, "source": self.source}
        for claim, digest in _DIGESTS.items():
            if claim in values and not digest.fullmatch(values[claim]):
                about = f"the list's {claim} {values[claim]!r:.80} is no digest"
                values["refusal"] = f"digest-mismatch: {about}"
        taken = set(column_of.values())
        extra = {storable(str(k)): _plain(v) for k, v in row.items() if k not in taken}
        return Candidate(**values, extra=extra)


def _tell_passed_over(row: Row, column_of: Mapping[str, str]) -> None:
    """Say which columns are nearly called as a field, and are kept beside the images alone."""
    taken = set(column_of.values())
    for name in row:
        plain = re.sub(r"[\s_-]+", "_", str(name).strip().lower())
        field = _OTHER_NAMES.get(plain, plain)
        if name not in taken and field in column_of and column_of[field] not in row:
            say(
                f"column {name!r:.80} is kept beside the images; if it is their {field}, say "
                f"--column {shlex.quote(f'{field}={name}'):.160}"
            )


def _text(value: Any) -> str:
    """A cell as text that can be stored; NaN and null are empty.

    Bytes are text: so write programs that do not say that a column of Parquet is.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    return "" if value is None or value != value else storable(str(value))


def _number(text: str) -> int | None:
    """A whole number, as lists write them ("640", "640.0"); None for anything else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and 0 < number < _LARGEST else None


def _plain(value: Any) -> Any:
    """The value as JSON can hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str | bytes):
        return _text(value)
    if value is None or isinstance(value, int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {storable(str(k)): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return storable(str(value))
