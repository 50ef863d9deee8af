"""Values of foreign files are held against what they should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyres_bench.core.errors import DatasetError
from anyres_bench.core.plain import checked_fields, is_too_deep, read_json


@dataclass(frozen=True)
class Row:
    name: str
    n: int
    share: float = 0.0
    height: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "{", "", "\ufeff1"])
def test_what_is_no_json_is_refused_by_name(text: str) -> None:
    with pytest.raises(DatasetError, match="the row is damaged"):
        read_json(text, "the row")


def test_depth_is_bounded_without_recursion() -> None:
    assert read_json("[" * 63 + "]" * 63, "it") == nested(63)
    for levels in (70, 100_000):
        with pytest.raises(DatasetError, match="it"):
            read_json("[" * levels + "]" * levels, "it")
    assert not is_too_deep(nested(64))
    assert is_too_deep(nested(66))
    assert is_too_deep({"a": (nested(66),)})


def test_fields_come_back_as_their_types() -> None:
    values = {"name": "a", "n": 3.0, "share": 1, "height": None, "extra": [1]}
    row = checked_fields(Row, values, "a row")
    assert row == {"name": "a", "n": 3, "share": 1, "height": None, "extra": [1]}
    assert type(row["n"]) is int


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "no object of fields but list"),
        ({"name": "a"}, "a row lacks n"),
        ({"name": "a", "n": 1, "colour": 2}, "unknown field 'colour'"),
        ({"name": 7, "n": 1}, "name of a row is 7, expected str"),
        ({"name": "a", "n": True}, "n of a row is True, expected int"),
        ({"name": "a", "n": 1.5}, "n of a row is 1.5, expected int"),
        ({"name": "a", "n": None}, "n of a row is None"),
        ({"name": "a", "n": 1 << 63}, "no number to work with"),
        ({"name": "a", "n": 1, "share": float("nan")}, "no number to work with"),
        ({"name": "a", "n": 1, "share": float("inf")}, "no number to work with"),
    ],
)
def test_what_does_not_fit_is_named(values: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        checked_fields(Row, values, "a row")


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["name", "n", "share", "height"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    )
)
def test_whatever_comes_is_a_row_or_a_dataset_error(values: dict[str, Any]) -> None:
    try:
        row = Row(**checked_fields(Row, values, "a row"))
    except DatasetError:
        return
    row.name.encode()  # text is storable
    assert -(1 << 63) <= row.n < 1 << 63
