"""Plain values and dataclasses: there and back, and nothing of another type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyres_bench.core.errors import DataError
from anyres_bench.results.plain import Plain, from_plain, to_plain

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
INT = st.integers(-(2**63) + 1, 2**63 - 1)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)


@dataclass(frozen=True)
class Inner:
    name: str
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Outer:
    pair: tuple[int, int]
    share: float
    on: bool
    inner: Inner | None
    by_name: Mapping[str, Inner]
    free: Mapping[str, Plain] = field(default_factory=dict)
    note: str | None = None


INNER = st.builds(Inner, TEXT, st.lists(INT, max_size=3).map(tuple))
OUTER = st.builds(
    Outer,
    pair=st.tuples(INT, INT),
    share=FLOAT,
    on=st.booleans(),
    inner=st.none() | INNER,
    by_name=st.dictionaries(TEXT, INNER, max_size=2),
    free=st.dictionaries(TEXT, st.none() | INT | FLOAT | TEXT | st.lists(INT, max_size=2)),
    note=st.none() | TEXT,
)


@given(OUTER)
def test_there_and_back_through_json(value: Outer) -> None:
    assert from_plain(Outer, json.loads(json.dumps(to_plain(value)))) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["pair", "share", "on", "inner", "by_name", "free", "note", "more"]))
def test_whatever_a_file_holds_is_taken_or_refused(value: Any, name: str) -> None:
    body = to_plain(Outer((1, 2), 0.5, True, Inner("a"), {})) | {name: value}
    try:
        taken = from_plain(Outer, body)
    except DataError:
        return
    assert from_plain(Outer, json.loads(json.dumps(to_plain(taken)))) == taken


def test_what_is_no_object_is_refused() -> None:
    for value in (None, [], "a", 1):
        with pytest.raises(DataError, match=r"the record is .*expected an object"):
            from_plain(Inner, value)
