"""How far AnyRes-GAN is from real pictures and how far from every floor, on the largest canvas.

    python -m benchmarks.embedded_floors      where `embedded_records add` has measured

Patch-Fréchet between two systems: a floor's windows stand where those of real pictures do. The
windows are those of the committed records, and so is the distance to real pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anyres_bench.core.files import write_json
from anyres_bench.evaluation.pairs import cached_bank
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.measuring import Measurement, measure
from anyres_bench.metrics.metric import metric_from
from anyres_bench.results import Interval, Result

OUT = Path("benchmarks/results/embedded_floors.json")
REAL_PICTURES = "real pictures"
TASK = "patch32-at128/frechet"
SYSTEMS = ("ours-seed0", "ours-seed1")
FLOORS = (
    "lanczos-64",
    "lanczos-32",
    "nearest-32",
    "lanczos-stage1-seed0",
    "lanczos-stage1-seed1",
    "constant",
)


def distances(records: dict[str, dict[str, Result]]) -> Iterator[dict[str, Any]]:
    """A row for every system and what it is compared with."""
    metric = metric_from("frechet")
    for name in SYSTEMS:
        record = records[name][TASK]
        found = record.intervals["frechet"]
        yield {"of": name, "to": REAL_PICTURES, "seals": [record.seal], **_row(record, found)}
        for floor in FLOORS:
            other = records[floor][TASK]
            made = measure(metric, _windows(other, floor), _windows(record, name), record.seed)
            seals = [record.seal, other.seal]
            yield {"of": name, "to": floor, "seals": seals, **_row(made, made.intervals["frechet"])}


def _row(made: Result | Measurement, interval: Interval) -> dict[str, float]:
    return {"value": made.values["frechet"], "low": interval.low, "high": interval.high}


def _windows(record: Result, name: str) -> FeatureBank:
    bank = cached_bank(record, "fake")
    if bank is None:
        raise SystemExit(f"features of {name} are gone: `embedded_records add {name}` again")
    return bank


def committed_floors() -> list[dict[str, Any]]:
    """The rows that were found."""
    found: list[dict[str, Any]] = json.loads(OUT.read_text())["rows"]
    return found


if __name__ == "__main__":
    from benchmarks.embedded_records import all_records

    write_json(OUT, {"task": TASK, "rows": list(distances(all_records()))})
