"""Frozen dataclasses from plain JSON values and back, every value held against its type.

Nothing of a file is believed: a value of another type, a number that is not finite, text that UTF-8
cannot hold or an unknown key is refused by a message that says where it stands.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from anyres_bench.core.errors import DataError

T = TypeVar("T")
Reader = Callable[[Any, str], Any]

Plain = typing.NewType("Plain", object)
"""Type of a field that holds JSON of any shape, a few levels deep."""

_LARGEST_INT = 1 << 63
_LONGEST_TEXT = 20_000
_DEEPEST = 8  # levels of a `Plain` value


def from_plain(kind: type[T], value: Any, where: str = "") -> T:
    """The dataclass `kind` that plain values stand for.

    Args:
        kind: a dataclass; its fields are of int, float, bool, str, tuples, mappings of these by
            text, `Plain`, other dataclasses, or None beside one of these.
        value: as `json.loads` gives it.
        where: name of the value, for messages.

    Raises:
        DataError: a value has not the type of its field, or a field is missing or unknown.
    """
    return typing.cast(T, _reader(typing.cast(Any, kind))(value, where))


def to_plain(value: Any) -> Any:
    """Plain JSON values; None in the place of a dataclass is an empty object."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _field_to_plain(field.name, type(value), getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {name: to_plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value


def _field_to_plain(name: str, kind: type, value: Any) -> Any:
    return {} if value is None and _optional_record(_hints(kind)[name]) else to_plain(value)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@functools.cache
def _optional_record(kind: Any) -> type | None:
    """The dataclass of `Record | None`; None for any other type."""
    if typing.get_origin(kind) is not types.UnionType:
        return None
    members = [member for member in typing.get_args(kind) if dataclasses.is_dataclass(member)]
    return typing.cast(type, members[0]) if members else None


@functools.cache
def _reader(kind: Any) -> Reader:
    """What reads values of a type."""
    if kind is Plain:
        return _plain
    if kind in _SCALARS:
        return _SCALARS[kind]
    if dataclasses.is_dataclass(kind):
        return _record_reader(typing.cast(type, kind))
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        record = _optional_record(kind)
        (member,) = [argument for argument in arguments if argument is not types.NoneType]
        empty: Any = {} if record else None
        inner = _reader(member)
        return lambda value, where: None if value == empty else inner(value, where)
    if origin is tuple:
        return _tuple_reader(arguments)
    assert typing.get_origin(kind) is Mapping, f"no reader for {kind}"
    return _mapping_reader(_reader(arguments[1]))


def _record_reader(kind: type) -> Reader:
    fields = dataclasses.fields(kind)
    readers = {field.name: _reader(_hints(kind)[field.name]) for field in fields}
    required = {
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }

    def read(value: Any, where: str) -> Any:
        _expect(isinstance(value, dict), value, where, "an object")
        if missing := sorted(required - value.keys()):
            raise DataError(f"{where or 'the record'} lacks {', '.join(missing)}")
        if unknown := sorted(value.keys() - readers.keys()):
            names = ", ".join(name[:80] for name in unknown[:5])
            raise DataError(f"{where or 'the record'} has unknown fields: {names}")
        inside = f"{where}." if where else ""
        return kind(**{name: readers[name](item, inside + name) for name, item in value.items()})

    return read


def _tuple_reader(arguments: tuple[Any, ...]) -> Reader:
    item, n = _reader(arguments[0]), None if arguments[-1] is Ellipsis else len(arguments)

    def read(value: Any, where: str) -> Any:
        fits = isinstance(value, list) and n in (None, len(value))
        _expect(fits, value, where, f"a list of {n}" if n else "a list")
        return tuple(item(each, f"{where}[{i}]") for i, each in enumerate(value))

    return read


def _mapping_reader(item: Reader) -> Reader:
    def read(value: Any, where: str) -> Any:
        _expect(isinstance(value, dict), value, where, "an object")
        return {_text(name, where): item(each, f"{where}.{name}") for name, each in value.items()}

    return read


def _text(value: Any, where: str) -> str:
    _expect(isinstance(value, str), value, where, "text")
    text = typing.cast(str, value)
    if len(text) > _LONGEST_TEXT:
        raise DataError(f"{where} has {len(text)} characters, expected {_LONGEST_TEXT} at most")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{where} holds half a character, which is no text") from error
    return text


def _int(value: Any, where: str) -> int:
    fits = type(value) is int and abs(value) < _LARGEST_INT
    _expect(fits, value, where, "a whole number of at most 63 bits")
    return typing.cast(int, value)


def _float(value: Any, where: str) -> float:
    fits = type(value) is float or (type(value) is int and abs(value) < _LARGEST_INT)
    _expect(fits and math.isfinite(value), value, where, "a finite number")
    return float(value)


def _bool(value: Any, where: str) -> bool:
    _expect(type(value) is bool, value, where, "true or false")
    return typing.cast(bool, value)


def _plain(value: Any, where: str, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise DataError(f"{where} is more than {_DEEPEST} levels deep")
    if isinstance(value, dict):
        return {_text(k, where): _plain(v, where, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(item, where, depth + 1) for item in value]
    if isinstance(value, str):
        return _text(value, where)
    if value is None or type(value) is bool:
        return value
    return _int(value, where) if type(value) is int else _float(value, where)


_SCALARS: dict[Any, Reader] = {str: _text, int: _int, float: _float, bool: _bool}


def _expect(fits: bool, value: Any, where: str, expected: str) -> None:
    if not fits:
        got = repr(value) if isinstance(value, str | float | bool) else type(value).__name__
        got = "a huge number" if type(value) is int else got
        raise DataError(f"{where or 'the record'} is {got[:80]}, expected {expected}")
