"""Numbers of numpy in pickles come back as they were, and what is no plain number is refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from anyres_bench.core.budget import Budget
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.pickled_numpy import Array, numpy_names
from anyres_bench.core.unpickle import SafeUnpickler


def read(value: object, protocol: int) -> Any:
    budget = Budget(tensor_bytes=1 << 20)
    data = memoryview(pickle.dumps(value, protocol=protocol))
    return SafeUnpickler(data, numpy_names(budget), budget).load()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["bool", "uint8", "int16", "int64", "float16", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back(kind: str, order: Any, protocol: int) -> None:
    array = np.asarray(np.arange(6).reshape(2, 3), dtype=kind, order=order)
    read_back = read(array, protocol)
    assert isinstance(read_back, Array)
    np.testing.assert_array_equal(read_back.value, array)
    assert read_back.plain() == array.tolist()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_scalars_come_back_as_plain_numbers(protocol: int) -> None:
    for number in (np.float32(0.1), np.int64(-7), np.bool_(True)):
        value = read(number, protocol)
        assert value == number.item()
        assert type(value) is type(number.item())


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", "b"]),
        np.array([1 + 2j]),
        np.array([1.0], dtype=">f8"),
        np.zeros((1, 1, 1, 1, 1)),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
    ],
    ids=["text", "complex", "big-endian", "five-dimensions", "dates"],
)
def test_what_is_no_plain_number_is_refused(array: np.ndarray) -> None:
    with pytest.raises(CheckpointError):
        read(array, 2)


def test_long_arrays_are_no_options() -> None:
    with pytest.raises(CheckpointError, match="too large for an option"):
        read(np.zeros(10_001), 5).plain()
