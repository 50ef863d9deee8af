"""Records of earlier schemas, brought to the newest one; what they did not say stays unknown."""

from __future__ import annotations

from typing import Any

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.results.record import UNKNOWN
from anyres_bench.results.task import Task


def from_schema_1(body: dict[str, Any]) -> dict[str, Any]:
    """A record of schema 1, which nothing seals.

    It said where the extractor ran alone. Of every interval it said "jackknife over 20 folds",
    whatever had been done. A protocol's numbers could begin with zeros.

    Raises:
        DataError: it is not of this schema.
    """
    task, device, intervals = (body.get(name) for name in ("task", "device", "intervals"))
    if not isinstance(task, str) or not isinstance(device, str) or not isinstance(intervals, dict):
        raise DataError("task, device or intervals are not those of a record of schema 1")
    if not all(isinstance(interval, dict) for interval in intervals.values()):
        raise DataError("intervals are not those of a record of schema 1")
    return {
        **body,
        "task": _one_spelling(task),
        "device": {"model": UNKNOWN, "extractor": device},
        "intervals": {
            name: {**interval, "method": UNKNOWN} for name, interval in intervals.items()
        },
    }


def _one_spelling(task: str) -> str:
    try:
        return Task.parse(task).id
    except UsageError as error:
        raise DataError(str(error)) from error
