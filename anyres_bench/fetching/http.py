"""One polite, bounded and vetted way to fetch a file; weights and collectors use it.

    polite    token buckets per host shared by all workers, Retry-After, a pause for everybody on
              429, backoff with jitter, a name in User-Agent, opt-out headers honoured
    bounded   a deadline for the whole request, a minimum rate, a byte cap, a redirect cap; bodies
              are asked for as they are, and a compressed one is unpacked within the same cap
    vetted    http and https only, public addresses only, at every redirect (see `addresses`)

A failure is a `FetchError` with a short reason. `is_transient` tells which are worth another try.
"""

from __future__ import annotations

import contextlib
import email.utils
import fcntl
import fnmatch
import http.client
import math
import os
import random
import re
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError, InvalidHeader, ReadTimeoutError, SSLError

from anyres_bench import __version__
from anyres_bench.core.enclosure import create_regular
from anyres_bench.core.errors import FetchError
from anyres_bench.core.files import sha256_file
from anyres_bench.core.reporting import progress
from anyres_bench.fetching.addresses import (
    Guard,
    Pools,
    check_url,
    guarded,
    host_of,
)
from anyres_bench.fetching.bodies import Bounds, Expect, PartialFile, Watch, chunks, declared_length
from anyres_bench.fetching.limits import Limits, TokenBuckets, wait_turn

