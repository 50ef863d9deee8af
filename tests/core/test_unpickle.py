"""The pickle machine gives plain data as it was, and runs nothing."""

from __future__ import annotations

import contextlib
import os
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyres_bench.core.budget import Budget
from anyres_bench.core.errors import CheckpointError, UnsafeCheckpointError
from anyres_bench.core.unpickle import SafeUnpickler, expect, quote

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.text(),
)
PLAIN = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner),
        st.tuples(inner, inner),
        st.tuples(inner, inner, inner, inner),
        st.dictionaries(st.text(), inner),
    ),
    max_leaves=20,
)


def reader(data: bytes, names: Any = None, **limits: int) -> SafeUnpickler:
    return SafeUnpickler(memoryview(data), names or {}, Budget(len(data), **limits))


@settings(max_examples=40, deadline=None)
@given(PLAIN, st.integers(2, 5))
def test_plain_data_come_back(value: Any, protocol: int) -> None:
    found = reader(pickle.dumps(value, protocol)).load()
    assert found == value
    assert repr(found) == repr(value)


def test_one_pickle_after_another() -> None:
    data = pickle.dumps([1], 2) + pickle.dumps({"a": (2.5, {"b"})}, 4)
    machine = reader(data)
    assert machine.load() == [1]
    assert machine.load() == {"a": (2.5, {"b"})}
    assert machine.position == len(data)


def test_bytes_are_views_of_the_file() -> None:
    data = pickle.dumps(b"abc" * 100, 4)
    view = reader(data).load()
    assert isinstance(view, memoryview)
    assert view.obj is data


class Runs:
    """An object whose pickle calls a function."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.getenv, ("HOME",)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_only_functions_of_the_table_are_called_by_their_exact_name(protocol: int) -> None:
    data = pickle.dumps(Runs(), protocol)
    with pytest.raises(UnsafeCheckpointError, match="getenv"):
        reader(data).load()
    names = {("os", "getenv"): lambda arguments: ["called with", *arguments]}
    assert reader(data, names).load() == ["called with", "HOME"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_other_bytes_end_in_our_errors(data: bytes) -> None:
    for start in (b"", b"\x80\x02", b"\x80\x04"):
        with contextlib.suppress(CheckpointError):
            reader(start + data).load()


def test_every_cut_is_told() -> None:
    whole = pickle.dumps({"name": [1, 2.5, "text", (None, True)]}, 4)
    for end in range(len(whole)):
        with pytest.raises(CheckpointError):
            reader(whole[:end]).load()


def test_opcodes_text_and_nesting_are_bounded() -> None:
    with pytest.raises(CheckpointError, match="steps more"):
        reader(pickle.dumps(list(range(100)), 2), steps=50).load()
    with pytest.raises(CheckpointError, match="text bytes more"):
        reader(pickle.dumps("x" * 100, 2), text_bytes=99).load()
    with pytest.raises(CheckpointError, match="nested deeper"):
        reader(b"\x80\x02" + b"(" * 2000 + b".").load()
    with pytest.raises(CheckpointError, match="an integer of"):
        reader(pickle.dumps(1 << 200, 2)).load()


@pytest.mark.parametrize("data", [pickle.dumps(1, 0), pickle.dumps([1], 1), b"\x80\x06N."])
def test_other_protocols_are_named(data: bytes) -> None:
    with pytest.raises(CheckpointError, match="not a pickle of protocol 2 to 5"):
        reader(data).load()


def test_kinds_and_quotes() -> None:
    assert expect(3, int) == 3
    with pytest.raises(CheckpointError, match="holds a str where official ones hold a int"):
        expect("3", int)
    assert quote("a\x1b" * 200).isprintable()
    assert quote([1]) == "a list"
