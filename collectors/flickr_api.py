"""Flickr's REST interface: paced, retried, and silent about the key.

Source: flickr.com/services/api; what it answers in practice is in docs/collecting.md.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from anyres_bench.collectors.flickr_answers import entries, part, read_answer, whole, words
from anyres_bench.core.errors import FetchError, UsageError
from anyres_bench.fetching.http import USER_AGENT
from anyres_bench.fetching.limits import Limits, Rate, TokenBuckets, wait_turn

API_URL = "https://api.flickr.com/services/rest/"
KEY_VARIABLE = "FLICKR_API_KEY"
PER_HOUR = 3600  # calls a key may make
PER_PAGE = 500  # photos an answer of a search holds, at most
REAL_RESULTS = 4000  # photos a search shows, at most; later pages repeat
_LIMIT_KEY = "flickr-api"
_TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}
_N_TRIES = 5
_TIMEOUT_S = (10.0, 30.0)  # for a connection, and for the next bytes
_DEADLINE_S = 120.0  # for a whole answer
_MOST_BYTES = 16 << 20  # of an answer; a page of a search has one or two
_CHUNK = 1 << 16


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


def has_key(path: Path | None) -> bool:
    """Whether a key was named at all."""
    return path is not None or bool(os.environ.get(KEY_VARIABLE, "").strip())


def read_key(path: Path | None) -> str:
    """The API key, from a file that only its owner can read, or from the environment.

    Raises:
        UsageError: there is no key, or others can read the file.
    """
    if path is None:
        key = os.environ.get(KEY_VARIABLE, "").strip()
        if not key:
            raise UsageError(
                f"Flickr wants an API key (flickr.com/services/apps/create): set {KEY_VARIABLE}, "
                "or write it to a file of mode 600 and name that with --key-file"
            )
        return key
    try:
        mode = path.stat().st_mode
        key = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"the key file {path} cannot be read: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"others may read the key file {path}; run: chmod 600 {path}")
    if not key:
        raise UsageError(f"the key file {path} is empty")
    return key


def rates(calls_per_hour: int = PER_HOUR) -> dict[str, Rate]:
    """How often the interface may be called."""
    return {_LIMIT_KEY: Rate(calls_per_hour / 3600)}


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
        sessions: connections, one session a thread; copies of a client share them.
    """

    key: str = field(repr=False)
    url: str = API_URL
    limits: Limits = field(default_factory=_hourly)
    sleep: Callable[[float], None] = time.sleep
    sessions: threading.local = field(default_factory=threading.local, repr=False)

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
            FetchError: `not-found`, `private` or another final answer.
        """
        answer = self.call("flickr.photos.getInfo", photo_id=photo_id)
        photo = answer.get("photo")
        if not isinstance(photo, dict):
            raise FetchError("bad-answer", f"getInfo of photo {photo_id} describes no photo")
        return photo

    def search(
        self, query: Mapping[str, Any], first: int, last: int
    ) -> Iterator[Mapping[str, Any]]:
        """All photos of a query that were uploaded from `first` to `last`, each once.

        A search shows no more than its first 4,000 results, so the window is halved until it holds
        fewer; one second that holds more is taken as far as it shows.

        Args:
            query: arguments of `flickr.photos.search`.
            first, last: seconds since 1970, both included.
        """
        window = {**query, "min_upload_date": first, "max_upload_date": last}
        page = self._page(window, 1)
        total = whole(page.get("total")) or 0
        if total >= REAL_RESULTS and last > first:
            middle = (first + last) // 2
            yield from self.search(query, first, middle)
            yield from self.search(query, middle + 1, last)
            return
        seen: set[str] = set()
        n_pages = -(-min(total, REAL_RESULTS) // PER_PAGE)
        for number in range(1, n_pages + 1):
            page = page if number == 1 else self._page(window, number)
            for photo in entries(page.get("photo")):
                if (name := words(photo.get("id"))) not in seen:
                    seen.add(name)
                    yield photo

    def _page(self, window: Mapping[str, Any], number: int) -> dict[str, Any]:
        answer = self.call("flickr.photos.search", **window, per_page=PER_PAGE, page=number)
        page = answer.get("photos")
        if not isinstance(page, dict):
            raise FetchError("bad-answer", "photos.search lists no photos")
        return page

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
                if error.reason not in ("busy", "timeout", "unparsable"):
                    raise
                if attempt == _N_TRIES - 1:
                    raise
            self.sleep(min(2.0**attempt, 30.0))
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        fixed = {"method": method, "api_key": self.key, "format": "json", "nojsoncallback": "1"}
        failure = ""
        try:
            with self._session().get(
                self.url,
                params={**arguments, **fixed},
                timeout=_TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as response:
                status, headers, data = response.status_code, response.headers, _body(response)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            failure = type(error).__name__
        if failure:  # outside the handler: the error's text and chain hold the key
            raise FetchError("timeout", f"{method} got no answer ({failure}); try again later")
        if status in _TRANSIENT_STATUS:
            if status == 429:
                after = headers.get("Retry-After", "")
                self.limits.throttled(_LIMIT_KEY, float(after) if after.isdecimal() else None)
            raise FetchError("busy", f"{method} answered HTTP {status}")
        return read_answer(method, data, self.key)

    def _session(self) -> requests.Session:
        """One session a thread."""
        if not hasattr(self.sessions, "session"):
            session = requests.Session()
            session.trust_env = False
            session.headers["User-Agent"] = USER_AGENT
            self.sessions.session = session
        session_of_thread: requests.Session = self.sessions.session
        return session_of_thread


def _body(response: requests.Response) -> bytes:
    """The answer's bytes; those beyond any answer's length are left, and so is one that drips."""
    data, end = b"", time.monotonic() + _DEADLINE_S
    for chunk in response.iter_content(_CHUNK):
        data += chunk
        if len(data) > _MOST_BYTES or time.monotonic() > end:
            raise requests.ConnectionError("the answer is too long")
    return data