AGENT = "anyres-bench"
USER_AGENT = f"{AGENT}/{__version__} (collects images for research; honours X-Robots-Tag)"
_HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Accept": "*/*"}

_LONGEST_HEADER = 1000  # characters that are kept
_REDIRECTS = (301, 302, 303, 307, 308)
_TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504)
_TRANSIENT = {f"http-{status}" for status in _TRANSIENT_STATUS} | {
    "busy", "connect", "disconnected", "dns-temporary", "incomplete", "paused", "stopped",
    "timeout", "unparsable",
}  # fmt: skip
_OPT_OUTS = {"noai", "noimageai", "noindex", "noimageindex", "none"}
_WITH_VALUE = {"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"}
# Where hosts redirect to instead of saying that a picture is gone.
PLACEHOLDERS = ("*/photo_unavailable*", "*/photo_unavailable/*", "*imgur.com/removed.png*")


def is_transient(reason: str) -> bool:
    """Whether a later try may succeed where this one failed for `reason`."""
    return reason in _TRANSIENT


@dataclass(frozen=True, slots=True)
class Policy:
    """How far one fetch may go.

    Attributes:
        connect_s, stall_s: longest wait for a connection, and for the next byte, in seconds.
        deadline_s: longest time of one try from its first byte sent to its last received.
        min_bytes_per_s: slower bodies are given up, measured after `grace_s`.
        max_bytes: longest body, after unpacking.
        max_redirects: hops; each is vetted and paced like a first request.
        n_retries: further tries after a transient failure.
        backoff_s: pause before the first of them, doubled with each, half of it random.
        longest_wait_s: a pause longer than this ends the fetch, for the caller to come back to.
        honour_opt_out: refuse what X-Robots-Tag or TDM-Reservation withholds; for images.
        placeholders: patterns of redirect targets that stand for "gone".
        ports: that URLs may name.
        allow_private: reach loopback and private addresses and any port too; for tests.
    """

    connect_s: float = 10.0
    stall_s: float = 30.0
    deadline_s: float = 180.0
    min_bytes_per_s: float = 1024.0
    grace_s: float = 10.0
    max_bytes: int = 256 << 20
    max_redirects: int = 5
    n_retries: int = 3
    backoff_s: float = 0.5
    longest_wait_s: float = 60.0
    honour_opt_out: bool = True
    placeholders: tuple[str, ...] = PLACEHOLDERS
    ports: tuple[int, ...] = (80, 443)
    allow_private: bool = False

    def guard(self) -> Guard:
        """What the connections of a request that starts now must keep to."""
        deadline = time.monotonic() + self.deadline_s
        return Guard(self.allow_private, deadline, self.connect_s, self.stall_s)

    def bounds(self) -> Bounds:
        """How much may come, and how slowly."""
        return Bounds(self.max_bytes, self.min_bytes_per_s, self.grace_s)


@dataclass(frozen=True)
class Fetched:
    """What came: the file's digest and length, and what the server said of it.

    Attributes:
        url: the last hop.
        fetched_at: seconds since 1970, UTC.
    """

    sha256: str
    n_bytes: int
    url: str
    status: int
    content_type: str
    etag: str
    last_modified: str
    fetched_at: float

    def plain(self) -> dict[str, Any]:
        """Its fields, which are JSON values already."""
        return dict(vars(self))


class Fetcher:
    """Fetches files over kept-alive connections; one for all threads of a run.

    Args:
        policy: how far one fetch may go.
        limits: what paces requests, by host; without it nothing is paced.
        stop: when set, waits end and fetches fail with `stopped`.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        limits: Limits | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.policy = policy or Policy()
        self.limits = limits or TokenBuckets()
        self.stop = stop or threading.Event()
        self._pools = Pools()

    def fetch(
        self,
        url: str,
        path: Path,
        expect: Expect | None = None,
        resume: bool = False,
        watch: Watch | None = None,
    ) -> Fetched:
        """Fetch `url` into `path`, which appears whole or not at all.

        Args:
            url: http or https.
            path: the file to (re)place; its folder exists.
            expect: what is known of the file.
            resume: keep what came of a failed try beside `path` and go on from there.
            watch: is told the bytes so far, and of how many where that is known.

        Raises:
            FetchError: after the last try, or at once where another could not help.
        """
        part = PartialFile(Path(path), url, resume)
        try:
            for attempt in range(self.policy.n_retries):
                try:
                    return self._try(url, part, expect or Expect(), watch)
                except FetchError as error:
                    if error.reason == "paused" or not is_transient(error.reason):
                        raise
                self._sleep(self.policy.backoff_s * 2**attempt * random.uniform(0.5, 1.0))
            return self._try(url, part, expect or Expect(), watch)
        except BaseException:
            part.give_up()
            raise

    def close(self) -> None:
        """Close all connections."""
        self._pools.close()

    def _try(self, url: str, part: PartialFile, expect: Expect, watch: Watch | None) -> Fetched:
        """One try: all hops and the body."""
        headers = {**_HEADERS, **part.resuming_headers()}
        for _ in range(self.policy.max_redirects + 1):
            url = check_url(url, self.policy.allow_private, self.policy.ports)
            wait_turn(self.limits, host_of(url), self._sleep, self.policy.longest_wait_s)
            guard = self.policy.guard()
            with guarded(guard), _plain_errors(url, guard), self._ask(url, headers) as response:
                if response.status not in _REDIRECTS:
                    self._check(response, url, part)
                    return self._receive(response, url, part, expect, watch)
                url = self._redirected(response, url)
        raise FetchError("too-many-redirects", f"more than {self.policy.max_redirects}, last {url}")

    @contextlib.contextmanager
    def _ask(self, url: str, headers: Mapping[str, str]) -> Iterator[BaseHTTPResponse]:
        """The answer's head; its connection is kept only when the body was read to the end."""
        scheme, netloc, path, query, _ = urlsplit(url)
        target = f"{path}?{query}" if query else path
        response = self._pools.get(scheme, netloc).urlopen(
            "GET", target, headers=headers, redirect=False, retries=False, preload_content=False
        )
        try:
            yield response
        finally:
            if not response.closed:
                response.close()
            response.release_conn()

    def _redirected(self, response: BaseHTTPResponse, url: str) -> str:
        location = response.headers.get("Location")
        if not location:
            raise FetchError("bad-redirect", f"{url} redirects without saying where to")
        with contextlib.suppress(UnicodeError):  # hosts write UTF-8, http.client reads Latin-1
            location = location.encode("latin-1").decode()
        try:
            target = urljoin(url, location)
        except ValueError as error:
            told = f"{url} redirects to {location!r:.200}, which is no URL: {error}"
            raise FetchError("bad-redirect", told) from error
        if any(fnmatch.fnmatch(target, pattern) for pattern in self.policy.placeholders):
            raise FetchError("placeholder", f"{url} is gone: {target} stands in its place")
        return target

    def _check(self, response: BaseHTTPResponse, url: str, part: PartialFile) -> None:
        """Refuse what is no answer, or one that its owner withholds."""
        host, status, headers = host_of(url), response.status, response.headers
        if status == 416:
            part.discard()
            raise FetchError("incomplete", f"{host} cannot go on with {url}; starting over")
        if status in (429, 503):
            after = retry_after_s(headers.get("Retry-After", ""))
            if status == 429 or after is not None:
                self.limits.throttled(host, after)
        if status not in (200, 206):
            reason = "empty" if status == 204 else f"http-{status}"
            raise FetchError(reason, f"{host} answered {status} {response.reason or ''} for {url}")
        self.limits.succeeded(host)
        if self.policy.honour_opt_out and (words := opt_outs(headers.getlist("X-Robots-Tag"))):
            raise FetchError("opted-out", f"{url} is withheld by X-Robots-Tag: {', '.join(words)}")
        if self.policy.honour_opt_out and headers.get("TDM-Reservation", "").strip() == "1":
            raise FetchError("opted-out", f"{url} is withheld by TDM-Reservation: 1")

    def _receive(
        self,
        response: BaseHTTPResponse,
        url: str,
        part: PartialFile,
        expect: Expect,
        watch: Watch | None,
    ) -> Fetched:
        part.begin(response, url)
        resumed = part.offset > 0
        bounds = self.policy.bounds()
        coming = declared_length(response, url, bounds)
        total = None if coming is None else part.offset + coming
        part.receive(chunks(response, url, bounds, coming), expect.accept, watch, total)
        return Fetched(
            sha256=part.place(expect, url, resumed),
            n_bytes=part.offset,
            url=url,
            status=response.status,
            content_type=_header(response, "Content-Type"),
            etag=_header(response, "ETag"),
            last_modified=_header(response, "Last-Modified"),
            fetched_at=time.time(),
        )

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise FetchError("stopped", "the run was stopped; the same command goes on")


def download(
    url: str,
    path: Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    n_bytes: int | None = None,
    allow_private: bool = False,
) -> Path:
    """Fetch one large file, going on where an earlier try ended; a file that is there is kept.

    Args:
        url: http or https.
        path: where to put it; missing folders are made. Processes that want it at once take turns.
        sha256, md5, n_bytes: what the file must be.
        allow_private: reach loopback and private addresses and any port too; for tests.

    Raises:
        FetchError: it cannot be had, or is not the expected file; nothing is at `path` then.
    """
    path, expect = Path(path), Expect(sha256, md5, n_bytes)
    policy = Policy(
        deadline_s=math.inf,
        max_bytes=1 << 50 if n_bytes is None else n_bytes,
        honour_opt_out=False,
        placeholders=(),
        allow_private=allow_private,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.with_name(f".{path.name}.lock")):
        if not (path.is_file() and expect.problem(path, sha256_file(path)) is None):
            with (
                _watched(path.name, n_bytes) as watch,
                contextlib.closing(Fetcher(policy)) as fetcher,
            ):
                fetcher.fetch(url, path, expect, resume=True, watch=watch)
    return path


def opt_outs(lines: Iterable[str]) -> list[str]:
    """The words of X-Robots-Tag lines that withhold a picture from us.

    A line may begin with the name of the robot that it is for; `max-snippet: 3` and its like are
    no such names.

    >>> opt_outs(["max-image-preview:large, noai", "otherbot: noindex"])
    ['noai']
    """
    words = []
    for line in lines:
        ours = True
        for item in line.lower().split(","):
            name, colon, rest = item.strip().partition(":")
            # A date may hold a comma, and what is behind that a colon; no robot's name has a space.
            if colon and name not in _WITH_VALUE and not re.search(r"\s", name.strip()):
                ours, name = name.strip() in (AGENT, "*"), rest.strip()
            if ours and name in _OPT_OUTS:
                words.append(name)
    return words


@contextlib.contextmanager
def _plain_errors(url: str, guard: Guard) -> Iterator[None]:
    """What urllib3 and the sockets raise inside becomes a FetchError."""
    try:
        yield
    except HTTPError as error:  # not OSError: a full disk is no fault of the host
        if time.monotonic() >= guard.deadline:
            raise FetchError("deadline", f"{url} took longer than allowed; gave up") from error
        if isinstance(error, InvalidHeader):
            raise FetchError("bad-length", f"{url} contradicts itself: {error}") from error
        causes = (error, error.__cause__, error.__context__)
        if any(isinstance(cause, TimeoutError | ReadTimeoutError) for cause in causes):
            silent = f"{host_of(url)} was silent for {guard.stall_s:g} s"
            raise FetchError("timeout", f"{silent} over {url}") from error
        if any(isinstance(cause, ssl.SSLError | SSLError) for cause in causes):
            raise FetchError("tls", f"{host_of(url)} has no valid certificate: {error}") from error
        if any(isinstance(cause, http.client.IncompleteRead) for cause in causes):
            raise FetchError("incomplete", f"{url} ended too early: {error}") from error
        raise FetchError("disconnected", f"{host_of(url)} broke off over {url}: {error}") from error


def _header(response: BaseHTTPResponse, name: str) -> str:
    """A header as it is kept: what is longer than any sensible one is cut."""
    return response.headers.get(name, "")[:_LONGEST_HEADER]


def retry_after_s(text: str) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or a date; None without one."""
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", text):
        return float(text)
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, LookupError, OverflowError, OSError):  # of dates that are none
        return None


@contextlib.contextmanager
def _alone(lock_path: Path) -> Iterator[None]:
    """Wait until no other process is inside with the same lock file."""
    try:
        lock = os.fdopen(create_regular(lock_path, os.O_RDWR), "r+b")
    except OSError as error:
        raise FetchError("lock", f"{lock_path} cannot be used ({error}); remove it") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _watched(name: str, n_bytes: int | None) -> Iterator[Watch]:
    """What tells how many bytes of a file have come."""
    with progress(name, n_bytes, unit="B") as bar:
        told = 0

        def watch(so_far: int, total: int | None) -> None:
            nonlocal told
            if total is not None:
                bar.expect(total)
            bar.update(so_far - told)
            told = so_far

        yield watch
