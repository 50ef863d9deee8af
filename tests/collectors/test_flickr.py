"""`flickr` from end to end, against a server with every kind of trouble."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from anyres_bench.building.assemble import Built
from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.plan import plan
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.collector import Candidate
from anyres_bench.collectors.flickr import Flickr, _with_info
from anyres_bench.collectors.flickr_key import KEY_VARIABLE
from anyres_bench.core.errors import FetchError, ImageError, UsageError
from anyres_bench.data.dataset import Dataset
from anyres_bench.fetching.http import Fetcher, Policy
from anyres_bench.fetching.limits import TokenBuckets
from tests.collectors.doubles import FlickrDouble, Photo
from tests.collectors.unpaced import Unpaced

ROOT = Path(__file__).resolve().parents[2]
CC_BY = "CC-BY-2.0"
FAULTS = {
    "gone": "not-found",
    "private": "private",
    "video": None,
    "strings": None,
    "busy-once": None,
    "unparsable-once": None,
    "throttled-once": None,
    "image-404": "http-404",
    "image-503-once": None,
    "image-429-once": None,
    "image-cut": "truncated",
    "image-html": "html",
    "image-placeholder": "placeholder",
}


def domain(tmp_path: Path, kind: str = "[list]") -> str:
    path = tmp_path / "domain.toml"
    size = '[size]\nmode = "HR"\nmin_side = 200\nmax_side = 800\n'
    path.write_text(f'source = "flickr-test"\n{kind}\n{size}')
    return str(path)


def listed(tmp_path: Path, photos: list[Photo]) -> Path:
    path = tmp_path / "ids.txt"
    path.write_text("".join(f"{photo.licence}_{photo.id}.jpg\n" for photo in photos))
    return path


def run(collector: Flickr, out: Path, *licences: str) -> Built:
    resources = ResourceLimits(threads=8, processes=1, rate=0.0)
    rules = Rules(licences=licences, near_duplicates="keep", measure="decode")
    engine = LocalEngine(resources, resources.policy(allow_private=True))
    return build(Order(collector, out, "toy", rules), engine)


@pytest.fixture
def double() -> Iterator[FlickrDouble]:
    photos = [Photo(f"{1000 + i}", 900, 600) for i in range(6)]
    photos += [Photo(f"{2000 + i}", 900, 600, fault=fault) for i, fault in enumerate(FAULTS)]
    photos += [Photo("3000", 900, 600, licence=0), Photo("3001", 150, 150)]
    with FlickrDouble(photos).run() as running:
        yield running


def collector(double: FlickrDouble, tmp_path: Path, **options: Any) -> Flickr:
    return Unpaced(domain(tmp_path), ids=listed(tmp_path, double.photos), api=double.api, **options)


def test_a_list_with_every_kind_of_trouble(double: FlickrDouble, tmp_path: Path) -> None:
    built = run(collector(double, tmp_path), tmp_path / "out", CC_BY)
    good = {"1000", "1001", "1002", "1003", "1004", "1005"}
    good |= {str(2000 + i) for i, reason in enumerate(FAULTS.values()) if reason is None}
    assert {record.source_id for record in built.dataset.manifest} == good
    rejects = pd.read_parquet(tmp_path / "out" / "rejects.parquet")
    reasons = dict(zip(rejects["source_id"], rejects["reason"], strict=True))
    for i, reason in enumerate(FAULTS.values()):
        if reason is not None:
            assert reasons[str(2000 + i)] == reason
    assert reasons["3000"] == "licence"
    assert reasons["3001"] == "no-suitable-size"
    for record in built.dataset.manifest:
        assert (record.width, record.height) == (900, 600)
        assert record.licence_id == CC_BY
        assert record.author == f"user {record.source_id}"
        assert record.source_url.startswith("https://www.flickr.com/photos/")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "uses the Flickr API but is not endorsed or certified by SmugMug, Inc." in card


def test_a_second_run_asks_nothing(double: FlickrDouble, tmp_path: Path) -> None:
    one = run(collector(double, tmp_path), tmp_path / "out", CC_BY)
    before = Counter(double.calls)
    two = run(collector(double, tmp_path), tmp_path / "out", CC_BY)
    assert double.calls == before
    assert two.dataset.digest == one.dataset.digest


@pytest.mark.slow
def test_what_was_busy_is_asked_for_again_by_the_next_run(tmp_path: Path) -> None:
    photos = [Photo("1000", 900, 600), Photo("1001", 900, 600, fault="busy")]
    with FlickrDouble(photos).run() as double:
        flickr = collector(double, tmp_path)
        assert run(flickr, tmp_path / "out", CC_BY).n_failed == 1
        photos[1].fault = ""
        assert len(run(flickr, tmp_path / "out", CC_BY).dataset.manifest) == 2


def test_a_wrong_key_stops_the_run_and_rejects_nothing(
    double: FlickrDouble, tmp_path: Path
) -> None:
    double.key = "another"
    with pytest.raises(UsageError, match="Invalid API Key"):
        run(collector(double, tmp_path), tmp_path / "out", CC_BY)
    double.key = "k" * 32
    assert len(run(collector(double, tmp_path), tmp_path / "out", CC_BY).dataset.manifest) == 13


def test_licences_must_be_named(double: FlickrDouble, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="say which licences") as caught:
        run(collector(double, tmp_path), tmp_path / "out")
    assert re.search(r"20 +95\.2%  CC-BY-2\.0", str(caught.value))
    assert re.search(r"1 +4\.8%  all-rights-reserved", str(caught.value))
    assert not double.calls
    assert not (tmp_path / "out").exists()


def test_a_licence_that_changed_since_the_list_was_made(tmp_path: Path) -> None:
    photos = [Photo("1000", 900, 600), Photo("1001", 900, 600)]
    ids = listed(tmp_path, photos)
    photos[0].licence = 0
    with FlickrDouble(photos).run() as double:
        flickr = Unpaced(domain(tmp_path), ids=ids, api=double.api)
        built = run(flickr, tmp_path / "out", CC_BY)
    assert [record.source_id for record in built.dataset.manifest] == ["1001"]
    assert built.rejects == {"licence": 1}
    assert double.calls["img"] == 1, "what may not be used is not downloaded"


def test_a_search_of_yesterday_speaks_for_no_licence(tmp_path: Path) -> None:
    photos = [Photo("1000", 900, 600), Photo("1001", 900, 600)]
    search = '[search]\ntext = "bird"\nfirst = 2017-01-01\nlast = 2018-01-01\n'
    with FlickrDouble(photos).run() as double:
        flickr = Unpaced(domain(tmp_path, search), api=double.api)
        found = list(flickr.candidates())
        photos[0].licence, photos[1].fault = 0, "private"
        assert [flickr.resolve(c, TokenBuckets()).licence_id for c in found] == [CC_BY] * 2
        assert double.calls == {"search": 1}
        old = [replace(c, extra={**c.extra, "searched_at": time.time() - 90_000}) for c in found]
        asked = flickr.resolve(old[0], TokenBuckets())
        with pytest.raises(FetchError, match="Permission denied"):
            flickr.resolve(old[1], TokenBuckets())
    assert asked.licence_id == "all-rights-reserved"
    assert asked.extra["licence_in_list"] == CC_BY
    assert not {"sizes", "searched_at"} & set(asked.extra)


def test_a_file_of_another_size_than_flickr_says_is_none_that_is_wanted(tmp_path: Path) -> None:
    photo = Photo("1000", 900, 600)
    with FlickrDouble([photo]).run() as double:
        flickr = Unpaced(domain(tmp_path), ids=listed(tmp_path, [photo]), api=double.api)
        (found,) = flickr.candidates()
        chosen = flickr.resolve(found, TokenBuckets())
        small = replace(chosen, url=chosen.url.replace("900x600", "90x60"))
        with contextlib.closing(Fetcher(Policy(allow_private=True))) as fetcher:
            with pytest.raises(ImageError, match="60x90 pixels, where Flickr says 600 x 900; want"):
                flickr.obtain(small, tmp_path / "file", fetcher)
            flickr.obtain(chosen, tmp_path / "file", fetcher)


def test_a_photo_of_nobody_has_a_page_and_is_asked_for_again(tmp_path: Path) -> None:
    found = _with_info(Candidate(key="a", source_id="1000"), {"id": "1000", "license": "4"})
    assert found.source_url == "https://www.flickr.com/photo.gne?id=1000"


@pytest.mark.parametrize("options", [{"calls_per_hour": 0}, {"api": "flickr"}])
def test_options_that_are_none_are_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Flickr("mountains", **options)


def test_numbers_of_photos_are_plain(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("0012345\n12345\n4_012345.jpg\n")
    flickr = Flickr(domain(tmp_path), ids=tmp_path / "ids.txt")
    assert [c.source_id for c in flickr.candidates()] == ["12345"]
    (tmp_path / "ids.txt").write_text("\u0661\u0662\u0663\u0664\u0665\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"line 1: .+ is neither"):
        list(flickr.candidates())


def test_a_list_of_numbers_alone_is_asked_for_licences(tmp_path: Path) -> None:
    photos = [Photo("1000", 900, 600), Photo("1001", 900, 600, licence=0)]
    (tmp_path / "ids.txt").write_text("1000\n1001\n")
    with FlickrDouble(photos).run() as double:
        flickr = Unpaced(domain(tmp_path), ids=tmp_path / "ids.txt", api=double.api)
        order = Order(flickr, tmp_path / "out", "toy", Rules(licences=(CC_BY,)))
        assert plan(order, ResourceLimits()).n_left == 2
        built = run(flickr, tmp_path / "out", CC_BY)
    assert [record.source_id for record in built.dataset.manifest] == ["1000"]
    assert built.rejects == {"licence": 1}


def test_a_search_serves_500_photos_a_call(tmp_path: Path) -> None:
    photos = [Photo(str(1000 + i), 900, 600, uploaded=1_600_000_000 + i) for i in range(40)]
    search = '[search]\ntext = "bird"\nfirst = 2020-09-01\nlast = 2020-09-30\n'
    with FlickrDouble(photos).run() as double:
        flickr = Unpaced(domain(tmp_path, search), api=double.api)
        built = run(flickr, tmp_path / "out", CC_BY)
        assert double.calls == {"search": 1, "img": 40}
    assert len(built.dataset.manifest) == 40


def test_policy_anyres_refuses_what_stopped_the_script(
    double: FlickrDouble, tmp_path: Path
) -> None:
    built = run(collector(double, tmp_path, policy="anyres"), tmp_path / "out", CC_BY)
    assert built.rejects["bad-size"] == 1


def test_lists_are_asked_for_with_their_address(tmp_path: Path) -> None:
    where = r"get +https://raw\.github.+HR\.txt.+7,625 lines, 137,231 bytes.+sha256 +d92e"
    with pytest.raises(UsageError, match=f"(?s)add --ids.+{where}"):
        Flickr("birds-hr")
    with pytest.raises(UsageError, match=f"(?s)there is no list.+{where}"):
        list(Flickr("birds-hr", ids=tmp_path / "none.txt").candidates())
    short = listed(tmp_path, [Photo("1000", 9, 9)])
    with pytest.raises(UsageError, match="has 1 lines, the published list of birds-hr has 7625"):
        list(Flickr("birds-hr", ids=short).candidates())
    assert len(list(Flickr("birds-hr", ids=short, any_list=True).candidates())) == 1


def test_mistakes_in_lists_are_named(tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("4_12345.jpg\n4_12345.png\nhttp://x/y.jpg\n")
    with pytest.raises(UsageError, match=r"line 3: .http://x/y\.jpg. is neither"):
        list(Flickr(domain(tmp_path), ids=ids).candidates())


def test_a_dry_run_counts_calls_without_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    resources, rules = ResourceLimits(), Rules(licences=(CC_BY,))
    photos = [Photo(str(1000 + i), 9, 9) for i in range(3)]
    by_list = Flickr(domain(tmp_path), ids=listed(tmp_path, photos), api="http://127.0.0.1:9/")
    assert "6 API calls" in plan(Order(by_list, tmp_path / "out", "toy", rules), resources).text()
    by_search = Flickr("mountains", api="http://127.0.0.1:9/")
    told = plan(Order(by_search, tmp_path / "out", "toy", rules), resources).text()
    assert "10,000 photos take 26 calls" in told
    assert "candidates" not in told


def test_the_key_is_asked_for_before_anything_is_fetched(
    double: FlickrDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    flickr = Flickr(domain(tmp_path), ids=listed(tmp_path, double.photos), api=double.api)
    with pytest.raises(UsageError, match="wants an API key"):
        run(flickr, tmp_path / "out", CC_BY)
    assert not double.calls


@pytest.mark.slow
def test_a_thousand_photos_with_every_failure_killed_and_resumed(tmp_path: Path) -> None:
    faults = list(FAULTS)
    photos = [
        Photo(str(10_000 + i), 300, 220, fault=faults[i % 20] if i % 20 < len(faults) else "")
        for i in range(1000)
    ]
    good = {p.id for p in photos if not p.fault or FAULTS[p.fault] is None}
    with FlickrDouble(photos).run() as double:
        command = [
            *[sys.executable, "-m", "anyres_bench", "collect", "flickr", domain(tmp_path)],
            *[str(tmp_path / "out"), "--ids", str(listed(tmp_path, photos)), "--api", double.api],
            *["--calls-per-hour", "100000000", "--rate", "0", "--allow-private", "--id", "toy"],
            *["--licences", CC_BY, "--near-duplicates", "keep", "--measure", "decode"],
        ]
        env = {KEY_VARIABLE: double.key, "PATH": "", "OMP_NUM_THREADS": "1"}
        for n_images in (50, 300):
            process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
            while double.calls["img"] < n_images:
                assert process.poll() is None
                time.sleep(0.05)
            process.kill()
            process.wait()
        subprocess.run(command, cwd=ROOT, env=env, check=True, stderr=subprocess.DEVNULL)
        n_calls = double.calls.total()
        subprocess.run(command, cwd=ROOT, env=env, check=True, stderr=subprocess.DEVNULL)
        assert double.calls.total() == n_calls, "a run with nothing to do asks nothing"
    dataset = Dataset.read(tmp_path / "out")
    assert {record.source_id for record in dataset.manifest} == good
    assert len(pd.read_parquet(tmp_path / "out" / "rejects.parquet")) == 1000 - len(good)
    evaluate = [
        *[sys.executable, "-m", "anyres_bench", "evaluate", "real"],
        *["--dataset", str(tmp_path / "out"), "--out", str(tmp_path / "results"), "--n", "100"],
        *["--suite", "anyres-patch64-min64max0/frechet"],
    ]
    env = {"ANYRES_BENCH_CACHE": str(tmp_path / "cache"), "PATH": "", "OMP_NUM_THREADS": "1"}
    subprocess.run(evaluate, cwd=ROOT, env=env, check=True)
    assert list((tmp_path / "results").rglob("*.json"))
