"""Lists of URLs, and what becomes of every kind of answer."""

from __future__ import annotations

import csv
import gzip
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.urls import Urls
from anyres_bench.core.errors import ConfigError, DatasetError, UnknownNameError, UsageError
from anyres_bench.core.reporting import report_to
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import decode
from anyres_bench.fetching.http import Policy
from tests.reporters import Recorder
from tests.servers import ImageHost, failures, photo, pictures, serve

ROOT = Path(__file__).resolve().parents[2]
QUICK = Policy(
    stall_s=1.5,
    deadline_s=3.0,
    grace_s=0.3,
    max_bytes=4 << 20,
    n_retries=2,
    backoff_s=0.05,
    longest_wait_s=1.5,
    allow_private=True,
)
ENGINE = LocalEngine(ResourceLimits(processes=1, rate=0, per_host=16), QUICK)
RULES = Rules(measure="decode")

# path -> why it is left out, None where it comes in; what is a "duplicate" came too, as /good.jpg.
PROMISES = {
    "/good.jpg": None,
    "/403": "http-403",
    "/404": "http-404",
    "/410": "http-410",
    "/500": "http-500",
    "/503": "http-503",
    "/429": "duplicate",
    "/429-date": "duplicate",
    "/flaky": "duplicate",
    "/reset-before": "disconnected",
    "/reset-within": "disconnected",
    "/short-body": "incomplete",
    "/cut-chunked": "incomplete",
    "/cut-without-length": "truncated",
    "/length-too-small": "truncated",
    "/length-negative": "bad-length",
    "/length-word": "bad-length",
    "/length-two": "bad-length",
    "/stalled-body": "timeout",
    "/no-headers": "timeout",
    "/slow-body": "too-slow",
    "/slow-headers": "deadline",
    "/redirect-self": "too-many-redirects",
    "/redirect-a": "too-many-redirects",
    "/redirect-endless": "too-many-redirects",
    "/redirect-302": "duplicate",
    "/redirect-308": "duplicate",
    "/redirect-nowhere": "bad-redirect",
    "/redirect-file": "scheme",
    "/redirect-data": "scheme",
    "/gone": "placeholder",
    "/endless": "too-many-bytes",
    "/gzip": "duplicate",
    "/gzip-bomb": "too-many-bytes",
    "/gzip-cut": "incomplete",
    "/gzip-lie": "content-encoding",
    "/brotli": "content-encoding",
    "/empty": "empty",
    "/204": "empty",
    "/robots-noai": "opted-out",
    "/robots-mixed": "opted-out",
    "/robots-other": "duplicate",
    "/tdm": "opted-out",
    "/html.jpg": "html",
    "/svg.jpg": "svg",
    "/mp4.jpg": "video",
    "/text.jpg": "not-an-image",
    "/truncated.jpg": "truncated",
    "/zero-tailed.jpg": "truncated",
    "/bomb.png": "too-large",
    "/cmyk.jpg": None,
    "/palette.png": None,
    "/rgba.png": None,
    "/tiff.tif": None,
    "/bmp.bmp": None,
    "/webp.webp": None,
    "/avif.avif": None,
    "/sideways.jpg": None,
    "/grey16.png": None,
    "/rgb16.png": None,
    "/animated.gif": None,
    "/animated.webp": None,
    "/dot.png": None,
    "/strip.jpg": None,
}
UNREACHABLE = {
    "file:///etc/hostname": "scheme",
    "data:image/png;base64,AAAA": "scheme",
    "ftp://example.com/a.jpg": "scheme",
    "not a url": "scheme",
    "http://no-such-host.invalid/a.jpg": "dns",
}


@pytest.fixture(scope="module")
def host() -> Iterator[ImageHost]:
    with serve(ImageHost()) as host:
        failures(host)
        pictures(host)
        yield host


