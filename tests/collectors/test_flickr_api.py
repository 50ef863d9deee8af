"""The Flickr client against a server that speaks the same."""

from __future__ import annotations

import contextlib
import email.utils
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from anyres_bench.collectors import flickr_api
from anyres_bench.collectors.flickr_api import (
    DEFAULT_ALLOWED,
    FlickrApi,
    checked_api,
    licence_of,
    rates,
)
from anyres_bench.core.errors import FetchError, UsageError
from anyres_bench.core.reporting import report_to
from anyres_bench.fetching.limits import TokenBuckets
from tests.collectors.doubles import FlickrDouble, Photo, serving
from tests.reporters import Recorder
from tests.servers import Handler, ImageHost, serve

KEY = "SECRETKEY0123456789abcdef"
FAULTS = ["", "gone", "private", "busy-once", "unparsable-once", "throttled-once"]


@pytest.fixture
def double() -> Iterator[FlickrDouble]:
    photos = [Photo(f"{1000 + i}", 1200, 900, fault=fault) for i, fault in enumerate(FAULTS)]
    with FlickrDouble(photos).run() as running:
        yield running


def client(double: FlickrDouble, **options: Any) -> FlickrApi:
    options = {"limits": TokenBuckets(), "sleep": lambda seconds: None, **options}
    return FlickrApi(double.key, double.api, **options)


@pytest.mark.parametrize("photo", ["1000", "1003", "1004", "1005"])
def test_passing_trouble_is_tried_again(double: FlickrDouble, photo: str) -> None:
    labels = [entry["label"] for entry in client(double).sizes(photo)]
    assert labels == ["Square", "Medium", "Large", "Original"]
    assert double.calls["getSizes"] == (1 if photo == "1000" else 2)


@pytest.mark.parametrize(
    ("photo", "reason"), [("1001", "not-found"), ("1002", "private"), ("5555", "not-found")]
)
def test_final_answers_are_not_repeated(double: FlickrDouble, photo: str, reason: str) -> None:
    with pytest.raises(FetchError) as caught:
        client(double).info(photo)
    assert caught.value.reason == reason
    assert double.calls["getInfo"] == 1


def test_the_key_is_never_shown(double: FlickrDouble) -> None:
    secret = "s3cr3t" * 5
    wrong = FlickrApi(secret, double.api, TokenBuckets(), lambda s: None)
    closed = FlickrApi(secret, "http://127.0.0.1:9/", TokenBuckets(), lambda s: None)
    for api, kind in ((wrong, UsageError), (closed, FetchError)):
        assert secret not in repr(api)
        with pytest.raises(kind) as caught:
            api.info("1000")
        error: BaseException | None = caught.value
        while error is not None:
            assert secret not in f"{error!r} {error}"
            error = error.__cause__ or error.__context__


def test_searches_are_split_until_all_of_them_shows() -> None:
    start = 1_400_000_000
    photos = [Photo(str(10_000 + i), 800, 600, uploaded=start + 7 * i) for i in range(9_000)]
    with FlickrDouble(photos).run() as double:
        found = list(client(double).search({"text": "x"}, start, start + 100_000))
    assert sorted(int(photo["id"]) for photo in found) == [10_000 + i for i in range(9_000)]


def test_calls_are_paced() -> None:
    waits: list[float] = []
    with FlickrDouble([Photo("1000", 900, 900)]).run() as double:
        api = FlickrApi(double.key, double.api, sleep=waits.append)
        for _ in range(3):
            api.sizes("1000")
    assert len(waits) == 2, "the first may call at once"
    assert 1.5 < waits[-1] <= 2.0


def test_a_calls_rate_has_an_end() -> None:
    for never in (0, -4):
        with pytest.raises(UsageError, match=f"{never} calls an hour; expected 1 or more"):
            rates(never)


@pytest.mark.parametrize("url", ["flickr", "ftp://h/x", "http:///x", "http://h/?a=b", "http://a@h"])
def test_an_address_that_is_none_is_no_service_that_is_down(url: str) -> None:
    with pytest.raises(UsageError, match=r"no address of an API.+such as https://api.flickr"):
        checked_api(url)
    with pytest.raises(UsageError):
        FlickrApi(KEY, url, TokenBuckets(), lambda s: None).info("1000")


def answered(answer: Any, **options: Any) -> Any:
    """What becomes of a call that a server answers so."""
    with serving(answer) as url:
        api = FlickrApi(KEY, url, TokenBuckets(), lambda s: None, **options)
        return api.info("1000")


@pytest.mark.parametrize(
    ("status", "headers", "body", "told"),
    [
        (200, {}, b"<html>Sign in to WiFi", "HTTP 200 and 21 bytes that begin '<html>Sign in"),
        (403, {}, b"<html>" + KEY.encode(), r"HTTP 403 and .+\[key\]"),
        (200, {}, b'jsonFlickrApi({"stat": "ok"})', "begin 'jsonFlickrApi"),
        (200, {}, b"", "HTTP 200 and nothing; expected JSON"),
        (
            302,
            {"Location": f"https://portal/?api_key={KEY.lower()}"},
            b"",
            r"HTTP 302, .+portal.+\[key\]",
        ),
    ],
)
def test_what_is_no_answer_is_told(
    status: int, headers: dict[str, str], body: bytes, told: str
) -> None:
    with pytest.raises(FetchError, match=told) as caught:
        answered(lambda path, query: (status, headers, body))
    assert caught.value.reason == "unparsable"
    assert KEY.lower() not in str(caught.value).lower()


