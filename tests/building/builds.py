"""Builds of small collections, and what stands in their folders."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules

HEADER = Rules(measure="header")


DECODE = Rules(measure="decode")


ENGINE = LocalEngine(ResourceLimits(processes=1))


def files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in (folder / "images").rglob("*")
        if path.is_file()
    }


def rejects(folder: Path) -> dict[str, str]:
    table = pd.read_parquet(folder / "rejects.parquet")
    return dict(zip(table.source_id, table.reason, strict=True))
