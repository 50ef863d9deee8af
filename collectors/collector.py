"""The contract of collectors: what they ask for, what they find, how its bytes are had.

A collector finds candidates and obtains the bytes of each; everything else (filters, politeness,
decoding, measuring, duplicates, files, resuming) is the same for all and lives in
`anyres_bench.building`. A collector is a frozen dataclass whose fields are its options: fields
without a default are the arguments of `anyres-bench collect NAME ... OUT`, the others its options;
`Annotated[int, "Help text."]` says what each is for. It is sent to worker processes, so it must
pickle.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from anyres_bench.core.errors import DatasetError
from anyres_bench.core.files import sha256_text
from anyres_bench.core.plain import checked_fields, read_json
from anyres_bench.fetching.http import Fetched, Fetcher
from anyres_bench.fetching.limits import Limits, Rate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNKNOWN_LICENCE = "unknown"
ROLES = ("hr", "lr")  # that protocols look at
_LONGEST_KEY = 100


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One image that may enter the dataset.

    Attributes:
        key: its name in the dataset, made by `key_of`; unique, and the stem of its file.
        url: where the bytes are: http(s), or what the collector's own `obtain` understands.
        source: collection that the image comes from.
        source_id, source_url, author: identity at the source; `source_url` is the page to credit.
        source_name: the name that the source's own list has for it.
        licence_id: SPDX id, or the source's own word; "unknown" where nothing is known.
        licence_url: the licence's text.
        split, group, role, label, caption: as in `ImageRecord`.
        height, width, n_bytes, sha256, md5: what is claimed before the bytes are there.
        extra: what else is known, as JSON values; kept in `provenance.parquet`.
        stamp: of a local source, what differs once it is changed (its size and time).
        refusal: why it cannot be had at all, where its listing shows that: a word, a colon, and a
            sentence. It is rejected for that and stands in the rejects table.
        fetched: what the server said, once the bytes are there.
    """

    key: str
    url: str = ""
    source: str = ""
    source_id: str = ""
    source_url: str = ""
    source_name: str = ""
    author: str = ""
    licence_id: str = UNKNOWN_LICENCE
    licence_url: str = ""
    split: str = ""
    group: str = ""
    role: str = "hr"
    label: str = ""
    caption: str = ""
    height: int | None = None
    width: int | None = None
    n_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    stamp: str = ""
    refusal: str = ""
    fetched: Fetched | None = None

    def to_json(self) -> str:
        """One line of JSON, without what is at its default."""
        told = {name: value for name, value in vars(self).items() if value != _DEFAULTS[name]}
        if self.fetched:
            told["fetched"] = self.fetched.plain()
        return json.dumps(told, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Candidate:
        """What `to_json` wrote.

        Raises:
            DatasetError: it is something else.
        """
        plain = checked_fields(cls, read_json(text, "a candidate"), "a candidate")
        if fetched := plain.pop("fetched", None):
            plain["fetched"] = Fetched(**checked_fields(Fetched, fetched, "what was fetched"))
        if not isinstance(plain.get("extra", {}), dict):
            raise DatasetError(f"extra of a candidate is no object: {plain['extra']!r:.60}")
        return cls(**plain)


_DEFAULTS: dict[str, Any] = {
    f.name: {} if f.name == "extra" else f.default for f in dataclasses.fields(Candidate)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """An image made from an original.

    Attributes:
        suffix: what its key has behind the candidate's ("-lr").
        pixels: (h, w, 3) uint8 sRGB; stored as PNG.
        role: as in `ImageRecord`.
        extra: how it was made, as JSON values.
    """

    suffix: str
    pixels: NDArray[np.uint8]
    role: str = "hr"
    extra: Mapping[str, Any] = field(default_factory=dict)


class Collector(Protocol):
    """Where images come from.

    Attributes:
        name: as in the table of collectors.
        local: `obtain` needs no network; it then runs in the worker processes, and candidates are
            listed anew at each run. Otherwise they are listed once, and `obtain` runs in threads,
            of several processes: each has a copy of the collector.
    """

    name: ClassVar[str]
    local: ClassVar[bool]

    def recipe(self) -> dict[str, Any]:
        """What is asked for, as JSON values; equal recipes ask for the same, wherever they run.

        No path of this machine and no secret is in it: of a file, its digest.
        """

    def candidates(self) -> Iterable[Candidate]:
        """All candidates, always in the same order."""

    def obtain(self, candidate: Candidate, path: Path, fetcher: Fetcher) -> Candidate:
        """Put the original bytes at `path`; the candidate with what was learnt on the way.

        It may be called again for the same candidate: after a kill, or when a host was busy.

        Raises:
            FetchError, ImageError: this candidate cannot be had; the run goes on without it.
        """


@runtime_checkable
class Resolver(Protocol):
    """A collector that must ask about each candidate before its bytes are fetched."""

    @property
    def rates(self) -> Mapping[str, Rate]:
        """How often whom it asks may be asked, by all workers of a run together."""

    def resolve(self, candidate: Candidate, limits: Limits) -> Candidate:
        """The candidate with its licence, size and URL of today; rules are then applied to these.

        Args:
            candidate: as it was listed.
            limits: paces the questions; it knows `rates`.

        Raises:
            FetchError, ImageError: this candidate cannot be had; the run goes on without it.
        """


@runtime_checkable
class Licensed(Protocol):
    """A collector whose images are of many licences: a run must name those that it accepts.

    Attributes:
        default_licences: those that are free to use and to share changed versions of.
    """

    default_licences: ClassVar[tuple[str, ...]]


@runtime_checkable
class Noticing(Protocol):
    """A collector with something that must be said wherever its images are shown.

    Attributes:
        notices: sentences for the data card.
    """

    notices: ClassVar[tuple[str, ...]]


@runtime_checkable
class Documenting(Protocol):
    """A collector that has more to say than the tables of a dataset hold."""

    def documents(self) -> Mapping[str, str]:
        """File name in the dataset folder -> its text."""


@runtime_checkable
class Estimating(Protocol):
    """A collector that can say beforehand what a run costs."""

    def estimate(self, n_candidates: int) -> str:
        """Calls, hours or whatever else a run of so many candidates takes, in one line."""


@runtime_checkable
class Asking(Protocol):
    """A collector that may have to ask somebody what its candidates are."""

    def unlisted(self) -> str:
        """Why a dry run cannot list them now, and what a run would cost; empty where it can."""


@runtime_checkable
class Deriver(Protocol):
    """A collector whose images are made from the originals.

    Attributes:
        keep_originals: whether the originals stay in the dataset beside what is made from them.
    """

    keep_originals: bool

    def derive(self, candidate: Candidate, original: Path) -> Iterator[Derived]:
        """The images made from one original; runs in a worker process.

        Raises:
            ImageError: nothing can be made of it.
        """


def key_of(source: str, source_id: str) -> str:
    """The key `<source>_<id>` in the characters A-Z a-z 0-9 _ -: never a path, never reserved.

    Where an id has other characters or is too long, its digest is appended, so that keys stay
    apart. There are no dots, because WebDataset readers end a key at the first.

    >>> key_of("flickr", "123"), key_of("photos", "a/b c")
    ('flickr_123', 'photos_a-b-c-a1d33e86')
    """
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", source).strip("-_") or "source"
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", source_id).strip("-") or "image"
    key = f"{stem}_{plain}"
    if plain == source_id and len(key) <= _LONGEST_KEY:
        return key
    return f"{key[:_LONGEST_KEY]}-{sha256_text(source_id)[:8]}"
