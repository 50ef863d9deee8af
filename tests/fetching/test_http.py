"""The fetcher against a real server that fails in every way we know."""

from __future__ import annotations

import hashlib
import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyres_bench.core.errors import FetchError, ImageError
from anyres_bench.fetching import addresses
from anyres_bench.fetching.http import Expect, Fetcher, Policy, download, is_transient, opt_outs
from anyres_bench.fetching.limits import Rate, TokenBuckets
from tests.servers import ImageHost, certificate, failures, photo, raw, redirect, send, serve

QUICK = Policy(
    stall_s=0.8,
    deadline_s=2.0,
    grace_s=0.3,
    max_bytes=4 << 20,
    n_retries=2,
    backoff_s=0.05,
    allow_private=True,
)


@pytest.fixture(scope="module")
def host() -> Iterator[ImageHost]:
    with serve(ImageHost()) as host:
        failures(host)
        yield host


def reason(
    url: str, path: Path, policy: Policy = QUICK, expect: Expect | None = None
) -> str | None:
    """Why a fetch failed; None when it did not. Nothing may be left of a failed one."""
    fetcher = Fetcher(policy)
    try:
        fetched = fetcher.fetch(url, path, expect)
    except FetchError as error:
        assert not list(path.parent.iterdir()), "a failed fetch leaves nothing"
        return error.reason
    finally:
        fetcher.close()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == fetched.sha256
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    return None


@pytest.mark.parametrize(
    ("path", "expected", "hits"),
    [
        ("/good.jpg", None, 1),
        ("/403", "http-403", 1),
        ("/404", "http-404", 1),
        ("/410", "http-410", 1),
        ("/500", "http-500", 3),
        ("/503", "http-503", 3),
        ("/flaky", None, 3),
        ("/reset-before", "disconnected", 3),
        ("/reset-within", "disconnected", 3),
        ("/short-body", "incomplete", 3),
        ("/cut-chunked", "incomplete", 3),
        ("/length-negative", "bad-length", 1),
        ("/length-word", "bad-length", 1),
        ("/length-two", "bad-length", 1),
        pytest.param("/stalled-body", "timeout", 3, marks=pytest.mark.slow),
        pytest.param("/no-headers", "timeout", 3, marks=pytest.mark.slow),
        ("/slow-body", "too-slow", 1),
        ("/slow-headers", "deadline", 1),
        ("/redirect-self", "too-many-redirects", 6),
        ("/redirect-a", "too-many-redirects", 3),
        ("/redirect-302", None, 1),
        ("/redirect-308", None, 1),
        ("/redirect-nowhere", "bad-redirect", 1),
        ("/redirect-file", "scheme", 1),
        ("/redirect-data", "scheme", 1),
        ("/gone", "placeholder", 1),
        ("/endless", "too-many-bytes", 1),
        ("/gzip", None, 1),
        ("/gzip-bomb", "too-many-bytes", 1),
        ("/gzip-cut", "incomplete", 3),
        ("/gzip-lie", "content-encoding", 1),
        ("/brotli", "content-encoding", 1),
        ("/empty", "empty", 1),
        ("/204", "empty", 1),
        ("/robots-noai", "opted-out", 1),
        ("/robots-mixed", "opted-out", 1),
        ("/robots-other", None, 1),
        ("/tdm", "opted-out", 1),
    ],
)
def test_what_a_host_can_do(
    host: ImageHost, tmp_path: Path, path: str, expected: str | None, hits: int
) -> None:
    host.hits.clear()
    start = time.monotonic()
    assert reason(host.url(path), tmp_path / "x.jpg") == expected
    assert host.hits[path] == hits
    assert time.monotonic() - start < 8


def test_hints_before_the_answer_are_passed_over(host: ImageHost, tmp_path: Path) -> None:
    """A 103 was the picture's fate for good."""
    body = host.files["/good.jpg"]
    early = "HTTP/1.1 103 Early Hints\nLink: </a.css>\n\nHTTP/1.1 200 OK\n"
    host.routes["/hints"] = lambda h: raw(h, f"{early}Content-Length: {len(body)}", body)
    assert reason(host.url("/hints"), tmp_path / "x") is None
    assert (tmp_path / "x").read_bytes() == body