def test_an_answer_about_another_photo_gives_no_licence() -> None:
    other = {"stat": "ok", "photo": {"id": "1001", "license": "9"}}
    with pytest.raises(FetchError, match="getInfo of photo 1000 describes photo '1001'"):
        answered(lambda path, query: (200, {}, json.dumps(other).encode()))


@pytest.mark.parametrize("code", [96, 98, 111, 112, 116])
def test_what_holds_for_every_call_is_no_photos_fate(code: int) -> None:
    told = {"stat": "fail", "code": code, "message": "x"}
    with pytest.raises(UsageError, match=f"Flickr says {code}: x; that holds for every photo"):
        answered(lambda path, query: (200, {}, json.dumps(told).encode()))


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_may_be_a_date(status: int) -> None:
    at = email.utils.formatdate(time.time() + 1000, usegmt=True)
    limits = TokenBuckets()
    with serving(lambda path, query: (status, {"Retry-After": at}, b"")) as url:
        api = FlickrApi(KEY, url, limits, lambda s: None)
        with pytest.raises(FetchError, match="try again later"):
            api._once("m", {})
    assert 900 < limits.paused_for("flickr-api") < 1001


def test_strikes_are_forgotten_with_the_next_answer() -> None:
    clock = [0.0]
    limits = TokenBuckets(clock=lambda: clock[0])
    answers = [(429, {}, b""), (200, {}, b'{"stat": "ok"}')] * 3
    with serving(lambda path, query: answers.pop(0)) as url:
        api = FlickrApi(KEY, url, limits, lambda s: clock.__setitem__(0, clock[0] + s))
        pauses = []
        for _ in range(3):
            with contextlib.suppress(FetchError):
                api._once("m", {})
            pauses.append(limits.paused_for("flickr-api"))
            clock[0] += 100.0
            api._once("m", {})
    assert pauses == [5.0] * 3


@pytest.mark.parametrize("drips", ["headers", "body"])
def test_an_answer_that_drips_ends_at_its_deadline(
    monkeypatch: pytest.MonkeyPatch, drips: str
) -> None:
    monkeypatch.setattr(flickr_api, "_DEADLINE_S", 0.3)
    monkeypatch.setattr(flickr_api, "_N_TRIES", 1)
    body = b'{"stat": "ok", "photo": {"id": "1000"}}'

    def dripping(h: Handler) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX: y" % len(body)
        at_once, slowly = (b"", head) if drips == "headers" else (head + b"\r\n\r\n", body)
        h.wfile.write(at_once)
        for byte in slowly:
            h.wfile.write(bytes([byte]))
            h.wfile.flush()
            time.sleep(0.02)
        h.wfile.write(b"\r\n\r\n" + body)

    with serve(ImageHost(default=dripping)) as host:
        api = FlickrApi(KEY, host.url("/"), TokenBuckets(), lambda s: None)
        with pytest.raises(FetchError, match="got no answer"):
            api.info("1000")


def _search(pages: dict[int, Any]) -> list[str]:
    def answer(path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        body = {"stat": "ok", "photos": pages[int(query["page"])]}
        return 200, {}, json.dumps(body).encode()

    with serving(answer) as url:
        found = FlickrApi(KEY, url, TokenBuckets(), lambda s: None).search({}, 0, 9)
        return [str(photo["id"]) for photo in found]


def _shown(numbers: range) -> list[dict[str, str]]:
    return [{"id": str(number)} for number in numbers]


def test_a_count_that_grows_between_pages_has_more_pages() -> None:
    pages = {
        1: {"total": 501, "photo": _shown(range(500))},
        2: {"total": "1001", "photo": _shown(range(500, 1000))},
        3: {"total": "1001", "photo": _shown(range(999, 1001))},
    }
    assert _search(pages) == [str(number) for number in range(1001)]


def test_photos_that_a_search_counts_and_does_not_show_are_told() -> None:
    recorder = Recorder()
    pages = {1: {"total": 900, "photo": _shown(range(500))}, 2: {"total": 900, "photo": []}}
    with report_to(recorder):
        assert len(_search(pages)) == 500
    assert recorder.said == [
        "the search counts 900 photos and shows 500: the others are hidden, or left out by "
        "Flickr; --refresh asks again"
    ]
    assert _search({1: {"total": 0, "photo": _shown(range(3))}}) == ["0", "1", "2"]


def test_a_service_that_passes_over_dates_is_not_asked_for_every_second() -> None:
    with pytest.raises(FetchError, match="counts 4100 photos from 0 to 9, and as many in each"):
        _search({1: {"total": 4100, "photo": []}})


@pytest.mark.parametrize(
    "page", [{}, {"total": "1,234", "photo": []}, {"total": 3, "photo": {}}, {"total": 3}]
)
def test_a_page_without_a_count_or_a_list_is_no_empty_search(page: dict[str, Any]) -> None:
    with pytest.raises(FetchError, match=r"photos\.search, page 1, counts .+ expected a number"):
        _search({1: page})


def test_licences() -> None:
    assert licence_of("4").spdx == "CC-BY-2.0"
    assert licence_of(16).spdx == "CC-BY-NC-ND-4.0"
    assert not licence_of(6).derivatives
    assert licence_of(99).spdx == "flickr-99"
    assert not licence_of(0).derivatives
    assert "CC-BY-NC-2.0" not in DEFAULT_ALLOWED
    assert len(DEFAULT_ALLOWED) == 8
