"""Answers of Flickr's interface, read with suspicion: any part may be of another type, or missing.

The key is taken out of an answer before anything of it is looked at: a service, or what stands in
its place, may echo it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from anyres_bench.core.errors import DatasetError, FetchError, UsageError
from anyres_bench.core.plain import read_json
from anyres_bench.core.quoting import storable, terminal

_TRANSIENT_CODES = {0, 105, 106, 201}  # "not currently available", "service unavailable", ...
_INVALID_KEY = 100
# TLS, a signature or a login is wanted; no such format, method or address: it is no photo's fault.
_OF_EVERY_CALL = {95, 96, 97, 98, 111, 112, 114, 115, 116}
_GONE_CODES = {1: "not-found", 2: "private"}
_LONGEST_MESSAGE = 200
_SHOWN = 60  # bytes of what is no answer
_LARGEST = 1 << 63
_HIDDEN = b"[key]"


def read_answer(method: str, data: bytes, key: str, status: int = 200) -> dict[str, Any]:
    """The JSON of an answer, if it says that all is well.

    Args:
        method: that was called.
        data: the answer's body.
        key: that it was called with.
        status: of the answer, by HTTP.

    Raises:
        FetchError: `not-found`, `private`, `busy`, `unparsable`, or `flickr-CODE`.
        UsageError: the key is not valid, or the service takes no such call.
    """
    data = without(key, data)
    try:
        answer = read_json(data, "the answer")
    except DatasetError:
        answer = None
    if not isinstance(answer, dict) or answer.get("stat") not in ("ok", "fail"):
        raise FetchError(
            "unparsable",
            f"{method} answered HTTP {status} and {_begins(data)}; expected JSON with stat ok or "
            "fail: what answers is not Flickr's interface, or is in trouble",
        )
    if answer["stat"] == "ok":
        return answer
    code = whole(answer.get("code"))
    said = terminal(words(answer.get("message")))[:_LONGEST_MESSAGE]
    message = f"{method}: Flickr says {'an unknown code' if code is None else code}: {said}"
    if code == _INVALID_KEY:
        raise UsageError(f"{message}; check the key")
    if code in _OF_EVERY_CALL:
        raise UsageError(f"{message}; that holds for every photo: check the key and --api")
    if code in _TRANSIENT_CODES:
        raise FetchError("busy", message)
    reason = "bad-answer" if code is None else _GONE_CODES.get(code, f"flickr-{code}")
    raise FetchError(reason, message)


def without(key: str, data: bytes) -> bytes:
    """The bytes with the key, in whichever case, put out of sight."""
    return re.sub(re.escape(key.encode()), _HIDDEN, data, flags=re.IGNORECASE) if key else data


def _begins(data: bytes) -> str:
    """What an answer is that is none."""
    if not data:
        return "nothing"
    return f"{len(data)} bytes that begin {data[:_SHOWN].decode('utf-8', 'replace')!a}"


def part(answer: object, *names: str) -> Mapping[str, Any]:
    """The object that `names` lead to; an empty one where there is none.

    >>> part({"a": {"b": {"c": 1}}}, "a", "b"), part({"a": [1]}, "a", "b")
    ({'c': 1}, {})
    """
    for name in names:
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return answer if isinstance(answer, Mapping) else {}


def entries(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def words(value: object) -> str:
    """Text, which Flickr may wrap as {"_content": ...}; empty where there is none.

    >>> words("a"), words({"_content": "b"}), words([1]), words(7)
    ('a', 'b', '', '7')
    """
    if isinstance(value, Mapping):
        value = value.get("_content")
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return storable(str(value)) if is_plain else ""


def whole(value: object) -> int | None:
    """A whole number, which Flickr writes as a number or as text; None where it is none.

    >>> whole("4"), whole(4.0), whole("x"), whole(None), whole("9" * 5000)
    (4, 4, None, None, None)
    """
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"-?[0-9]{1,18}", value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if -_LARGEST < value < _LARGEST and value == int(value) else None
