"""Odd answers of the API: each is one photo's fate, and none shows the key."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors import flickr_api
from anyres_bench.collectors.collector import Candidate
from anyres_bench.collectors.flickr import Flickr, _with_info
from anyres_bench.collectors.flickr_answers import entries, part, read_answer
from anyres_bench.collectors.flickr_api import FlickrApi
from anyres_bench.core.errors import AnyresBenchError, DatasetError, FetchError, UsageError
from anyres_bench.fetching.limits import TokenBuckets
from tests.collectors.doubles import serving
from tests.fuzz import fuzz, replay

KEY = "SECRETKEY0123456789abcdef"
GOOD = {"label": "Original", "width": "9", "height": 9, "source": "http://[", "media": "photo"}
ODD: dict[str, object] = {
    "html": "<p>",
    "deep": "[" * 200_000,
    "nested": '{"stat": "ok", "photo": ' + "[" * 900 + "]" * 900 + "}",
    "list": [],
    "number": 7,
    "nan": '{"stat": "ok", "photo": {"license": NaN}}',
    "code-word": {"stat": "fail", "code": "abc"},
    "code-null": {"stat": "fail", "code": None},
    "code-huge": {"stat": "fail", "code": 10**400},
    "photo-list": {"stat": "ok", "photo": [1], "sizes": {"size": [1, 2]}},
    "sizes-text": {"stat": "ok", "sizes": "x", "photo": {"license": "4", "owner": "x"}},
    "sizes-null": {"stat": "ok", "sizes": None, "photo": {}},
    "licence-word": {"stat": "ok", "photo": {"license": "x"}, "sizes": {"size": [GOOD]}},
    "all-odd": {"stat": "ok", "photo": {"license": 4, "owner": [], "title": {"_content": 3},
                                        "dates": "x", "tags": {"tag": [1, {"raw": 2}]}},
                "sizes": {"size": [None, {}, {"label": 1}, GOOD, {**GOOD, "width": "9" * 5000}]}},
}  # fmt: skip


def body(answer: object) -> bytes:
    return answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flickr_api, "_N_TRIES", 1)
    monkeypatch.setenv("FLICKR_API_KEY", KEY)


@pytest.mark.parametrize("name", ODD)
def test_one_photo_is_refused_and_the_run_ends_well(
    tmp_path: Path, quick: None, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "ids").write_text("123456\n234567\n")
    with serving(lambda path, query: (200, {}, body(ODD[name]))) as url:
        flickr = Flickr("birds-hr", tmp_path / "ids", api=url, any_list=True, calls_per_hour=10**8)
        order = Order(flickr, tmp_path / "out", "f", Rules(licences=("CC-BY-2.0",)))
        with pytest.raises(DatasetError, match="nothing came into"):
            build(order, LocalEngine(ResourceLimits(processes=1)))
    rejects = pd.read_parquet(tmp_path / "out" / "rejects.parquet")
    assert len(rejects) == 2
    assert "fault" not in set(rejects.reason)
    assert KEY not in capfd.readouterr().err


def test_an_endless_answer_is_left(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flickr_api, "_MOST_BYTES", 1 << 16)
    with serving(lambda path, query: (200, {}, b" " * (1 << 20))) as url:
        api = FlickrApi(KEY, url, TokenBuckets(), lambda s: None)
        with pytest.raises(FetchError, match="got no answer") as told:
            api.info("1")
    assert told.value.reason == "timeout"


def test_a_search_with_odd_photos_goes_on(quick: None, tmp_path: Path) -> None:
    photos: list[object] = [{"id": "1"}, {"id": "x"}, 7, {}, {"id": 2, "license": "4"}]
    page = {"stat": "ok", "photos": {"total": "5", "photo": photos}}
    (tmp_path / "d.toml").write_text(
        'source = "s"\n[size]\nmode = "HR"\nmin_side = 1\n'
        "[search]\nfirst = 2020-01-01\nlast = 2020-01-02\n"
    )
    with serving(lambda path, query: (200, {}, body(page))) as url:
        found = list(Flickr(str(tmp_path / "d.toml"), api=url).candidates())
    assert sorted(c.source_id for c in found if not c.refusal) == ["1", "2"]
    assert [c.refusal.partition(":")[0] for c in found if c.refusal] == ["bad-answer"] * 2


@pytest.mark.parametrize(
    "text",
    [
        "size = 3",
        "\xff",
        'source = 7\n[size]\nmode = "HR"\nmin_side = 1',
        'source = "s"\n[size]\nmode = "XR"\nmin_side = 1',
        'source = "s"\n[size]\nmode = "HR"\nmin_side = "x"',
        'source = "s"\nsearch = 7\n[size]\nmode = "HR"\nmin_side = 1',
    ],
)
def test_domains_that_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError):
        Flickr(str(tmp_path / "d.toml"), tmp_path / "ids")


def _read(data: bytes) -> None:
    """All that is done with answers, whichever question they are to."""
    answer = read_answer("m", data, KEY)
    base = Candidate(key="k", source_id="1")
    sizes = {"sizes": part(answer, "sizes").get("size")}
    flickr = Flickr("birds-hr", Path("ids"))
    for photo in (part(answer, "photo"), *entries(part(answer, "photos").get("photo"))):
        try:
            candidate = _with_info(base, photo)
            Candidate.from_json(candidate.to_json()).to_json().encode()
        except FetchError:
            pass
        sized = Candidate(key="k", source_id="1", extra=sizes)
        flickr.resolve(sized, TokenBuckets())


@pytest.mark.slow
def test_fuzz_answers_of_the_api() -> None:
    seeds = [body(odd) for odd in ODD.values()]
    search = {"stat": "ok", "photos": {"total": 1, "photo": [{"id": "1", "license": "4"}]}}
    seeds = [*(s for s in seeds if len(s) < 5000), body(search)]
    assert fuzz("flickr", seeds, _read, (AnyresBenchError,)) > 1000


def test_the_corpus_of_the_api() -> None:
    assert replay("flickr", _read, (AnyresBenchError,))
