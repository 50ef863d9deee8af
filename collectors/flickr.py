"""`flickr`: photographs at native resolution, by a list of ids or by search."""

from __future__ import annotations

import dataclasses
import datetime
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from anyres_bench.collectors.collector import Candidate, key_of
from anyres_bench.collectors.flickr_answers import entries, part, whole, words
from anyres_bench.collectors.flickr_api import (
    API_URL,
    DEFAULT_ALLOWED,
    PER_HOUR,
    PER_PAGE,
    REAL_RESULTS,
    FlickrApi,
    checked_api,
    licence_of,
    rates,
)
from anyres_bench.collectors.flickr_domains import Domain, published_lists, read_domain
from anyres_bench.collectors.flickr_key import KEY_VARIABLE, has_key, read_key
from anyres_bench.collectors.flickr_sizes import Rendition, choose_size
from anyres_bench.collectors.lists import read_lines
from anyres_bench.core.errors import DataError, ImageError, UnknownNameError, UsageError
from anyres_bench.core.files import sha256_file
from anyres_bench.core.registry import nearest
from anyres_bench.data.headers import probe
from anyres_bench.fetching.bodies import Expect
from anyres_bench.fetching.http import Fetcher
from anyres_bench.fetching.limits import Limits, Rate, TokenBuckets
from anyres_bench.fetching.sniff import refuse_others

_LINE = re.compile(
    r"(?:(?P<licence>[0-9]{1,2})_)?0*(?P<photo>[1-9][0-9]{3,19})(?:\.(?P<ending>\w{2,5}))?"
)
_PAGE = "https://www.flickr.com/photos/{owner}/{photo}"
_PAGE_BY_NUMBER = "https://www.flickr.com/photo.gne?id={photo}"  # of whoever it is
_CALLS_A_PHOTO = 2  # sizes and licence
_FRESH_S = 24 * 3600.0  # how long a search's answer speaks for a photo's licence
_SEARCHED = {  # suffix of a rendition's URL field -> label
    "o": "Original", "6k": "X-Large 6K", "5k": "X-Large 5K", "4k": "X-Large 4K", "3k": "X-Large 3K",
    "k": "Large 2048", "h": "Large 1600", "l": "Large", "c": "Medium 800", "z": "Medium 640",
    "m": "Medium", "w": "Small 400", "n": "Small 320",
}  # fmt: skip
_EXTRAS = ",".join(
    [
        "license",
        "owner_name",
        "media",
        "path_alias",
        "last_update",
        *(f"url_{s}" for s in _SEARCHED),
    ]
)


