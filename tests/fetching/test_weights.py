"""Published weight files: from the cache, from a real server on loopback, or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyres_bench.core.errors import UnknownNameError, WeightsError
from anyres_bench.core.reporting import report_to
from anyres_bench.features.weights import WEIGHTS
from anyres_bench.fetching.weights import WeightFile, locate, obtain
from anyres_bench.models.families import published_weights
from tests.reporters import Recorder
from tests.servers import Handler, ImageHost, raw, serve

CONTENT = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def host() -> Iterator[ImageHost]:
    with serve(ImageHost(files={"/net.pth": CONTENT})) as running:
        yield running


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    monkeypatch.delenv("ANYRES_BENCH_OFFLINE", raising=False)
    return tmp_path


@pytest.fixture
def net(host: ImageHost) -> WeightFile:
    return WeightFile(
        name="net",
        filename="net-v1.pth",
        url=host.url("/net.pth"),
        sha256=DIGEST,
        n_bytes=len(CONTENT),
        licence="MIT",
    )


def leftovers(folder: Path) -> set[str]:
    return {p.name for p in folder.rglob("*") if p.is_file() and not p.name.endswith(".lock")}


def test_downloaded_once_with_its_licence_shown(
    net: WeightFile, host: ImageHost, cache: Path
) -> None:
    recorder = Recorder()
    with report_to(recorder):
        path = obtain(net, allow_private=True)
    assert path == cache / "weights" / "net-v1.pth"
    assert path.read_bytes() == CONTENT
    said, started, *came, end = recorder.told
    assert said == ("say", "net: net-v1.pth, licence: MIT")
    assert started == ("net-v1.pth", len(CONTENT), 0, "B")
    assert sum(n for n in came if isinstance(n, int)) == len(CONTENT)
    assert end == "end"
    assert obtain(net, allow_private=True) == path
    assert host.hits["/net.pth"] == 1
    assert leftovers(cache) == {"net-v1.pth"}


@pytest.mark.slow
def test_an_interrupted_download_goes_on_where_it_was(net: WeightFile, host: ImageHost) -> None:
    def cut(h: Handler) -> None:
        """Send 150,000 bytes of what is asked for, then hang up."""
        start = int(re.findall(r"\d+", h.headers.get("Range", "0"))[0])
        length = f'ETag: "v1"\nContent-Length: {len(CONTENT) - start}'
        span = f"{start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        head = f"HTTP/1.1 206 Partial Content\nContent-Range: bytes {span}\n{length}"
        raw(h, head if start else f"HTTP/1.1 200 OK\n{length}", CONTENT[start : start + 150_000])

    host.routes["/net.pth"] = cut
    with pytest.raises(WeightsError, match=r"could not be downloaded"):
        obtain(net, allow_private=True)
    assert not net.path.exists()
    tries = host.hits["/net.pth"]
    assert obtain(net, allow_private=True).read_bytes() == CONTENT
    asked = [headers.get("Range") for _, headers in host.headers]
    assert asked[tries] == f"bytes={tries * 150_000}-"


def test_another_file_than_the_registered_one_is_refused(
    net: WeightFile, host: ImageHost, cache: Path
) -> None:
    host.files["/net.pth"] = CONTENT[:-1] + b"x"
    with pytest.raises(WeightsError, match=DIGEST):
        obtain(net, allow_private=True)
    assert leftovers(cache) == set()


def test_a_damaged_file_in_the_cache_is_refused_and_kept(net: WeightFile, host: ImageHost) -> None:
    net.path.parent.mkdir()
    net.path.write_bytes(b"not it")
    with pytest.raises(WeightsError, match=r"(?s)net-v1.pth is not the registered.*delete it"):
        obtain(net, allow_private=True)
    assert net.path.read_bytes() == b"not it"
    assert not host.hits


def test_private_addresses_are_not_reached_by_default(net: WeightFile, host: ImageHost) -> None:
    with pytest.raises(WeightsError, match="put it"):
        obtain(net)
    assert not host.hits


@pytest.mark.parametrize("by_environment", [True, False])
def test_offline_says_which_file_and_where_to_put_it(
    by_environment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_environment:
        monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsError) as error:
        locate("inception-v3", WEIGHTS, offline=None if by_environment else True)
    message, row = str(error.value), WEIGHTS["inception-v3"]
    for part in (row.url, row.sha256, str(row.path), "95,628,359 bytes", row.licence):
        assert str(part) in message


def test_a_non_commercial_licence_is_accepted_before_the_download(
    net: WeightFile, host: ImageHost
) -> None:
    restricted = dataclasses.replace(net, licence="CC-BY-NC-4.0", non_commercial=True)
    with pytest.raises(WeightsError, match=r"CC-BY-NC-4.0.*--accept-licence"):
        obtain(restricted, allow_private=True)
    assert not host.hits
    path = obtain(restricted, accept_licence=True, allow_private=True)
    assert obtain(restricted, allow_private=True) == path  # whoever has the file has accepted


def test_a_file_without_a_url_is_placed_by_hand(net: WeightFile) -> None:
    by_hand = dataclasses.replace(net, url=None, note="ask the authors")
    with pytest.raises(WeightsError, match="ask the authors"):
        obtain(by_hand, allow_private=True)
    by_hand.path.parent.mkdir()
    by_hand.path.write_bytes(CONTENT)
    assert obtain(by_hand) == by_hand.path


def test_what_one_third_party_says_is_told_and_does_not_bind(net: WeightFile) -> None:
    doubtful = dataclasses.replace(net, sha256="0" * 64, n_bytes=5, known_from="one third party")
    recorder = Recorder()
    with report_to(recorder):
        path = obtain(doubtful, allow_private=True)
    assert path.read_bytes() == CONTENT
    told = recorder.told[-1]
    assert told[0] == "say"
    assert f"its sha256 is {DIGEST}; one third party says 000" in told[1]


def test_the_first_digits_of_a_digest_bind(net: WeightFile) -> None:
    known = dataclasses.replace(net, sha256=DIGEST[:8], n_bytes=None, known_from="publisher")
    assert obtain(known, allow_private=True).is_file()
    with pytest.raises(WeightsError, match="not the registered"):
        obtain(dataclasses.replace(known, sha256="0" * 8), allow_private=True)


def test_pages_stand_in_the_advice(net: WeightFile) -> None:
    row = dataclasses.replace(net, url=None, pages=("https://a.example/x", "https://b.example/y"))
    with pytest.raises(WeightsError, match=r"(?s)get +https://a.+or +https://b.+third parties"):
        obtain(row)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean inception-v3"):
        locate("inception-v2", WEIGHTS)


def test_all_tables_are_sound() -> None:
    rows = published_weights()
    assert not set(rows) & set(WEIGHTS)
    rows |= WEIGHTS
    assert len({row.filename for row in rows.values()}) == len(rows)
    for name, row in rows.items():
        assert name == row.name
        assert row.licence
        assert row.url is None or row.url.startswith("https://"), name
        assert row.url or row.pages or row.note, f"{name} says nowhere how to get it"
        assert row.sha256 is None or re.fullmatch(r"[0-9a-f]{8}([0-9a-f]{56})?", row.sha256), name
        assert row.n_bytes is None or row.sha256, f"{name} has a length and no digest"
        assert "/" not in row.filename
