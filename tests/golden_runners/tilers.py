"""Tables of plans: `tilers_{internvl,llava_next,qwen2vl,extra}`, one sub-case a set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.internvl import InternVL
from anyres_bench.tilers.plan import Tiler
from tests.golden import Case, Check

Columns = dict[str, list[int]]


def run(case: Case) -> Iterator[tuple[str, list[Check]]]:
    kind = case.stem.removeprefix("tilers_")
    for name, table in case.meta["sets"].items():
        columns = dict(
            zip(table["columns"], map(list, zip(*table["rows"], strict=True)), strict=True)
        )
        sizes = [Size(h, w) for w, h in zip(columns.pop("w"), columns.pop("h"), strict=True)]
        yield name, list(TABLES[kind](table["config"], sizes, columns))


def compare(want: Columns, got: dict[str, Any]) -> Iterator[Check]:
    for column in want:
        yield Check(column, got[column], want[column])


def internvl(config: dict[str, Any], sizes: list[Size], want: Columns) -> Iterator[Check]:
    tiler = InternVL(
        tile=config["image_size"],
        min_tiles=config["min_num"],
        max_tiles=config["max_num"],
        thumbnail=config["use_thumbnail"],
    )
    yield Check("tokens_per_tile", tiler.tokens_per_tile, config["tokens_per_tile"])
    plans = [tiler.plan(size) for size in sizes]
    grid_w, grid_h = [p.grid.width for p in plans], [p.grid.height for p in plans]
    got = {
        "grid_w": grid_w,
        "grid_h": grid_h,
        "resized_w": [p.resized.width for p in plans],
        "resized_h": [p.resized.height for p in plans],
        "n_tiles_incl_thumb": [len(p.regions) for p in plans],
        "tokens": [p.tokens for p in plans],
        "hf_cols": grid_w,
        "hf_rows": grid_h,
    }
    yield from compare(want, got)
    yield from same_listing(tiler, sizes)


def same_listing(tiler: Tiler, sizes: list[Size]) -> Iterator[Check]:
    """The vectorised listing against the plans, size by size."""
    array = np.array(sizes, np.int64)
    listing = tiler.listing(array[:, 0], array[:, 1])
    got = [listing.grid, listing.canvas, listing.resized, listing.offset]
    rows = np.concatenate(
        [*got, np.stack([listing.regions, listing.encoder_tokens, listing.tokens], 1)], axis=1
    )
    yield Check("listing", rows, [numbers(tiler, size) for size in sizes])


def numbers(tiler: Tiler, size: Size) -> list[int]:
    try:
        plan = tiler.plan(size)
    except ImageError:
        return [-1] * 11
    main = plan.main
    return [*main.grid, *main.canvas, *main.resized, main.top, main.left] + [
        len(plan.regions),
        plan.encoder_tokens,
        plan.tokens,
    ]


TABLES = {"internvl": internvl}
