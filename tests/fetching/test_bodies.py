"""Bodies of answers: bounded while they come, resumed, and checked before they count."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from pathlib import Path

import pytest
from urllib3 import HTTPResponse

from anyres_bench.core.errors import FetchError
from anyres_bench.fetching.bodies import Bounds, Expect, PartialFile, chunks, declared_length

BODY = bytes(range(256)) * 20
URL = "http://pictures.example/a.jpg"
BOUNDS = Bounds(max_bytes=10_000, min_bytes_per_s=0, grace_s=10)


def answer(body: bytes = BODY, status: int = 200, **headers: str) -> HTTPResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPResponse(
        io.BytesIO(body), named, status, preload_content=False, enforce_content_length=False
    )


def read(response: HTTPResponse, bounds: Bounds = BOUNDS) -> bytes:
    return b"".join(chunks(response, URL, bounds, declared_length(response, URL, bounds)))


def reason_of(response: HTTPResponse, bounds: Bounds = BOUNDS) -> str:
    with pytest.raises(FetchError) as caught:
        read(response, bounds)
    return caught.value.reason


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (BODY, "identity"),
        (gzip.compress(BODY, mtime=0), "gzip"),
        (gzip.compress(BODY, mtime=0), " X-GZIP"),
        (zlib.compress(BODY), "deflate"),
        (gzip.compress(BODY[:99], mtime=0) + gzip.compress(BODY[99:], mtime=0), "gzip"),
        (gzip.compress(BODY, mtime=0) + bytes(99) + b"rest", "gzip"),
    ],
)
def test_bodies_come_unpacked(body: bytes, encoding: str) -> None:
    length = str(len(body))
    assert read(answer(body, Content_Encoding=encoding, Content_Length=length)) == BODY
    assert read(answer(body, Content_Encoding=encoding)) == BODY


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (answer(Content_Length="-1"), "bad-length"),
        (answer(Content_Length="many"), "bad-length"),
        (answer(Content_Length="9" * 19), "bad-length"),
        (answer(Content_Length="10001"), "too-many-bytes"),
        (answer(bytes(10_001)), "too-many-bytes"),
        (answer(gzip.compress(bytes(1 << 20), mtime=0), Content_Encoding="gzip"), "too-many-bytes"),
        (answer(gzip.compress(b"", mtime=0) * 2000, Content_Encoding="gzip"), "too-many-bytes"),
        (
            answer(gzip.compress(BODY, mtime=0) + bytes(40_000), Content_Encoding="gzip"),
            "too-many-bytes",
        ),
        (answer(Content_Length="6000"), "incomplete"),
        (answer(gzip.compress(BODY, mtime=0)[:-9], Content_Encoding="gzip"), "incomplete"),
        (
            answer(gzip.compress(BODY, mtime=0) + b"\x1f\x8b", Content_Encoding="gzip"),
            "incomplete",
        ),
        (answer(BODY, Content_Encoding="gzip"), "content-encoding"),
        (answer(BODY, Content_Encoding="br"), "content-encoding"),
    ],
)
def test_a_broken_bound_ends_the_body(response: HTTPResponse, reason: str) -> None:
    assert reason_of(response) == reason


def test_a_slow_body_is_left() -> None:
    assert reason_of(answer(), Bounds(10_000, min_bytes_per_s=1e12, grace_s=0)) == "too-slow"


def test_whatever_differs_from_what_is_expected_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(BODY)
    sha256, md5 = (hashlib.new(name, BODY).hexdigest() for name in ("sha256", "md5"))
    assert Expect(sha256.upper(), md5.upper(), len(BODY)).problem(path, sha256) is None
    for expect, reason in (
        (Expect(n_bytes=7), "size-mismatch"),
        (Expect(sha256="0" * 64), "digest-mismatch"),
        (Expect(md5="0" * 32), "digest-mismatch"),
    ):
        problem = expect.problem(path, sha256)
        assert problem is not None
        assert problem[0] == reason


def test_a_part_is_gone_on_with_where_the_server_can_tell(tmp_path: Path) -> None:
    path = tmp_path / "w.bin"
    first = PartialFile(path, URL, resume=True)
    assert first.resuming_headers() == {}
    first.begin(answer(ETag='"v1"'), URL)
    first.receive([BODY[:1000]], None)
    again = PartialFile(path, URL, resume=True)
    assert again.resuming_headers() == {"Range": "bytes=1000-", "If-Range": '"v1"'}
    whole = f"bytes 1000-{len(BODY) - 1}/{len(BODY)}"
    again.begin(answer(status=206, Content_Range=whole), URL)
    again.receive([BODY[1000:]], None)
    assert again.place(Expect(), URL, resumed=True) == hashlib.sha256(BODY).hexdigest()
    assert path.read_bytes() == BODY
    assert list(tmp_path.iterdir()) == [path]


def test_a_part_of_another_address_is_fetched_anew(tmp_path: Path) -> None:
    """Files that were put on a server together have one date."""
    first = PartialFile(tmp_path / "w", URL, resume=True)
    first.begin(answer(Last_Modified="Sat, 28 Nov 2026 10:00:00 GMT"), URL)
    first.receive([BODY[:1000]], None)
    assert PartialFile(tmp_path / "w", f"{URL}2", resume=True).resuming_headers() == {}


@pytest.mark.parametrize("part", ["", "bytes 999-5119/5120", "bytes 1000-2000/5120", "bytes */9"])
def test_another_part_than_the_rest_is_refused_and_all_is_fetched_anew(
    tmp_path: Path, part: str
) -> None:
    first = PartialFile(tmp_path / "w", URL, resume=True)
    first.begin(answer(ETag='"v1"'), URL)
    first.receive([BODY[:1000]], None)
    again = PartialFile(tmp_path / "w", URL, resume=True)
    again.resuming_headers()
    with pytest.raises(FetchError, match="another part") as caught:
        again.begin(answer(status=206, Content_Range=part), URL)
    assert caught.value.reason == "incomplete"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("validator", ["W/weak", "", '"a\x7fb"', '"' + "x" * 2000 + '"'])
def test_without_a_sound_validator_all_is_asked_for_again(tmp_path: Path, validator: str) -> None:
    first = PartialFile(tmp_path / "w", URL, resume=True)
    first.begin(answer(ETag=validator), URL)
    first.receive([BODY], None)
    assert PartialFile(tmp_path / "w", URL, resume=True).resuming_headers() == {}


def test_a_wrong_or_empty_file_is_not_placed(tmp_path: Path) -> None:
    for body, resumed, reason in (
        (b"", False, "empty"),
        (b"x", False, "size-mismatch"),
        (b"x", True, "incomplete"),
    ):
        part = PartialFile(tmp_path / "w", URL, resume=False)
        part.begin(answer(), URL)
        part.receive([body], None)
        with pytest.raises(FetchError) as caught:
            part.place(Expect(n_bytes=2), URL, resumed)
        assert caught.value.reason == reason
        part.give_up()
        assert not list(tmp_path.iterdir())


def test_the_first_512_bytes_are_shown_once_however_they_come(tmp_path: Path) -> None:
    for step in (1, 100, 600, 5000):
        shown: list[bytes] = []
        part = PartialFile(tmp_path / "w", URL, resume=False)
        part.receive([BODY[i : i + step] for i in range(0, 1000, step)], shown.append)
        assert shown == [BODY[:512]]
    part.receive([b"short"], shown.append)
    assert shown[-1] == b"short"
