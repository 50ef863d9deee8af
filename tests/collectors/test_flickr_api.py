"""The Flickr client against a server that speaks the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anyres_bench.collectors.flickr_api import (
    DEFAULT_ALLOWED,
    KEY_VARIABLE,
    FlickrApi,
    licence_of,
    read_key,
)
from anyres_bench.core.errors import FetchError, UsageError
from anyres_bench.fetching.limits import TokenBuckets
from tests.collectors.doubles import FlickrDouble, Photo

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


def test_keys_come_from_the_environment_or_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(UsageError, match="set FLICKR_API_KEY"):
        read_key(None)
    monkeypatch.setenv(KEY_VARIABLE, " abc ")
    assert read_key(None) == "abc"
    path = tmp_path / "key"
    path.write_text("def\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match=re.escape(f"chmod 600 {path}")):
        read_key(path)
    path.chmod(0o600)
    assert read_key(path) == "def"
    with pytest.raises(UsageError, match="cannot be read"):
        read_key(tmp_path / "absent")


def test_licences() -> None:
    assert licence_of("4").spdx == "CC-BY-2.0"
    assert licence_of(16).spdx == "CC-BY-NC-ND-4.0"
    assert not licence_of(6).derivatives
    assert licence_of(99).spdx == "flickr-99"
    assert not licence_of(0).derivatives
    assert "CC-BY-NC-2.0" not in DEFAULT_ALLOWED
    assert len(DEFAULT_ALLOWED) == 8
