"""Withdrawn photographs are found out and dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.collectors.flickr_api import FlickrApi
from anyres_bench.collectors.recheck import photo_of, withdrawn
from anyres_bench.data.records import ImageRecord
from anyres_bench.fetching.limits import TokenBuckets
from tests.collectors.doubles import FlickrDouble, Photo

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = [
    Photo("1000", 9, 9),
    Photo("1001", 9, 9, fault="gone"),
    Photo("1002", 9, 9, fault="private"),
    Photo("1003", 9, 9, licence=0),
    Photo("1004", 9, 9, tags=("bird", "no_cv")),
]
EXPECTED = {"1001": "not-found", "1002": "private", "1003": "licence", "1004": "objection"}


def record(photo: str, page: str = "https://www.flickr.com/photos/u/{}/") -> ImageRecord:
    return ImageRecord(
        file_name=f"{photo}.png",
        sha256=photo,
        n_bytes=1,
        height=9,
        width=9,
        source_url=page.format(photo),
        licence_id="CC-BY-2.0",
    )


@pytest.mark.parametrize("photo", [photo.id for photo in PHOTOS])
def test_reasons(photo: str) -> None:
    with FlickrDouble(PHOTOS).run() as double:
        api = FlickrApi(double.key, double.api, TokenBuckets(), lambda seconds: None)
        assert withdrawn(record(photo), api, []) == EXPECTED.get(photo)
        assert withdrawn(record(photo, "https://example.org/{}"), api, []) is None
        assert double.calls["getInfo"] == 1


def test_other_sources_are_no_photos() -> None:
    assert photo_of(record("5", "https://example.org/photos/u/{}")) is None
    assert photo_of(record("5", "http://flickr.com/photos/a@b/{}")) == "5"
    for of_nobody in ("https://www.flickr.com/photo.gne?id={}", "https://flickr.com/photos//{}"):
        assert photo_of(record("5", of_nobody)) == "5"
