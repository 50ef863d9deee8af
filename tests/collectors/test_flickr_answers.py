"""Answers of Flickr's interface: any part may be missing or of another type."""

from __future__ import annotations

import json

import pytest

from anyres_bench.collectors.flickr_answers import entries, part, read_answer, whole, words
from anyres_bench.core.errors import FetchError, UsageError

KEY = "SECRETKEY0123456789abcdef"


def body(answer: object) -> bytes:
    return json.dumps(answer).encode()


def test_a_key_that_is_echoed_is_taken_out() -> None:
    for said in (KEY, KEY.lower(), f"\x1b[31m{KEY}"):
        answer = {"stat": "fail", "code": 100, "message": f"Invalid API Key ({said})"}
        with pytest.raises(UsageError) as told:
            read_answer("m", body(answer), KEY)
        assert KEY.lower() not in str(told.value).lower()
        assert "\x1b" not in str(told.value)
    answer = {"stat": "ok", "photo": {"title": {"_content": f"my {KEY}"}}}
    assert KEY not in str(read_answer("m", body(answer), KEY))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<p>down", "unparsable"),
        (b"[]", "unparsable"),
        (b"{}", "unparsable"),
        (body({"stat": "maybe"}), "unparsable"),
        (b'{"stat": "ok", "photo": NaN}', "unparsable"),
        (b"[" * 100_000, "unparsable"),
        (body({"stat": "fail", "code": 1, "message": "Photo not found"}), "not-found"),
        (body({"stat": "fail", "code": "2"}), "private"),
        (body({"stat": "fail", "code": 105}), "busy"),
        (body({"stat": "fail", "code": 999}), "flickr-999"),
        (body({"stat": "fail", "code": "x"}), "bad-answer"),
        (body({"stat": "fail"}), "bad-answer"),
    ],
)
def test_what_is_not_well_has_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(FetchError) as told:
        read_answer("flickr.photos.getInfo", data, KEY)
    assert told.value.reason == reason
    assert str(told.value).startswith("flickr.photos.getInfo")
    assert len(str(told.value)) < 400


def test_parts_that_are_not_there_are_empty() -> None:
    answer = {"photo": {"title": {"_content": "a"}, "tags": [1, {"raw": "b"}, None]}}
    assert part(answer, "photo", "title") == {"_content": "a"}
    assert part(answer, "photo", "title", "_content") == {}
    assert part(None, "photo") == part(7) == {}
    assert entries(answer["photo"]["tags"]) == [{"raw": "b"}]
    assert entries({"raw": "b"}) == entries("ab") == entries(None) == []


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), ("-7", -7), (" 7 ", 7), (7.0, 7), (7.5, None), ("7.0", None), (True, None),
     (float("nan"), None), (float("inf"), None), (1 << 63, None), ("9" * 5000, None), ([7], None),
     ("\u0667", None)],
)  # fmt: skip
def test_whole_numbers_are_whole(value: object, number: int | None) -> None:
    assert whole(value) == number


def test_text_can_be_stored_whatever_it_holds() -> None:
    assert words({"_content": {"_content": "a"}}) == ""
    assert words(True) == words(None) == ""
    for odd in ("a\ud800b", "a\0b"):
        words(odd).encode()
