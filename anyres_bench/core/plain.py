"""Plain values of files that someone else may have written, held against what they should be."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from anyres_bench.core.errors import DatasetError
from anyres_bench.core.quoting import storable

_DEEPEST = 64  # levels of lists and objects within each other
_LARGEST = 1 << 63
_KINDS: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (float, int)}


def read_json(text: str | bytes, what: str) -> Any:
    """The value of a JSON text, no deeper than 64 levels; NaN and infinity are refused.

    Args:
        text: of the file or row.
        what: names it in messages.

    Raises:
        DatasetError: it is no JSON, or too deep.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text))
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{what} is damaged: {error!s:.200}") from error
    if text.count("[") + text.count("{") > _DEEPEST and is_too_deep(value):
        raise DatasetError(f"{what} nests more than {_DEEPEST} levels deep")
    return value


def unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for `object_pairs_hook`: of a key that stands twice, readers take either.

    Raises:
        ValueError: a key stands twice.

    >>> json.loads('{"a": 1, "a": 2}', object_pairs_hook=unique_keys)
    Traceback (most recent call last):
    ValueError: the key 'a' stands twice in one object
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice!r:.80} stands twice in one object")
    return found


def differences(old: Any, new: Any, where: str = "") -> list[str]:
    """Where nested plain values differ, by full path, with both values.

    >>> differences({"loop": {"batch": 8, "seed": 0}}, {"loop": {"batch": 4, "seed": 0}})
    ['loop.batch (8, now 4)']
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        dot = where and "."
        names = sorted(old.keys() | new.keys())
        inner = [differences(old.get(n), new.get(n), f"{where}{dot}{n}") for n in names]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        inner = [differences(*pair, f"{where}[{i}]") for i, pair in pairs]
    else:
        inner = [[f"{where} ({old!r:.80}, now {new!r:.80})"]] if old != new else []
    return [each for some in inner for each in some]


def is_too_deep(value: Any) -> bool:
    """Whether a value nests more than 64 levels deep, told without recursion."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list | tuple)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def checked_fields(kind: type, values: object, what: str) -> dict[str, Any]:
    """Values for the fields of a dataclass, those of plain types held against their annotations.

    Text is made storable; a field of another type than str, int or float is let through.

    Args:
        kind: a dataclass whose annotations are strings.
        values: field -> value; a field that has a default may be missing.
        what: names it in messages.

    Raises:
        DatasetError: a field is unknown, missing, or of another type.
    """
    kinds, required = _fields(kind)
    if not isinstance(values, Mapping):
        raise DatasetError(f"{what} is no object of fields but {type(values).__name__}")
    if unknown := [name for name in values if name not in kinds]:
        raise DatasetError(f"{what} has the unknown field {str(unknown[0])!r:.60}")
    if missing := required.difference(values):
        raise DatasetError(f"{what} lacks {', '.join(sorted(missing))}")
    return {name: _fitting(kinds[name], value, name, what) for name, value in values.items()}


@functools.cache
def _fields(kind: type) -> tuple[dict[str, tuple[tuple[type, ...], bool]], frozenset[str]]:
    """Field -> (its plain types, whether it may be None), and those without a default."""
    kinds, required = {}, set()
    for field in dataclasses.fields(kind):
        name, _, rest = str(field.type).partition(" | ")
        kinds[field.name] = (_KINDS.get(name, ()), rest == "None")
        if field.default is field.default_factory is dataclasses.MISSING:
            required.add(field.name)
    return kinds, frozenset(required)


def _fitting(kind: tuple[tuple[type, ...], bool], value: Any, name: str, what: str) -> Any:
    types, may_be_none = kind
    if isinstance(value, str) and str in types:  # as most are
        return storable(value)
    if not types or (value is None and may_be_none):
        return value
    if types == (int,) and isinstance(value, float) and value.is_integer():
        value = int(value)  # as tables write whole numbers of a column with gaps
    if isinstance(value, bool) or not isinstance(value, types):
        raise DatasetError(f"{name} of {what} is {value!r:.60}, expected {types[0].__name__}")
    if isinstance(value, int | float) and not -_LARGEST <= value < _LARGEST:  # NaN is not
        raise DatasetError(f"{name} of {what} is {value!r:.60}, which is no number to work with")
    return value


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)  # `json.loads` would make one for each text
