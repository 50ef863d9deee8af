"""Lists as they are in the world: one bad row is one row, and no row goes uncounted."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyres_bench.building.pipeline import Order
from anyres_bench.building.plan import plan
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.collector import Candidate
from anyres_bench.collectors.lists import BadRow, read_rows
from anyres_bench.collectors.urls import Urls
from anyres_bench.core.errors import AnyresBenchError, DatasetError, UsageError
from tests.fuzz import fuzz, mutated, replay

DEEP = '{"url": "http://a/", "x": ' + "[" * 900 + "]" * 900 + "}"


def rows(tmp_path: Path, name: str, data: str | bytes) -> list[object]:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return [
        f"bad {row.number}" if isinstance(row, BadRow) else row["url"] for row in read_rows(path)
    ]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("l.jsonl", f'{{"url": "a"}}\n{{\n[1]\n{DEEP}', ["a", "bad 2", "bad 3", "bad 4"]),
        ("l.jsonl", "[" * 99999 + '\n{"url": "b"}', ["bad 1", "b"]),
        ("l.jsonl", '{"url": ' + "9" * 5000 + '}\n{"url": "b"}', ["bad 1", "b"]),
        ("l.jsonl", b'{"url": "a\xe9"}\n{"url": "b"}', ["bad 1", "b"]),
        ("l.txt", b"a\n\xff\xfe\n# note\nb\n", ["a", "bad 2", "b"]),
        ("l.csv", b"url,c\na,1\nb,1,2\n\nc\nd,\xe9\n", ["a", "bad 2", "c", "bad 5"]),
        ("l.csv", 'url,c\na,"x"y\nb,"two\nlines"\n', ["bad 1", "b"]),
        ("l.csv", "url,c\na\0,b\n", ["a\ufffd"]),
        ("l.csv", "", []),
        ("l.csv", "\n\r\n\nurl,c\na,1\n", ["a"]),
        ("l.jsonl", '{"url": "a", "url": "b"}\n{"url": "c"}', ["bad 1", "c"]),
        ("l.csv", "url,,\na,,\n", ["a"]),
        ("l.tsv", "url\tc\na,b\td\n", ["a,b"]),
        ("l.csv", '\n"c", "url"\n"a, ""b""", x\n"d", "y, z"\n', ["x", "y, z"]),
    ],
)  # fmt: skip
def test_one_bad_row_is_one_row(
    tmp_path: Path, name: str, data: str | bytes, expected: list[str]
) -> None:
    assert rows(tmp_path, name, data) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["l.txt", "l.csv", "l.jsonl", "l.csv.gz"])
def test_encodings_that_say_what_they_are(tmp_path: Path, name: str, encoding: str) -> None:
    text = {"l.txt": "http://a/ü\n", "l.csv": "url,c\nhttp://a/ü,图\n",
            "l.jsonl": '{"url": "http://a/ü"}\n'}[name.removesuffix(".gz")]  # fmt: skip
    data = text.encode(encoding)
    assert rows(tmp_path, name, gzip.compress(data, mtime=0) if "gz" in name else data) == [
        "http://a/ü"
    ]


def test_a_date_in_the_year_10_000(tmp_path: Path) -> None:
    days = pa.array([0, 3_000_000, 1], pa.int32()).cast(pa.date32())
    pq.write_table(pa.table({"url": ["a", "b", "c"], "day": days}), tmp_path / "l.parquet")
    found = list(read_rows(tmp_path / "l.parquet"))
    assert [isinstance(row, BadRow) for row in found] == [False, True, False]


def test_a_parquet_file_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["url", "url"])
    pq.write_table(table, tmp_path / "l.parquet")
    with pytest.raises(DatasetError, match="has the columns url twice"):
        list(read_rows(tmp_path / "l.parquet"))


def test_a_column_of_bytes_is_text(tmp_path: Path) -> None:
    table = pa.table({"url": [b"http://a/", b"http://b/\xff"], "more": [b"x", b"\xfe"]})
    pq.write_table(table, tmp_path / "l.parquet")
    found = list(Urls(tmp_path / "l.parquet").candidates())
    assert [one.url for one in found] == ["http://a/", "http://b/\\xff"]
    assert [one.extra for one in found] == [{"more": "x"}, {"more": "\\xfe"}]


