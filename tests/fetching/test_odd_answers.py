"""Answers that no sound host gives are one candidate's fate: a reason, and the run goes on."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.urls import Urls
from anyres_bench.core.errors import FetchError
from anyres_bench.fetching.http import Fetcher, Policy, download, retry_after_s
from tests.fuzz import fuzz, replay
from tests.servers import photo


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([*lines, b"", b""])


def ok(body: bytes, *lines: bytes) -> bytes:
    return head(b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *lines) + body


JPEG = photo(1)
NINES = b"9" * 5000
ANSWERS = {
    "location-bracket": head(b"HTTP/1.1 302 F", b"Location: http://["),
    "location-bracket-2": head(b"HTTP/1.1 302 F", b"Location: //[::1"),
    "location-nfkc": head(b"HTTP/1.1 302 F", "Location: http://a℀b/".encode()),
    "location-port": head(b"HTTP/1.1 302 F", b"Location: http://a:99999999999/"),
    "location-long": head(b"HTTP/1.1 302 F", b"Location: http://a/" + b"x" * 60_000),
    "location-unix": head(b"HTTP/1.1 302 F", b"Location: http+unix://%2Fvar%2Frun/"),
    "retry-year": head(b"HTTP/1.1 429 T", b"Retry-After: Fri, 31 Dec 99999999999 23:59:59 GMT"),
    "retry-year-1": head(b"HTTP/1.1 429 T", b"Retry-After: Mon, 01 Jan 0001 00:00:00 -0000"),
    "retry-zone": head(b"HTTP/1.1 503 T", b"Retry-After: Fri, 31 Dec 9999 23:59:59 +9999"),
    "retry-nines": head(b"HTTP/1.1 429 T", b"Retry-After: " + NINES),
    "range-nines": head(b"HTTP/1.1 206 P", b"Content-Range: bytes " + NINES + b"-") + b"abc",
    "range-part": head(
        b"HTTP/1.1 206 P", b"Content-Range: bytes 0-2/900", b"Content-Length: 3"
    ) + b"abc",
    "length-nines": head(b"HTTP/1.1 200 OK", b"Content-Length: " + NINES) + b"abc",
    "chunk-nines": head(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked") + NINES + b"\r\nabc",
    "chunk-negative": head(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked") + b"-5\r\nabc",
    "status-long": b"HTTP/1.1 999999 X\r\n\r\n",
    "status-none": b"\x00\x01\x02" * 1000,
    "version": b"HTTP/9.9 200 OK\r\n\r\n",
    "packed": ok(b"abc", b"Content-Encoding: \xff\xfe"),
    "many-heads": ok(b"abc", *(b"X-%d: y" % i for i in range(300))),
    "reason": b"HTTP/1.1 404 \x1b]0;owned\x07\r\nContent-Length: 0\r\n\r\n",
}  # fmt: skip
SOUND = {
    "etag-long": ok(JPEG, b'ETag: "' + b"e" * 60_000 + b'"'),
    "etag-bytes": ok(JPEG, b'ETag: "\xff\xfe\xed\xa0\x80"'),
    "etag-folded": ok(JPEG, b'ETag: "a\r\n b"'),
    "type-bytes": ok(JPEG, b"Content-Type: \xed\xa0\x80"),
    "nul": ok(JPEG, b"X-A: a\x00b"),
}


@contextlib.contextmanager
def answering(answers: dict[str, bytes]) -> Iterator[str]:
    """A host that sends these bytes for these paths; its URL."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError, LookupError):
            asked = b""
            while b"\r\n\r\n" not in asked and (more := peer.recv(65536)):
                asked += more
            name = asked.split(b" ")[1].decode("latin-1").strip("/")
            peer.sendall(answers[name])

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listening.accept()
                threading.Thread(target=answer, args=(peer,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()


def test_each_has_a_reason(tmp_path: Path) -> None:
    policy = Policy(allow_private=True, n_retries=0, stall_s=5, longest_wait_s=0.0)
    with answering(ANSWERS) as url:
        for name in ANSWERS:
            with contextlib.closing(Fetcher(policy)) as fetcher, pytest.raises(FetchError) as told:
                fetcher.fetch(f"{url}/{name}", tmp_path / "x")
            assert told.value.reason, name
            assert not list(tmp_path.iterdir()), name


def test_a_run_goes_on(tmp_path: Path) -> None:
    """Twice, because what ended one run ended all later ones."""
    paused = {name for name in ANSWERS if name.startswith("retry")}
    answers = {n: a for n, a in ANSWERS.items() if n not in paused} | SOUND
    with answering(answers) as url:
        (tmp_path / "l.txt").write_text("\n".join(f"{url}/{name}" for name in answers))
        rules = Rules(measure="header", near_duplicates="keep")
        order = Order(Urls(tmp_path / "l.txt"), tmp_path / "out", "u", rules)
        policy = Policy(allow_private=True, n_retries=0, stall_s=5)
        for _ in range(2):
            built = build(order, LocalEngine(ResourceLimits(processes=1, rate=0), policy))
            n_left = sum(built.rejects.values())
            assert n_left + len(built.dataset.manifest) == len(answers)
            assert "fault" not in built.rejects
            assert built.rejects["duplicate"] == len(SOUND) - 1
            assert built.rejects["bad-redirect"] == 3


@pytest.mark.parametrize("text", ["", "x", "-1", "Fri, 31 Dec 99999 23:59:59 GMT", "٣٣", "1e9",
                                  "Fri, 99 Foo 2020", "\x00", "9" * 5000])  # fmt: skip
def test_retry_after_of_no_date(text: str) -> None:
    assert retry_after_s(text) is None


@pytest.mark.parametrize("name", [".w.lock", ".w.part", ".w.part.json"])
def test_links_beside_a_download(tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / name).symlink_to(precious)
    with answering({"w": ok(JPEG)}) as url, contextlib.suppress(FetchError, OSError):
        download(f"{url}/w", tmp_path / "cache" / "w", allow_private=True)
    assert precious.read_text() == "precious"


class _Odd:
    """A host of this process that sends one answer to everybody."""

    answers: dict[str, bytes] = {}
    host: contextlib.AbstractContextManager[str] | None = None
    url = ""

    @classmethod
    def fetch(cls, data: bytes, folder: Path) -> None:
        if cls.host is None:
            cls.host = answering(cls.answers)
            cls.url = cls.host.__enter__()
        cls.answers["x"] = data
        policy = Policy(
            *(1.0, 0.3, 1.0), allow_private=True, n_retries=0, longest_wait_s=0.0, max_redirects=1
        )
        with contextlib.closing(Fetcher(policy)) as fetcher:
            fetcher.fetch(f"{cls.url}/x", folder / "x")


@pytest.mark.slow
def test_fuzz_answers(tmp_path: Path) -> None:
    seeds = [*ANSWERS.values(), *SOUND.values()]
    short = [seed for seed in seeds if len(seed) < 20_000]
    assert fuzz("answers", short, lambda data: _Odd.fetch(data, tmp_path), (FetchError,)) > 100


def test_the_corpus_of_answers(tmp_path: Path) -> None:
    start = time.monotonic()
    assert replay("answers", lambda data: _Odd.fetch(data, tmp_path), (FetchError,))
    assert time.monotonic() - start < 120