def test_a_redirect_that_is_written_in_utf_8(host: ImageHost, tmp_path: Path) -> None:
    host.files["/caf%C3%A9.jpg"] = host.files["/good.jpg"]
    written = "/caf\u00e9.jpg".encode().decode("latin-1")
    host.routes["/utf-8"] = lambda h: raw(h, f"HTTP/1.1 302 Found\nLocation: {written}")
    host.routes["/latin-1"] = lambda h: raw(h, "HTTP/1.1 302 Found\nLocation: /caf\u00e9.jpg")
    for path in ("/utf-8", "/latin-1"):
        (tmp_path / path[1:]).mkdir()
        assert reason(host.url(path), tmp_path / path[1:] / "x") is None


def test_placeholder_is_never_asked_for(host: ImageHost, tmp_path: Path) -> None:
    host.hits.clear()
    assert reason(host.url("/gone"), tmp_path / "x") == "placeholder"
    assert host.hits == {"/gone": 1}


def test_gzip_is_unpacked(host: ImageHost, tmp_path: Path) -> None:
    assert reason(host.url("/gzip"), tmp_path / "x") is None
    assert (tmp_path / "x").read_bytes() == host.files["/good.jpg"]


@pytest.mark.parametrize("path", ["/429", "/429-date"])
def test_retry_after_is_waited_for(host: ImageHost, tmp_path: Path, path: str) -> None:
    host.hits.clear(), host.starts.clear()
    assert reason(host.url(path), tmp_path / "x") is None
    (_, first), (_, second) = host.starts
    assert second - first > 0.9


def test_a_pause_stops_everybody_and_long_ones_are_handed_back(
    host: ImageHost, tmp_path: Path
) -> None:
    limits = TokenBuckets()
    fetcher = Fetcher(QUICK, limits)
    for path in ("/429-forever", "/good.jpg"):
        host.hits.clear()
        with pytest.raises(FetchError) as error:
            fetcher.fetch(host.url(path), tmp_path / "x")
        assert error.value.reason == "paused"
    assert not host.hits, "a paused host is not asked"
    assert limits.paused_for("127.0.0.1") == pytest.approx(6 * 3600, abs=10), "its ceiling"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("file:///etc/hostname", "scheme"),
        ("data:image/png;base64,AAAA", "scheme"),
        ("ftp://example.com/a.jpg", "scheme"),
        ("http://127.0.0.1/a.jpg", "private-address"),
        ("http://localhost/a.jpg", "private-address"),
        ("http://2130706433/a.jpg", "private-address"),
        ("http://0177.0.0.1/a.jpg", "private-address"),
        ("http://0x7f.1/a.jpg", "private-address"),
        ("http://[::1]/a.jpg", "private-address"),
        ("http://[::ffff:8.8.8.8]/a.jpg", "private-address"),
        ("http://[64:ff9b::808:808]/a.jpg", "private-address"),
        ("http://[2002:7f00:1::]/a.jpg", "private-address"),
        ("http://10.1.2.3/a.jpg", "private-address"),
        ("http://169.254.169.254/latest/meta-data", "private-address"),
        ("http://100.64.0.1/a.jpg", "private-address"),
        ("http://0.0.0.0/a.jpg", "private-address"),
        ("http://user:word@example.com/a.jpg", "credentials-in-url"),
        ("http://example.com:8080/a.jpg", "port"),
        ("http:///a.jpg", "bad-url"),
        ("http://exa\nmple.com/", "bad-url"),
        ("http://[::1/a.jpg", "bad-url"),
        ("http://" + "a" * 9000, "bad-url"),
        ("http://no-such-host.invalid/a.jpg", "dns"),
        ("", "scheme"),
    ],
)
def test_urls_that_are_never_connected_to(tmp_path: Path, url: str, expected: str) -> None:
    policy = Policy(n_retries=0)
    got = reason(url, tmp_path / "x", policy)
    assert got == expected or (expected == "dns" and got == "dns-temporary")


