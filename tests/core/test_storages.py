"""Views of storages lie inside the numbers that a file holds, or are refused."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anyres_bench.core.budget import Budget
from anyres_bench.core.errors import CheckpointError, UnsafeCheckpointError
from anyres_bench.core.storages import (
    LEGACY_MAGIC,
    Storage,
    read_layout,
    read_legacy_stream,
    tensor_names,
    to_tensor,
)

NUMBERS = torch.arange(12, dtype=torch.int32)


def storage() -> Storage:
    data = memoryview(bytearray(NUMBERS.numpy().tobytes()))
    return Storage("int32", 4, len(NUMBERS), lambda: data)


def arguments(offset: Any, size: Any, stride: Any) -> tuple[Any, ...]:
    return (storage(), offset, size, stride, False, {})


SIDES = st.lists(st.integers(-1, 5), max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.integers(-1, 14), SIDES, SIDES)
def test_a_view_is_torchs_own_or_refused(offset: int, size: list[int], stride: list[int]) -> None:
    try:
        layout = read_layout(arguments(offset, tuple(size), tuple(stride)))
    except CheckpointError:
        return
    tensor = to_tensor(layout, Budget(tensor_bytes=NUMBERS.nbytes))
    assert tensor.shape == tuple(size)
    assert tensor.is_contiguous()
    if tensor.numel():
        assert torch.equal(tensor, NUMBERS.as_strided(size, stride, offset))


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (13,), (1,)),
        (1, (12,), (1,)),
        (0, (7,), (2,)),
        (-1, (1,), (1,)),
        (0, (-1,), (1,)),
        (0, (2,), (1, 1)),
        (0, (1,) * 9, (1,) * 9),
        (0, (0, 1 << 40), (1, 1)),
        (0.0, (1,), (1,)),
        (0, [1], (1,)),
    ],
)
def test_views_that_lie_are_refused(offset: Any, size: Any, stride: Any) -> None:
    with pytest.raises(CheckpointError):
        read_layout(arguments(offset, size, stride))


def test_the_same_view_is_paid_once_and_another_is_not_given() -> None:
    budget = Budget(tensor_bytes=NUMBERS.nbytes)
    shared = storage()
    whole = read_layout((shared, 0, (12,), (1,), False, {}))
    assert to_tensor(whole, budget) is to_tensor(whole, budget)
    with pytest.raises(CheckpointError, match="tensor bytes more"):
        to_tensor(read_layout((shared, 0, (11,), (1,), False, {})), budget)


def legacy(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def read_legacy(data: bytes) -> Any:
    budget = Budget(tensor_bytes=len(data))
    storages: dict[str, Storage] = {}
    return read_legacy_stream(memoryview(bytearray(data)), LAYOUTS, budget, storages)


LAYOUTS = {
    **tensor_names(Budget(tensor_bytes=0)),
    ("torch._utils", "_rebuild_tensor_v2"): read_layout,
}


def test_the_older_stream_declares_views_of_what_follows() -> None:
    found = read_legacy(legacy({"w": NUMBERS.reshape(3, 4).T, "step": 7}))
    assert found["step"] == 7
    assert torch.equal(
        to_tensor(found["w"], Budget(tensor_bytes=NUMBERS.nbytes)), NUMBERS.reshape(3, 4).T
    )


def test_a_stream_that_is_cut_or_goes_on_is_refused() -> None:
    whole = legacy({"w": NUMBERS})
    assert whole.startswith(LEGACY_MAGIC)
    for damaged in (whole[:-1], whole + b"x", whole[:20], b"", b"x" + whole):
        with pytest.raises(CheckpointError):
            read_legacy(damaged)


def test_a_global_of_no_table_is_refused() -> None:
    with pytest.raises(UnsafeCheckpointError):
        read_legacy(legacy({"w": print}))