@pytest.fixture(scope="module")
def collected(host: ImageHost, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All answers of the host in one run."""
    folder = tmp_path_factory.mktemp("urls")
    urls = [host.url(path) for path in PROMISES] + list(UNREACHABLE)
    (folder / "list.txt").write_text("\n".join(urls))
    build(Order(Urls(folder / "list.txt"), folder / "out", "u", RULES), ENGINE)
    return folder / "out"


def test_every_answer_ends_as_promised(host: ImageHost, collected: Path) -> None:
    rejects = pd.read_parquet(collected / "rejects.parquet").set_index("url").reason.to_dict()
    provenance = pd.read_parquet(collected / "provenance.parquet")
    names = {record.source_url: record for record in Dataset.read(collected).manifest}
    got = {path: rejects.get(host.url(path)) for path in PROMISES}
    broken = {path: reason for path, reason in got.items() if reason != PROMISES[path]}
    assert not broken
    assert {path for path in PROMISES if host.url(path) in names} == {
        path for path, reason in PROMISES.items() if reason is None
    }
    for url, reason in UNREACHABLE.items():
        assert rejects[url] == reason or (reason, rejects[url]) == ("dns", "dns-temporary")
    assert set(provenance.file_name) == {record.file_name for record in names.values()}
    assert (provenance.status == 200).all()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/cmyk.jpg", {"mode": "CMYK", "format": "JPEG"}),
        ("/rgba.png", {"mode": "RGBA", "format": "PNG"}),
        ("/tiff.tif", {"format": "TIFF"}),
        ("/bmp.bmp", {"format": "BMP"}),
        ("/webp.webp", {"format": "WEBP"}),
        ("/avif.avif", {"format": "AVIF"}),
        ("/palette.png", {"mode": "P", "format": "PNG"}),
        ("/sideways.jpg", {"orientation": 6, "height": 90, "width": 60}),
        ("/grey16.png", {"mode": "I;16", "format": "PNG"}),
        ("/rgb16.png", {"mode": "RGB", "format": "PNG"}),
        ("/animated.gif", {"n_frames": 3, "format": "GIF"}),
        ("/animated.webp", {"n_frames": 3, "format": "WEBP"}),
        ("/dot.png", {"height": 1, "width": 1}),
        ("/strip.jpg", {"height": 20, "width": 2000}),
    ],
)
def test_original_bytes_are_kept_and_described(
    host: ImageHost, collected: Path, path: str, expected: dict[str, object]
) -> None:
    dataset = Dataset.read(collected)
    record = next(r for r in dataset.manifest if r.source_url == host.url(path))
    assert dataset.path(record).read_bytes() == host.files[path]
    assert {name: getattr(record, name) for name in expected} == expected


def test_animations_can_be_refused(host: ImageHost, tmp_path: Path) -> None:
    assert _refused(host, tmp_path, Rules(measure="header", animations=False)) == {
        "/animated.gif": "animation",
        "/animated.webp": "animation",
    }


def test_small_and_long_ones_can_be_refused(host: ImageHost, tmp_path: Path) -> None:
    assert _refused(host, tmp_path, Rules(measure="header", min_side=2, max_aspect=20)) == {
        "/dot.png": "too-small",
        "/strip.jpg": "aspect",
    }


def _refused(host: ImageHost, tmp_path: Path, rules: Rules) -> dict[str, str]:
    """Path -> why `rules` refuse it, among some pictures that come in without them."""
    paths = ["/good.jpg", "/animated.gif", "/animated.webp", "/dot.png", "/strip.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(map(host.url, paths)))
    build(Order(Urls(tmp_path / "list.txt"), tmp_path / "out", "u", rules), ENGINE)
    rejects = pd.read_parquet(tmp_path / "out" / "rejects.parquet")
    reasons = zip(rejects.url, rejects.reason, strict=True)
    return {url.removeprefix(host.url("")): reason for url, reason in reasons}


@pytest.mark.parametrize("path", ["/grey16.png", "/rgb16.png"])
def test_sixteen_bits_are_not_white(host: ImageHost, collected: Path, path: str) -> None:
    dataset = Dataset.read(collected)
    record = next(r for r in dataset.manifest if r.source_url == host.url(path))
    assert 60 < np.mean(decode(dataset.path(record)).pixels) < 95


def test_the_documentation_names_each_of_these() -> None:
    """Its table says what becomes of each path here, and names the test of everything else."""
    text = (ROOT / "docs" / "collecting.md").read_text()
    table = text[text.index("## What becomes of each answer") :].split("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| ")][1:]
    tests = (ROOT / "tests" / "fetching" / "test_http.py").read_text() + Path(__file__).read_text()
    told: set[str] = set()
    for case, ours, theirs, names in rows:
        assert ours.strip(), case
        assert theirs.strip(), case
        for name in re.findall(r"`([^`]+)`", names):
            assert name in PROMISES or f"def {name}(" in tests, f"{case}: no test {name}"
            reason = PROMISES.get(name)
            assert reason in (None, "duplicate") or f"`{reason}`" in ours, f"{name}: {reason}"
            told.add(name)
    assert told >= {path for path in PROMISES if path not in ("/good.jpg", "/flaky")}


def test_loopback_is_refused_without_the_switch(host: ImageHost, tmp_path: Path) -> None:
    names = ["127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "[::1]"]
    (tmp_path / "l.txt").write_text("\n".join(f"http://{name}/good.jpg" for name in names))
    host.hits.clear()
    with pytest.raises(DatasetError, match=r"nothing came into .*: 5 private-address"):
        build(Order(Urls(tmp_path / "l.txt"), tmp_path / "out", "u", RULES), LocalEngine())
    assert not host.hits


def test_the_next_run_asks_only_for_what_failed_in_passing(tmp_path: Path) -> None:
    with serve(ImageHost()) as host:
        host.files |= {f"/{i}.jpg": photo(i) for i in range(5)}
        host.files["/late.jpg"] = photo(9)
        failures(host)
        paths = ["/404", "/500", *host.files]
        (tmp_path / "l.txt").write_text("\n".join(map(host.url, paths)))
        order = Order(Urls(tmp_path / "l.txt"), tmp_path / "out", "u", RULES)
        first = build(order, ENGINE)
        assert first.n_failed == 1
        host.hits.clear()
        second = build(order, ENGINE)
        assert host.hits == {"/500": 3}, "two retries within each run"
        assert second.dataset.digest == first.dataset.digest
        host.files["/500"] = photo(20)
        del host.routes["/500"]
        host.hits.clear()
        third = build(order, ENGINE)
        assert host.hits == {"/500": 1}
        assert len(third.dataset.manifest) == len(second.dataset.manifest) + 1
        host.hits.clear()
        assert build(order, ENGINE).dataset.digest == third.dataset.digest
        assert not host.hits, "nothing to do, nothing asked"


@pytest.mark.slow
def test_order_and_digest_do_not_depend_on_who_is_first(tmp_path: Path) -> None:
    with serve(ImageHost()) as host:
        host.files |= {f"/{i}.jpg": photo(i) for i in range(12)}
        urls = [host.url(path) for path in host.files]
        (tmp_path / "l.txt").write_text("\n".join(urls))
        digests = set()
        for name, threads in (("a", 1), ("b", 12)):
            engine = LocalEngine(ResourceLimits(threads=threads, processes=2, rate=0), QUICK)
            order = Order(Urls(tmp_path / "l.txt"), tmp_path / name, "u", RULES)
            digests.add(build(order, engine).dataset.digest)
        assert len(digests) == 1


ROWS = [
    {"url": "http://a.example/1,2.jpg", "caption": "a, \"b\"\nc", "width": 640, "height": "480.0",
     "licence_id": "CC0-1.0", "score": 0.5},
    {"url": "http://a.example/3.jpg", "caption": "", "width": 0, "height": None,
     "licence_id": None, "score": math.nan},
]  # fmt: skip


def _write_csv(path: Path, delimiter: str = ",") -> None:
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(ROWS[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("l.csv", _write_csv),
        ("l.tsv", lambda path: _write_csv(path, "\t")),
        ("l.jsonl", lambda path: path.write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")),
        (
            "l.jsonl.gz",
            lambda path: path.write_bytes(gzip.compress("\n".join(map(json.dumps, ROWS)).encode())),
        ),
        ("l.parquet", lambda path: pd.DataFrame(ROWS).astype({"height": str}).to_parquet(path)),
    ],
)
def test_lists(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    write(tmp_path / name)
    one, two = Urls(tmp_path / name, licence="CC-BY-4.0").candidates()
    assert (one.url, two.url) == ("http://a.example/1,2.jpg", "http://a.example/3.jpg")
    assert one.caption == 'a, "b"\nc'
    assert (one.width, one.height, two.width, two.height) == (640, 480, None, None)
    assert (one.licence_id, two.licence_id) == ("CC0-1.0", "CC-BY-4.0")
    assert float(one.extra["score"]) == 0.5
    assert two.extra["score"] in (None, "nan")
    assert one.key.startswith("urls_")
    assert "example" not in one.key, "no name comes from a URL"


def test_txt_lists_and_other_column_names(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("# note\nhttp://a.example/1,2.jpg\r\n\n http://b.example/ \n")
    assert [c.url for c in Urls(tmp_path / "l.txt").candidates()] == [
        "http://a.example/1,2.jpg",
        "http://b.example/",
    ]
    (tmp_path / "l.csv").write_text("link,text\nhttp://a.example/1.jpg,hello\n")
    renamed = Urls(tmp_path / "l.csv", column=("url=link", "caption=text"))
    (candidate,) = renamed.candidates()
    assert (candidate.url, candidate.caption, candidate.extra) == (
        "http://a.example/1.jpg",
        "hello",
        {},
    )


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("l.xlsx", b"", UsageError, "is none of .txt, .csv"),
        ("l.csv", b"link\nx\n", UsageError, "no column 'url', only link"),
        ("l.csv", b"url,URL,url\n", DatasetError, "has the columns url twice"),
        ("l.csv", b"url,\xff\nx,y\n", DatasetError, "has no head that can be read"),
        ("l.csv", b'url\na\n"b\nc\nd\n', DatasetError, "line 3: a quote is opened.*3 lines"),
        ("l.csv", b'url,c\na,"b\nc,"d"\ne,f\n', DatasetError, "line 2: a quote is opened"),
        ("l.parquet", b"PAR1", DatasetError, "cannot be read as Parquet"),
        ("l.csv.gz", b"plain", DatasetError, "cannot be read: Not a gzipped file"),
        (
            "l.txt.gz",
            gzip.compress(b"http://a\n" * 9999, mtime=0)[:-9],
            DatasetError,
            "be read after row",
        ),
        (
            "l.csv.gz",
            gzip.compress(b"url\n" * 9999, mtime=0)[:-9],
            DatasetError,
            "be read after line",
        ),
        ("l.csv", "url\nx".encode("utf-16")[:-1], DatasetError, "cannot be read after line"),
    ],
)
def test_lists_that_cannot_be_read(
    tmp_path: Path, name: str, content: bytes, error: type[Exception], message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        build(Order(Urls(tmp_path / name), tmp_path / "out", "u"), ENGINE)
    assert not (tmp_path / "out").exists()


def test_options_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean caption"):
        Urls(tmp_path / "l.txt", column=("captoin=text",))
    with pytest.raises(ConfigError, match="is not FIELD=COLUMN"):
        Urls(tmp_path / "l.txt", column=("caption",))
    with pytest.raises(ConfigError, match="names a field twice"):
        Urls(tmp_path / "l.txt", column=("caption=a", "caption=b"))
    with pytest.raises(ConfigError, match="source is empty"):
        Urls(tmp_path / "l.txt", source="")
    with pytest.raises(UsageError, match="there is no list"):
        Urls(tmp_path / "l.txt").recipe()


def test_columns_that_are_not_taken_are_told(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("url, Group, license, role\nhttp://a.example/1, g, CC0, hr\n")
    recorder = Recorder()
    with report_to(recorder):
        [one] = Urls(tmp_path / "l.csv").candidates()
    assert one.extra == {"Group": "g", "license": "CC0"}
    assert [text.split("--column ")[1] for text in recorder.said] == [
        "group=Group",
        "licence_id=license",
    ]
    renamed = Urls(tmp_path / "l.csv", column=("group=Group", "licence_id=license", "role=NONE"))
    [one] = renamed.candidates()
    assert (one.group, one.licence_id) == ("g", "CC0")
    with pytest.raises(UsageError, match="no column 'Gruop', which --column names"):
        list(Urls(tmp_path / "l.csv", column=("group=Gruop",)).candidates())


def test_claims_are_checked(tmp_path: Path) -> None:
    with serve(ImageHost()) as host:
        host.files["/a.jpg"] = photo(1)
        host.files["/b.jpg"] = photo(2)
        rows = [
            {"url": host.url("/a.jpg"), "width": 50, "height": 50},
            {"url": host.url("/b.jpg"), "md5": "0" * 32},
            {"url": host.url("/b.jpg?again"), "width": 900, "height": 900},
            {"url": host.url("/c.jpg"), "licence_id": "ARR"},
        ]
        (tmp_path / "l.jsonl").write_text("\n".join(map(json.dumps, rows)))
        rules = Rules(measure="decode", min_side=90, licences=("unknown",))
        order = Order(Urls(tmp_path / "l.jsonl"), tmp_path / "out", "u", rules)
        built = build(order, ENGINE)
        assert built.rejects == {"too-small": 1, "digest-mismatch": 1, "licence": 1}
        assert host.hits == {"/b.jpg": 2}, "what is refused for its claims is not asked for"
        (record,) = built.dataset.manifest
        assert record.size == (96, 128), "measured, whatever was claimed"