@dataclass(frozen=True)
class Flickr:
    """Photographs of Flickr at their native sizes; the licences you accept must be named.

    DOMAIN is birds-hr, birds-lr, church-hr, mountains or a TOML file of your own. Domains that
    have a list want it by --ids: one `LICENCE_PHOTO.jpg` or photo number a line. Without it the
    command says where the published list is (0.1 to 2 MB).

    This product uses the Flickr API but is not endorsed or certified by SmugMug, Inc.

    Examples:
      anyres-bench collect flickr birds-hr data/birds --ids birds.txt --dry-run
      anyres-bench collect flickr birds-hr data/birds --ids birds.txt --licences CC-BY-2.0
    """

    name: ClassVar[str] = "flickr"
    local: ClassVar[bool] = False
    default_licences: ClassVar[tuple[str, ...]] = DEFAULT_ALLOWED
    notices: ClassVar[tuple[str, ...]] = (
        "This product uses the Flickr API but is not endorsed or certified by SmugMug, Inc.",
        "Link to the photograph's page, not to the file. Photographers may withdraw: run "
        "`anyres-bench recheck` before you publish a copy again.",
    )

    domain: Annotated[str, "Name of a domain, or a TOML file."]
    ids: Annotated[Path | None, "The list of photos."] = None
    policy: Annotated[str, "clean, or anyres: the choices of the original script."] = "clean"
    key_file: Annotated[Path | None, "File of mode 600 with the API key."] = None
    api: Annotated[str, "Address of the API."] = API_URL
    calls_per_hour: Annotated[int, "API calls an hour; Flickr allows a key 3600."] = PER_HOUR
    any_list: Annotated[bool, "Accept a list of another length than the published one."] = False

    def __post_init__(self) -> None:
        if self.policy not in ("clean", "anyres"):
            hint = nearest(self.policy, ("clean", "anyres"))
            raise UnknownNameError(f"unknown size policy {self.policy!r}; {hint}")
        checked_api(self.api)
        rates(self.calls_per_hour)
        if not self.domain_of.search and self.ids is None:
            raise UsageError(
                f"domain {self.domain} wants the list of its photos: add --ids FILE.{self._where()}"
            )

    @staticmethod
    def sources() -> str:
        """Where the lists of the domains are, and what they weigh."""
        return published_lists()

    @cached_property
    def domain_of(self) -> Domain:
        """The domain."""
        return read_domain(self.domain)

    @cached_property
    def client(self) -> FlickrApi:
        """The API; made on first use, so that asking for help or a dry run needs no key."""
        return FlickrApi(read_key(self.key_file), self.api, TokenBuckets(rates=self.rates))

    @property
    def rates(self) -> dict[str, Rate]:
        """How often the API may be called."""
        return rates(self.calls_per_hour)

    def __getstate__(self) -> dict[str, Any]:
        """Worker processes get the options; the client and its connections stay here."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def recipe(self) -> dict[str, Any]:
        """What is asked for; the list by its digest."""
        domain = self.domain_of
        search = {key: str(value) for key, value in domain.search.items()}
        return {
            "collector": self.name,
            "source": domain.source,
            "role": domain.role,
            "size": dataclasses.asdict(domain.size),
            "search": search,
            "list_sha256": sha256_file(self._list()) if self.ids else None,
            "policy": self.policy,
        }

    def estimate(self, n_candidates: int) -> str:
        """What a run costs, in one line."""
        found_by_search = self.ids is None
        calls = -(-n_candidates // PER_PAGE) if found_by_search else n_candidates * _CALLS_A_PHOTO
        hours = calls / self.calls_per_hour
        limit = f"{hours:.1f} hours at {self.calls_per_hour} an hour"
        return f"{calls} API calls, {limit}; Flickr does not tell bytes beforehand"

    def unlisted(self) -> str:
        """Why a dry run cannot list the photos, and what a run costs all the same."""
        if self.ids is not None or has_key(self.key_file):
            return ""
        return (
            f"how many photos the search of {self.domain} has, only Flickr says, and that wants an "
            f"API key ({KEY_VARIABLE} or --key-file). Calls: one for {PER_PAGE} photos and two for "
            f"every {REAL_RESULTS}, where the search is split by date; none for a photo. So 10,000 "
            f"photos take {_search_calls(10_000)} calls, of {self.calls_per_hour} an hour"
        )

    def candidates(self) -> Iterator[Candidate]:
        """One a photo: of the list in its order, each once; or of the search by number."""
        if self.ids is not None:
            return self._listed()
        return self._searched()

    def resolve(self, candidate: Candidate, limits: Limits) -> Candidate:
        """Ask again for licence and sizes, unless a search has just told them, and choose one.

        Raises:
            FetchError: the photo is gone or private.
            ImageError: `no-suitable-size` or `bad-size`.
            UsageError: there is no valid key.
        """
        photo = candidate.source_id
        if 0 <= time.time() - candidate.extra.get("searched_at", 0.0) < _FRESH_S:
            chosen = self._choose(photo, candidate.extra["sizes"])
        else:
            client = dataclasses.replace(self.client, limits=limits)
            candidate = _with_info(candidate, client.info(photo))
            chosen = self._choose(photo, client.sizes(photo))
        found = ("sizes", "searched_at")
        extra = {key: value for key, value in candidate.extra.items() if key not in found}
        return dataclasses.replace(
            candidate,
            url=chosen.url,
            height=chosen.size.height,
            width=chosen.size.width,
            extra={**extra, "size_label": chosen.label, "size_policy": self.policy},
        )

    def obtain(self, candidate: Candidate, path: Path, fetcher: Fetcher) -> Candidate:
        """Fetch the chosen rendition.

        Raises:
            FetchError: it cannot be fetched, or is no image.
            ImageError: `size-mismatch`: it is none of the sizes that are wanted, though said to be.
        """
        fetched = fetcher.fetch(candidate.url, path, Expect(accept=refuse_others))
        size = probe(path, name=candidate.url).size
        if not self.domain_of.size.allows(size.shorter):
            told = f"it has {size} pixels, where Flickr says {candidate.height} x {candidate.width}"
            raise ImageError("size-mismatch", f"{told}; wanted is {self.domain_of.size.text()}")
        return dataclasses.replace(candidate, fetched=fetched)

    def _choose(self, photo: str, sizes: object) -> Rendition:
        try:
            chosen = choose_size(_sound(sizes), self.domain_of.size, self.policy)
        except DataError as error:
            raise ImageError("bad-size", f"photo {photo}: {error}") from error
        if chosen is None:
            wanted = self.domain_of.size.text()
            raise ImageError("no-suitable-size", f"photo {photo} has no size with {wanted}")
        return chosen

    def _list(self) -> Path:
        if self.ids is None or not self.ids.is_file():
            raise UsageError(
                f"there is no list {self.ids}; give the list of photos with --ids.{self._where()}"
            )
        return self.ids

    def _where(self) -> str:
        """Where the published list of the domain is, and what it weighs."""
        published = self.domain_of.published
        return f" The published one:{published.advice()}" if published else ""

    def _listed(self) -> Iterator[Candidate]:
        """The photos of a list.

        Raises:
            UsageError: a line is no photo, or the list has not the published length.
        """
        lines = [line.strip() for line in read_lines(self._list()) if line.strip()]
        published = self.domain_of.published
        if published and len(lines) != published.n_lines and not self.any_list:
            raise UsageError(
                f"{self.ids} has {len(lines)} lines, the published list of {self.domain} has "
                f"{published.n_lines}; add --any-list to use it all the same.{self._where()}"
            )
        seen: set[str] = set()
        for number, line in enumerate(lines, 1):
            match = _LINE.fullmatch(line)
            if match is None:
                raise UsageError(
                    f"{self.ids}, line {number}: {line[:60]!r} is neither LICENCE_PHOTO.jpg "
                    "nor the number of a photo"
                )
            if match["photo"] not in seen:
                seen.add(match["photo"])
                yield self._candidate(match["photo"], match["licence"], {"source_name": line})

    def _searched(self) -> Iterator[Candidate]:
        """The photos of a search, by number, so that the order is not the server's."""
        domain = self.domain_of
        query = {key: value for key, value in domain.search.items() if key not in ("first", "last")}
        first, last = (_seconds(domain.search[key]) for key in ("first", "last"))
        fixed = {"media": "photos", "extras": _EXTRAS, "sort": "date-posted-asc"}
        photos = self.client.search({**query, **fixed}, first, last + 86_399)
        for i, photo in enumerate(sorted(photos, key=lambda photo: whole(photo.get("id")) or 0)):
            number = whole(photo.get("id"))
            if number is None or number < 0:
                told = f"the search has a photo of the number {photo.get('id')!r:.60}"
                yield self._candidate(f"odd-{i}", None, {"refusal": f"bad-answer: {told}"})
                continue
            sizes = list(_renditions(photo))
            about = {"extra": {"sizes": sizes, "searched_at": time.time()}}
            licence = whole(photo.get("license"))
            candidate = self._candidate(str(number), licence, about)
            owner = words(photo.get("pathalias")) or words(photo.get("owner"))
            yield dataclasses.replace(
                candidate,
                author=words(photo.get("ownername")),
                source_url=_page(owner, candidate),
            )

    def _candidate(self, photo: str, licence: object, about: Mapping[str, Any]) -> Candidate:
        known = licence_of(licence) if licence is not None else None
        base = Candidate(
            key=key_of(self.domain_of.source, photo),
            source=self.domain_of.source,
            source_id=photo,
            licence_id=known.spdx if known else "unknown",
            licence_url=known.url if known else "",
            group=f"flickr-{photo}",
            role=self.domain_of.role,
        )
        return dataclasses.replace(base, **about)