def test_every_hop_is_vetted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test can listen on a public address, so one loopback address plays that part."""
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    with serve(ImageHost()) as host:
        host.routes["/a.jpg"] = redirect(f"http://localhost:{host.port}/b.jpg", 301)
        host.routes["/b.jpg"] = redirect(f"http://127.0.0.2:{host.port}/secret", 307)
        policy = Policy(n_retries=0, ports=(host.port,))
        assert reason(host.url("/a.jpg"), tmp_path / "x", policy) == "private-address"
        assert host.hits == {"/a.jpg": 1, "/b.jpg": 1}
        host.routes["/b.jpg"] = redirect(f"http://127.0.0.1:{host.port + 1}/secret")
        assert reason(host.url("/a.jpg"), tmp_path / "x", policy) == "port"


def test_a_name_is_looked_up_once_and_the_vetted_address_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the second answer would be another address, and nobody asks for it."""
    real, asked = socket.getaddrinfo, []

    def rebinding(name: bytes, *rest: object) -> object:
        asked.append(name)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.9", *rest)

    with serve(ImageHost(host="pictures.example")) as host:
        host.files["/a.jpg"] = photo(1)
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        assert reason(host.url("/a.jpg"), tmp_path / "x") is None
        assert asked == [b"pictures.example"]
        assert host.headers[0][1]["Host"] == f"pictures.example:{host.port}"


def test_private_answers_of_a_resolver_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *rest: real("192.168.1.1", *rest))
    policy = Policy(n_retries=0)
    assert reason("http://pictures.example/a.jpg", tmp_path / "x", policy) == "private-address"


def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tls").mkdir()
    (tmp_path / "out").mkdir()
    pem = certificate(tmp_path / "tls")
    with serve(ImageHost(), pem) as host:
        failures(host)
        assert reason(host.url("/good.jpg"), tmp_path / "out" / "x") == "tls"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls" / "cert.pem"))
        assert reason(host.url("/good.jpg"), tmp_path / "out" / "x") is None
        (tmp_path / "out" / "x").unlink()
        assert reason(host.url("/slow-headers"), tmp_path / "out" / "x") == "deadline"
        host.host = "pictures.example"
        monkeypatch.setattr(socket, "getaddrinfo", _loopback())
        assert reason(host.url("/good.jpg"), tmp_path / "out" / "x") == "tls", "another name"


def _loopback() -> object:
    real = socket.getaddrinfo
    return lambda name, *rest: real("127.0.0.1", *rest)


def test_connections_are_kept(host: ImageHost, tmp_path: Path) -> None:
    peers = set()
    body = photo(3)
    host.routes["/peer"] = lambda h: (peers.add(h.client_address), send(h, body))[1]
    fetcher = Fetcher(QUICK)
    for _ in range(5):
        fetcher.fetch(host.url("/peer"), tmp_path / "x")
    fetcher.close()
    assert len(peers) == 1


def test_expectations(host: ImageHost, tmp_path: Path) -> None:
    jpeg = host.files["/good.jpg"]
    url, path = host.url("/good.jpg"), tmp_path / "x"
    md5 = hashlib.md5(jpeg).hexdigest().upper()
    sha256 = hashlib.sha256(jpeg).hexdigest()
    assert reason(url, path, expect=Expect(sha256, md5, len(jpeg))) is None
    path.unlink()
    assert reason(url, path, expect=Expect(md5="0" * 32)) == "digest-mismatch"
    assert reason(url, path, expect=Expect(sha256="0" * 64)) == "digest-mismatch"
    assert reason(url, path, expect=Expect(n_bytes=5)) == "size-mismatch"

    def refuse(head: bytes) -> None:
        raise ImageError("not-an-image", f"{len(head)} bytes were shown")

    with pytest.raises(ImageError, match="512 bytes"):
        Fetcher(QUICK).fetch(url, path, Expect(accept=refuse))
    assert not list(tmp_path.iterdir())


