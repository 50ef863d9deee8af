"""numpy's numbers in pickles, for `SafeUnpickler`: views of the file, of plain types alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from anyres_bench.core.budget import Budget
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.unpickle import Arguments, NameTable, expect, quote

_PLAIN = ("b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
_MAX_DIMENSIONS = 4
_MAX_VALUES = 10_000


@dataclass(eq=False)
class Dtype:
    """A numpy dtype: kind and width, such as "f8"; the byte order comes by BUILD."""

    code: str

    def build(self, state: Any) -> None:
        order = expect(state, tuple)[1] if len(state) > 1 else None
        if order not in ("<", "|"):
            raise CheckpointError("numbers of numpy that are not little-endian")

    def read(self, data: Any) -> np.ndarray:
        """The numbers in `data`, as a view of it."""
        if self.code not in _PLAIN:
            raise CheckpointError(f"numpy dtype {quote(self.code)}; only plain numbers are read")
        return np.frombuffer(expect(data, memoryview), dtype=f"<{self.code}")


@dataclass(eq=False)
class Array:
    """A numpy array; shape, dtype and numbers come by BUILD."""

    value: np.ndarray | None = None

    def build(self, state: Any) -> None:
        _version, shape, dtype, fortran, data = expect(state, tuple)
        self.fill(data, dtype, shape, "F" if fortran else "C")

    def fill(self, data: Any, dtype: Any, shape: Any, order: Literal["C", "F"]) -> None:
        """Take the numbers, which must be as many as the shape says."""
        numbers = expect(dtype, Dtype).read(data)
        sides = [expect(side, int) for side in expect(shape, tuple)]
        if len(sides) > _MAX_DIMENSIONS or math.prod(sides) != numbers.size:
            raise CheckpointError(f"a numpy array of shape {sides[:5]} and {numbers.size} numbers")
        self.value = numbers.reshape(sides, order=order)

    def plain(self) -> Any:
        """The numbers as nested lists."""
        if self.value is None or self.value.size > _MAX_VALUES:
            raise CheckpointError("a numpy array without numbers, or too large for an option")
        return self.value.tolist()


def numpy_names(budget: Budget) -> NameTable:
    """The globals that pickles of numpy's arrays and scalars name."""

    def encode(arguments: Arguments) -> memoryview:
        # How pickle protocol 2 keeps bytes: as text of the same numbers.
        text, encoding = arguments
        if encoding != "latin1":
            raise CheckpointError(f"bytes as text in {quote(encoding)}; expected latin1")
        budget.spend("text_bytes", len(expect(text, str)))
        return memoryview(text.encode("latin1"))

    names: dict[tuple[str, str], Any] = {
        ("_codecs", "encode"): encode,
        ("numpy", "ndarray"): lambda arguments: Array(),
        ("numpy", "dtype"): lambda arguments: Dtype(expect(arguments[0], str)),
    }
    for numpy in ("numpy.core", "numpy._core"):
        names[f"{numpy}.multiarray", "_reconstruct"] = lambda arguments: Array()
        names[f"{numpy}.multiarray", "scalar"] = _read_scalar
        names[f"{numpy}.numeric", "_frombuffer"] = _read_array  # pickle protocol 5
    return names


def _read_scalar(arguments: Arguments) -> Any:
    dtype, data = arguments
    [number] = expect(dtype, Dtype).read(data)
    return number.item()


def _read_array(arguments: Arguments) -> Array:
    data, dtype, shape, order = arguments
    array = Array()
    array.fill(data, dtype, shape, "F" if order == "F" else "C")
    return array