def _with_info(candidate: Candidate, info: Mapping[str, Any]) -> Candidate:
    """The candidate with the photo's licence of today; the one of the list is kept beside it.

    Raises:
        FetchError: `bad-answer`, where the licence is none.
    """
    licence, owner = licence_of(info.get("license")), part(info, "owner")
    return dataclasses.replace(
        candidate,
        licence_id=licence.spdx,
        licence_url=licence.url,
        author=words(owner.get("realname")) or words(owner.get("username")),
        source_url=_page(words(owner.get("path_alias")) or words(owner.get("nsid")), candidate),
        caption=words(info.get("title")),
        extra={
            **candidate.extra,
            "licence_in_list": candidate.licence_id,
            "share_changed_versions": licence.derivatives,
            "last_update": words(part(info, "dates").get("lastupdate")),
        },
    )


def _page(owner: str, candidate: Candidate) -> str:
    page = _PAGE if owner else _PAGE_BY_NUMBER
    return page.format(owner=quote(owner, "@"), photo=candidate.source_id)


def _sound(sizes: object) -> list[Mapping[str, Any]]:
    """The entries that name a rendition and where it is."""
    return [
        entry
        for entry in entries(sizes)
        if isinstance(entry.get("label"), str) and isinstance(entry.get("source"), str)
    ]


def _renditions(photo: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """The sizes that a search answer holds, smallest first as `getSizes` has them."""
    for suffix, label in reversed(_SEARCHED.items()):
        if photo.get(f"url_{suffix}"):
            yield {
                "label": label,
                "width": photo.get(f"width_{suffix}"),
                "height": photo.get(f"height_{suffix}"),
                "source": photo[f"url_{suffix}"],
                "media": photo.get("media", "photo"),
            }


def _search_calls(n_photos: int) -> int:
    """Calls that a search of so many photos takes: its pages, and the splits of its dates."""
    return -(-n_photos // PER_PAGE) + 2 * -(-n_photos // REAL_RESULTS)


def _seconds(day: datetime.date) -> int:
    """Midnight UTC of a day, in seconds since 1970."""
    midnight = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
    return int(midnight.timestamp())