def test_full_disk_is_not_the_hosts_fault(host: ImageHost, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Fetcher(QUICK).fetch(host.url("/good.jpg"), tmp_path / "missing" / "x")


def test_download_goes_on_where_it_was(tmp_path: Path) -> None:
    body = bytes(range(256)) * 4000
    sha256 = hashlib.sha256(body).hexdigest()
    with serve(ImageHost()) as host:

        def cut(h: http.server.BaseHTTPRequestHandler) -> None:
            del host.routes["/w"]
            raw(
                h,
                f'HTTP/1.1 200 OK\nETag: "{_crc(body)}"\nContent-Length: {len(body)}',
                body[:300_000],
            )

        host.routes["/w"], host.files["/w"] = cut, body
        path = tmp_path / "deep" / "w.bin"
        download(host.url("/w"), path, sha256=sha256, allow_private=True)
        assert path.read_bytes() == body
        assert host.headers[1][1]["Range"] == "bytes=300000-"
        assert host.hits["/w"] == 2
        download(host.url("/w"), path, sha256=sha256, allow_private=True)
        assert host.hits["/w"] == 2, "a whole file is not asked for again"


def _crc(body: bytes) -> str:
    import zlib

    return f"{zlib.crc32(body):08x}"


def test_download_starts_over_when_the_file_changed(tmp_path: Path) -> None:
    body = b"new" * 100_000
    with serve(ImageHost()) as host:
        host.files["/w"] = body
        (tmp_path / ".w.part").write_bytes(b"old" * 1000)
        note = {"url": host.url("/w"), "validator": '"other"'}
        (tmp_path / ".w.part.json").write_text(json.dumps(note))
        download(host.url("/w"), tmp_path / "w", allow_private=True)
        assert (tmp_path / "w").read_bytes() == body
        (tmp_path / ".v.part").write_bytes(body)  # killed between the last byte and the rename
        note["validator"] = f'"{_crc(body)}"'
        (tmp_path / ".v.part.json").write_text(json.dumps(note))
        download(host.url("/w"), tmp_path / "v", allow_private=True)
        assert (tmp_path / "v").read_bytes() == body


def test_download_refuses_another_file(tmp_path: Path) -> None:
    with serve(ImageHost()) as host:
        host.files["/w"] = b"not the weights"
        with pytest.raises(FetchError, match="expected 0000") as error:
            download(host.url("/w"), tmp_path / "w", sha256="0" * 64, allow_private=True)
        assert error.value.reason == "digest-mismatch"
        assert not (tmp_path / "w").exists()


def test_downloads_at_once_ask_once(tmp_path: Path) -> None:
    with serve(ImageHost()) as host:
        host.files["/w"] = b"weights" * 1000
        threads = [
            threading.Thread(
                target=download,
                args=(host.url("/w"), tmp_path / "w"),
                kwargs={"allow_private": True},
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert host.hits["/w"] == 1


def test_rate_is_kept_by_all_threads_together(tmp_path: Path) -> None:
    with serve(ImageHost()) as host:
        host.files["/a"] = b"x" * 100
        fetcher = Fetcher(QUICK, TokenBuckets(Rate(per_s=40, burst=2)))

        def work(name: str) -> None:
            for _ in range(4):
                fetcher.fetch(host.url("/a"), tmp_path / name)

        start = time.monotonic()
        threads = [threading.Thread(target=work, args=(f"{i}",)) for i in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        fetcher.close()
        assert host.hits["/a"] == 20
        assert time.monotonic() - start >= (20 - 2) / 40


def test_stop_ends_waits(host: ImageHost, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    fetcher = Fetcher(QUICK, TokenBuckets(Rate(0.001)), stop)
    fetcher.limits.reserve("127.0.0.1")
    with pytest.raises(FetchError) as error:
        fetcher.fetch(host.url("/good.jpg"), tmp_path / "x")
    assert error.value.reason == "stopped"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["noai"], ["noai"]),
        (["NoImageAI, nofollow"], ["noimageai"]),
        (["max-image-preview:large, noai"], ["noai"]),
        (["unavailable_after: 25 Jun 2030 15:00:00 PST", "noindex"], ["noindex"]),
        (["unavailable_after: Friday, 25-Jun-30 15:00:00 PST, noai"], ["noai"]),
        (["googlebot: noindex, noai"], []),
        (["anyres-bench: noai"], ["noai"]),
        (["googlebot: noai", "noimageindex"], ["noimageindex"]),
        (["none"], ["none"]),
        (["all, max-snippet: 3"], []),
        ([], []),
    ],
)
def test_opt_outs(lines: list[str], words: list[str]) -> None:
    assert opt_outs(lines) == words


def test_reasons_worth_another_try() -> None:
    assert all(map(is_transient, ["http-503", "timeout", "incomplete", "http-429"]))
    assert not any(map(is_transient, ["http-404", "too-slow", "private-address", "tls"]))
