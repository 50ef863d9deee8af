"""Flickr's REST interface: paced, retried, and silent about the key.

Source: flickr.com/services/api; what it answers in practice is in docs/collecting.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from urllib3.exceptions import HTTPError

from anyres_bench.collectors.flickr_answers import (
    entries,
    part,
    read_answer,
    whole,
    without,
    words,
)
from anyres_bench.core.errors import FetchError, UsageError
from anyres_bench.core.quoting import terminal
from anyres_bench.core.reporting import say
from anyres_bench.fetching.addresses import Guard, Pools, check_url, guarded
from anyres_bench.fetching.bodies import Bounds, chunks
from anyres_bench.fetching.http import USER_AGENT, is_transient, retry_after_s
from anyres_bench.fetching.limits import Limits, Rate, TokenBuckets, wait_turn

API_URL = "https://api.flickr.com/services/rest/"
PER_HOUR = 3600  # calls a key may make
PER_PAGE = 500  # photos an answer of a search holds, at most
REAL_RESULTS = 4000  # photos a search shows, at most; later pages repeat
_LIMIT_KEY = "flickr-api"
_TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}
_N_TRIES = 5
_CONNECT_S, _STALL_S = 10.0, 30.0  # for a connection, and for the next bytes
_DEADLINE_S = 120.0  # for a whole answer, its headers included
_MOST_BYTES = 16 << 20  # of an answer; a page of a search has one or two
_HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", "Accept": "*/*"}


@dataclass(frozen=True)
class Licence:
    """What a number of Flickr's stands for.

    Attributes:
        spdx: SPDX id, or a plain word where there is none.
        url: of the licence's text.
        derivatives: whether crops and resized versions may be shared.
    """

    spdx: str
    url: str
    derivatives: bool


def _cc(name: str, version: str) -> Licence:
    url = f"https://creativecommons.org/licenses/{name}/{version}/"
    return Licence(f"CC-{name.upper()}-{version}", url, "nd" not in name.split("-"))


# Keyed by number and never by name: Flickr has renamed them.
LICENCES = {
    0: Licence("all-rights-reserved", "", False),
    1: _cc("by-nc-sa", "2.0"),
    2: _cc("by-nc", "2.0"),
    3: _cc("by-nc-nd", "2.0"),
    4: _cc("by", "2.0"),
    5: _cc("by-sa", "2.0"),
    6: _cc("by-nd", "2.0"),
    7: Licence("no-known-copyright", "https://www.flickr.com/commons/usage/", True),
    8: Licence("us-government-work", "https://www.usa.gov/government-works", True),
    9: Licence("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/", True),
    10: Licence("PDM-1.0", "https://creativecommons.org/publicdomain/mark/1.0/", True),
    11: _cc("by", "4.0"),
    12: _cc("by-sa", "4.0"),
    13: _cc("by-nd", "4.0"),
    14: _cc("by-nc", "4.0"),
    15: _cc("by-nc-sa", "4.0"),
    16: _cc("by-nc-nd", "4.0"),
}
# Free to use and to share changed versions of, also commercially.
DEFAULT_ALLOWED = tuple(LICENCES[number].spdx for number in (4, 5, 7, 8, 9, 10, 11, 12))


def licence_of(number: object) -> Licence:
    """The licence of a number; an unknown one is called `flickr-NUMBER` and allows nothing.

    Raises:
        FetchError: `bad-answer`, where it is no number: the licence is not known then.
    """
    known = whole(number)
    if known is None:
        raise FetchError("bad-answer", f"Flickr gives the licence {str(number)!r:.60}, no number")
    return LICENCES.get(known, Licence(f"flickr-{known}", "", False))


def rates(calls_per_hour: int = PER_HOUR) -> dict[str, Rate]:
    """How often the interface may be called.

    Raises:
        UsageError: never, which would be without end.
    """
    if calls_per_hour < 1:
        raise UsageError(f"{calls_per_hour} calls an hour; expected 1 or more, such as {PER_HOUR}")
    return {_LIMIT_KEY: Rate(calls_per_hour / 3600)}


def checked_api(url: str) -> str:
    """The address of the interface, fit to be asked.

    Raises:
        UsageError: it is none.
    """
    try:
        if "?" in url or "#" in url:
            raise FetchError("bad-url", "it has a question already")
        return check_url(url, allow_private=True)
    except FetchError as error:
        told = f"{url!r:.200} is no address of an API ({error}); expected one such as {API_URL}"
        raise UsageError(told) from error


def _hourly() -> Limits:
    return TokenBuckets(rates=rates())


@dataclass(frozen=True)
class FlickrApi:
    """Calls with one key, from any number of threads.

    Attributes:
        key: never shown: not in messages, logs or the representation.
        url: of the service.
        limits: paces the calls of all who share it.
        sleep: waits so many seconds.
        pools: connections; copies of a client share them.
    """

    key: str = field(repr=False)
    url: str = API_URL
    limits: Limits = field(default_factory=_hourly)
    sleep: Callable[[float], None] = time.sleep
    pools: Pools = field(default_factory=Pools, repr=False)

    def sizes(self, photo_id: str) -> list[Any]:
        """The renditions of a photo, in Flickr's order.

        Raises:
            FetchError: `not-found`, `private` or another final answer.
        """
        answer = self.call("flickr.photos.getSizes", photo_id=photo_id)
        sizes = part(answer, "sizes").get("size")
        if not isinstance(sizes, list):
            raise FetchError("bad-answer", f"getSizes of photo {photo_id} lists no sizes")
        return sizes

    def info(self, photo_id: str) -> dict[str, Any]:
        """Licence, owner, dates and title of a photo.

        Raises:
            FetchError: `not-found`, `private` or another final answer; `bad-answer` where it is
                about another photo, whose licence is not this one's.
        """
        answer = self.call("flickr.photos.getInfo", photo_id=photo_id)
        photo = answer.get("photo")
        if not isinstance(photo, dict):
            raise FetchError("bad-answer", f"getInfo of photo {photo_id} describes no photo")
        if words(photo.get("id")) != photo_id:
            told = f"getInfo of photo {photo_id} describes photo {words(photo.get('id'))!r:.60}"
            raise FetchError("bad-answer", told)
        return photo

    def search(
        self, query: Mapping[str, Any], first: int, last: int
    ) -> Iterator[Mapping[str, Any]]:
        """All photos of a query that were uploaded from `first` to `last`, each once.

        A search shows no more than its first 4,000 results, so the window is halved until it holds
        fewer; one second that holds more is taken as far as it shows. Where fewer are shown than
        were counted, that is said.

        Args:
            query: arguments of `flickr.photos.search`.
            first, last: seconds since 1970, both included.

        Raises:
            FetchError: the last of several failures, or `bad-answer`.
        """
        n_counted = n_shown = 0
        whole_window = {**query, "min_upload_date": first, "max_upload_date": last}
        for window, page in self._windows(whole_window, self._page(whole_window, 1)):
            total, seen = 0, set()
            for shown in self._pages(window, page):
                total = max(total, _total(shown))
                for photo in entries(shown["photo"]):
                    if (name := words(photo.get("id"))) not in seen:
                        seen.add(name)
                        yield photo
            n_counted, n_shown = n_counted + max(total, len(seen)), n_shown + len(seen)
        if n_shown < n_counted:
            say(
                f"the search counts {n_counted} photos and shows {n_shown}: the others are hidden, "
                "or left out by Flickr; --refresh asks again"
            )

    def _windows(
        self, window: Mapping[str, Any], page: dict[str, Any]
    ) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
        """Parts of a search that show all that they have, each with its first page.

        Raises:
            FetchError: `bad-answer` where each half has as many photos as the whole: who passes
                over the dates would be asked for every second of them.
        """
        first, last = window["min_upload_date"], window["max_upload_date"]
        if _total(page) < REAL_RESULTS or last <= first:
            yield window, page
            return
        middle = (first + last) // 2
        halves = [{**window, "max_upload_date": middle}, {**window, "min_upload_date": middle + 1}]
        pages = [self._page(half, 1) for half in halves]
        if min(map(_total, pages)) >= _total(page):
            raise FetchError(
                "bad-answer",
                f"photos.search counts {_total(page)} photos from {first} to {last}, and as many "
                "in each half of it: it passes over the dates, by which searches are split; what "
                "answers is not Flickr's interface, or is in trouble",
            )
        for half, shown in zip(halves, pages, strict=True):
            yield from self._windows(half, shown)

    def _pages(self, window: Mapping[str, Any], page: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The first page and those behind it, by the largest count that any of them states."""
        number, total = 1, _total(page)
        yield page
        while number * PER_PAGE < min(total, REAL_RESULTS):
            number += 1
            page = self._page(window, number)
            total = max(total, _total(page))
            yield page

    def _page(self, window: Mapping[str, Any], number: int) -> dict[str, Any]:
        answer = self.call("flickr.photos.search", **window, per_page=PER_PAGE, page=number)
        page = part(answer, "photos")
        if whole(page.get("total")) is None or not isinstance(page.get("photo"), list):
            raise FetchError(
                "bad-answer",
                f"photos.search, page {number}, counts {str(page.get('total'))!r:.40} photos and "
                "lists them as no list; expected a number and a list: run this again",
            )
        return dict(page)

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One call, tried again while that may help.

        Raises:
            FetchError: `not-found`, `private`, `flickr-CODE` for other final answers, or the last
                transient failure.
            UsageError: the key is not valid. It is in no message.
        """
        for attempt in range(_N_TRIES):
            wait_turn(self.limits, _LIMIT_KEY, self.sleep)
            try:
                return self._once(method, arguments)
            except FetchError as error:
                if attempt == _N_TRIES - 1 or not is_transient(error.reason):
                    raise
            self.sleep(min(2.0**attempt, 30.0))
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        fixed = {"method": method, "api_key": self.key, "format": "json", "nojsoncallback": "1"}
        failure = ""
        try:
            status, headers, data = self._ask(urlencode({**arguments, **fixed}))
        except FetchError as error:  # it names the service alone, not the question
            failure = str(error)
        except (HTTPError, OSError) as error:
            failure = type(error).__name__
        if failure:  # outside the handler: the error's text and chain hold the key
            raise FetchError("timeout", f"{method} got no answer ({failure}); try again later")
        if status in _TRANSIENT_STATUS:
            after = retry_after_s(headers.get("Retry-After", ""))
            if status == 429 or after is not None:
                self.limits.throttled(_LIMIT_KEY, after)
            raise FetchError("busy", f"{method} answered HTTP {status}; try again later")
        self.limits.succeeded(_LIMIT_KEY)
        if 300 <= status < 400:
            where = terminal(without(self.key, headers.get("Location", "").encode()).decode())
            raise FetchError(
                "unparsable",
                f"{method} answered HTTP {status}, a redirect to {where!r:.200}, which the key "
                "does not follow; log in to the network, or name the address of the API by --api",
            )
        return read_answer(method, data, self.key, status)

    def _ask(self, question: str) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of an answer, within its deadline and its length."""
        scheme, netloc, path, _, _ = urlsplit(checked_api(self.url))
        now = time.monotonic()
        bounds = Bounds(_MOST_BYTES, 0.0, _DEADLINE_S)
        with guarded(Guard(True, now + _DEADLINE_S, _CONNECT_S, _STALL_S)):
            response = self.pools.get(scheme, netloc).urlopen(
                "GET",
                f"{path}?{question}",
                headers=_HEADERS,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            try:
                data = b"".join(chunks(response, self.url, bounds, None))
            finally:
                if not response.closed:
                    response.close()
                response.release_conn()
        return response.status, response.headers, data


def _total(page: Mapping[str, Any]) -> int:
    """Photos that a page says the whole search has."""
    return whole(page.get("total")) or 0
