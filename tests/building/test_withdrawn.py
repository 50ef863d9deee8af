"""Withdrawn photographs: what is not known is said, and nothing is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anyres_bench.building.withdrawn import recheck
from anyres_bench.collectors import flickr_api
from anyres_bench.collectors.flickr_api import FlickrApi
from anyres_bench.core.errors import FetchError
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import ImageRecord, Manifest
from anyres_bench.fetching.limits import TokenBuckets
from tests.collectors.doubles import serving

KEY = "SECRETKEY0123456789abcdef"


def body(answer: object) -> bytes:
    return json.dumps(answer).encode()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flickr_api, "_N_TRIES", 1)
    monkeypatch.setenv("FLICKR_API_KEY", KEY)


def _photos(n: int) -> Iterator[ImageRecord]:
    for i in range(n):
        yield ImageRecord(
            file_name=f"{i}.jpg", sha256=f"{i:064}", n_bytes=1, height=1, width=1,
            source_url=f"https://www.flickr.com/photos/a/{i}", licence_id="CC-BY-2.0",
        )  # fmt: skip


def test_recheck_counts_what_is_not_known(quick: None, tmp_path: Path) -> None:
    objecting = {"id": 4, "license": "4", "tags": {"tag": [{"raw": "no_cv"}]}}
    answers: dict[str, Any] = {
        "0": {"stat": "ok", "photo": {"id": "0", "license": 4}},
        "1": {"stat": "ok", "photo": {"id": "1", "license": "x"}},
        "2": {"stat": "fail", "code": 1},
        "3": {"stat": "fail", "code": "abc"},
        "4": {"stat": "ok", "photo": objecting},
    }
    with serving(lambda path, query: (200, {}, body(answers[query["photo_id"]]))) as url:
        api = FlickrApi(KEY, url, TokenBuckets(), lambda s: None)
        found = recheck(Dataset("d", tmp_path, Manifest(_photos(5))), api)
    assert found.reasons == {"2": "not-found", "4": "objection"}
    assert set(found.unknown) == {"1", "3"}
    assert "1 of 5 photographs may stay" in found.text()
    with pytest.raises(FetchError, match="of 2 photographs, such as 1"):
        found.check_complete()


def test_recheck_stops_when_the_service_is_down(quick: None, tmp_path: Path) -> None:
    n = 0

    def answer(path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        nonlocal n
        n += 1
        return 503, {}, b""

    with serving(answer) as url, pytest.raises(FetchError):
        api = FlickrApi(KEY, url, TokenBuckets(), lambda s: None)
        recheck(Dataset("d", tmp_path, Manifest(_photos(50))), api)
    assert n == 5