def test_bad_rows_are_rejects_and_counted(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_text(
        '{"url": "http://a.example/"}\n{\n{"url": "http://b.example/"}'
    )
    _, two, _ = Urls(tmp_path / "l.jsonl").candidates()
    assert two.refusal.startswith("bad-row: row 2: it is no JSON")
    planned = plan(Order(Urls(tmp_path / "l.jsonl"), tmp_path / "out", "u"), ResourceLimits())
    assert (planned.n_listed, planned.n_left, planned.refused) == (3, 2, {"bad-row": 1})


def test_a_dry_run_applies_what_needs_no_answer(tmp_path: Path) -> None:
    listed = {
        "http://a.example/1.jpg": None,
        "http://127.0.0.1/": "private-address",
        "http://2130706433/": "private-address",
        "http://0177.0.0.1/": "private-address",
        "http://[::1]/": "private-address",
        "http://localhost/": "private-address",
        "http://a.localhost./": "private-address",
        "http://a.example:22/": "port",
        "ftp://a.example/": "scheme",
        "http://user:pw@a.example/": "credentials-in-url",
        "http://[": "bad-url",
        "": "scheme",
        "file:///etc/passwd": "scheme",
    }
    table = [{"url": url, "source_id": str(i)} for i, url in enumerate(listed)]
    table += [
        {"url": "http://b.example/", "source_id": "long", "n_bytes": str(1 << 40)},
        {"url": "http://b.example/", "source_id": "digest", "sha256": "zz"},
    ]
    pd.DataFrame(table).to_csv(tmp_path / "l.csv", index=False)
    planned = plan(
        Order(Urls(tmp_path / "l.csv"), tmp_path / "out", "u", Rules()), ResourceLimits()
    )
    expected = [reason for reason in listed.values() if reason]
    expected += ["too-many-bytes", "digest-mismatch"]
    assert planned.n_left == 1
    assert planned.refused == {reason: expected.count(reason) for reason in set(expected)}


def test_a_role_that_no_protocol_looks_at_is_refused(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("url,role\nhttp://a/,HR\nhttp://b/,photographer\n")
    with pytest.raises(UsageError, match=r"holds the role 'photographer'.*--column role="):
        list(Urls(tmp_path / "l.csv").candidates())
    one, two = Urls(tmp_path / "l.csv", column=("role=none",)).candidates()
    assert (one.role, two.role, two.extra) == ("hr", "hr", {"role": "photographer"})
    (tmp_path / "l.csv").write_text("url,role\nhttp://a/,HR\nhttp://b/, lr\n")
    assert [c.role for c in Urls(tmp_path / "l.csv").candidates()] == ["hr", "lr"]


CELLS = st.dictionaries(
    st.sampled_from(["url", "caption", "author", "source_id", "width", "sha256", "group", "x"]),
    st.one_of(st.text(st.characters(codec=None), max_size=12), st.none(), st.integers(),
              st.floats(), st.lists(st.text(max_size=3), max_size=2)),
    min_size=1,
)  # fmt: skip


@given(st.lists(CELLS, min_size=1, max_size=5))
def test_whatever_a_list_holds_can_be_kept(tmp_path: Path, table: list[dict[str, object]]) -> None:
    """Lone surrogates, infinities and numbers of any size: a candidate goes to JSON and back."""
    table[0].setdefault("url", "http://a/")
    (tmp_path / "l.jsonl").write_text("\n".join(map(json.dumps, table)))
    candidates = list(Urls(tmp_path / "l.jsonl").candidates())
    assert len(candidates) == len(table)
    for candidate in candidates:
        candidate.to_json().encode()
        assert Candidate.from_json(candidate.to_json()) == candidate
        candidate.caption.encode()


SUFFIXES = (".txt", ".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz", ".jsonl.gz")


def _seeds() -> list[bytes]:
    text = b'url,caption,width\nhttp://a/1.jpg,"a, ""b""",640\nhttp://a/2.jpg,c,\n'
    lines = b'{"url": "http://a/1", "extra": {"a": [1, null, "x"]}}\n{"url": "http://a/2"}\n'
    packed = io.BytesIO()
    pd.DataFrame([{"url": "http://a/1", "w": 3}, {"url": "http://a/2", "w": 4}]).to_parquet(packed)
    bodies = (text, text, text.replace(b",", b"\t"), lines, packed.getvalue())
    bodies += (gzip.compress(text, mtime=0), gzip.compress(lines, mtime=0))
    seeds = [bytes([i]) + body for i, body in enumerate(bodies)]
    return [*seeds, b"\x01" + text.decode().encode("utf-16"), b"\x03" + DEEP.encode()]


def _mutate(rng: random.Random, known: Sequence[bytes]) -> bytes:
    """A list of the same kind, but now and then."""
    seed = rng.choice(known)
    kind = seed[:1] if rng.random() < 0.95 else bytes([rng.randrange(len(SUFFIXES))])
    return kind + mutated(rng, [seed[1:]] if rng.random() < 0.7 else [s[1:] for s in known])


def _read(data: bytes, folder: Path) -> None:
    path = folder / f"l{SUFFIXES[data[0] % len(SUFFIXES)]}" if data else folder / "l.txt"
    path.write_bytes(data[1:])
    for candidate in Urls(path, licence="CC0-1.0").candidates():
        Candidate.from_json(candidate.to_json())
    plan(Order(Urls(path), folder / "out", "u", Rules()), ResourceLimits())


@pytest.mark.slow
def test_fuzz_lists(tmp_path: Path) -> None:
    allowed = (AnyresBenchError,)
    assert fuzz("lists", _seeds(), lambda d: _read(d, tmp_path), allowed, mutate=_mutate) > 1000


def test_the_corpus_of_lists(tmp_path: Path) -> None:
    assert replay("lists", lambda data: _read(data, tmp_path), (AnyresBenchError,))
