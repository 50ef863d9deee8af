"""Domains of `flickr`: what is collected, at which size, and where the list of its photos is."""

from __future__ import annotations

import dataclasses
import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from anyres_bench.collectors.flickr_sizes import SizeRule
from anyres_bench.core.errors import ConfigError, UnknownNameError
from anyres_bench.core.registry import nearest


@dataclass(frozen=True)
class PublishedList:
    """The list of photos that a paper's authors have published.

    Attributes:
        n_lines: its lines.
        url: where its publisher has it; empty where that is not known.
        n_bytes: its length.
        sha256: 64 hex digits; empty where that is not known.
    """

    n_lines: int
    url: str = ""
    n_bytes: int | None = None
    sha256: str = ""

    def advice(self) -> str:
        """How to get it, for messages."""
        if not self.url:
            return f"\n  {self.n_lines:,} lines; its address is not known"
        size = f", {self.n_bytes:,} bytes" if self.n_bytes else ""
        digest = f"\n  sha256   {self.sha256}" if self.sha256 else ""
        return f"\n  get      {self.url}\n  it has   {self.n_lines:,} lines{size}{digest}"


@dataclass(frozen=True)
class Domain:
    """What a domain file says.

    Attributes:
        source: name of the collection; it begins every file name.
        size: which rendition is wanted.
        role: as in `ImageRecord`.
        search: arguments of `flickr.photos.search`, with the dates `first` and `last`; empty
            where the photos are listed.
        published: its list, where one is published.
    """

    source: str
    size: SizeRule
    role: str = "hr"
    search: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    published: PublishedList | None = None


def presets() -> list[str]:
    """Names of the domains that come with the package."""
    entries = resources.files("anyres_bench.collectors").joinpath("domains").iterdir()
    return sorted(e.name.removesuffix(".toml") for e in entries if e.name.endswith(".toml"))


def read_domain(name: str) -> Domain:
    """A domain by its name, or from a TOML file.

    Raises:
        UnknownNameError: neither a domain nor a file.
        ConfigError: the file is not what it should be.
    """
    if name in presets():
        place = resources.files("anyres_bench.collectors").joinpath("domains", f"{name}.toml")
        data = place.read_bytes()
    elif Path(name).is_file():
        data = Path(name).read_bytes()
    else:
        raise UnknownNameError(f"{name!r} is no domain and no file; {nearest(name, presets())}")
    try:
        values = tomllib.loads(data.decode("utf-8-sig"))
        size = SizeRule(**values["size"])
        listed = values.get("list")
        domain = Domain(
            source=values["source"],
            size=size,
            role=values.get("role", "hr"),
            search=values.get("search", {}),
            published=PublishedList(**listed) if listed else None,
        )
        _check(domain)
        return domain
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"{name}: {error!r}; a domain has source, [size] with mode, min_side and max_side, and "
            "[list] or [search]"
        ) from error


def published_lists() -> str:
    """Every domain that comes with the package, and how its list is had, for messages."""
    domains = {name: read_domain(name) for name in presets()}
    listed = {name: domain.published for name, domain in domains.items() if domain.published}
    searched = ", ".join(name for name, domain in domains.items() if not domain.published)
    return "\n".join(
        [
            "The photographs come from Flickr, with an API key of yours, and have the licences of "
            "their authors; --dry-run counts the calls without a key.",
            *(
                f"{name} has a published list, for --ids:{of.advice()}"
                for name, of in listed.items()
            ),
            f"{searched} has none and is a search",
        ]
    )


def _fields(listed: PublishedList | None) -> list[tuple[object, Any]]:
    """What a list says of itself, and of what type each must be."""
    if listed is None:
        return []
    numbers: list[tuple[object, Any]] = [(listed.n_lines, int), (listed.n_bytes, int | None)]
    return [*numbers, (listed.url, str), (listed.sha256, str)]


def _check(domain: Domain) -> None:
    """Raises TypeError or KeyError where a domain has not what it must have."""
    size = domain.size
    for value, kind in (
        (domain.source, str),
        (domain.role, str),
        (domain.search, dict),
        *_fields(domain.published),
        (size.min_side, int),
        (size.max_side, int | None),
    ):
        if not isinstance(value, kind):
            raise TypeError(f"{value!r:.60} is not {kind}")
    if size.mode not in ("LR", "HR"):
        raise TypeError(f"mode is {size.mode!r:.60}, expected LR or HR")
    for day in ("first", "last") if domain.search else ():
        if not isinstance(domain.search[day], datetime.date):
            raise TypeError(f"{day} is {domain.search[day]!r:.60}, expected a date")
