"""Tables of plans: `tilers_{internvl,llava_next,qwen2vl,extra}`, one sub-case a set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.internvl import InternVL
from anyres_bench.tilers.llava import Llava
from anyres_bench.tilers.native import NaFlex, Pixtral
from anyres_bench.tilers.plan import Plan, Tiler
from anyres_bench.tilers.qwen import Qwen
from tests.golden import Case, Check

SIDES = ("top", "left", "bottom", "right")
FEATURES = ("unpad_h", "unpad_w", "feat_h", "feat_w")

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


def llava_next(config: dict[str, Any], sizes: list[Size], want: Columns) -> Iterator[Check]:
    upstream = Llava(
        tile=config["tile"],
        patch=config["patch"],
        pinpoints=tuple((a, b) for a, b in config["grid_pinpoints"]),
        anyres_max=config["anyres_max"],
    )
    hf = replace(upstream, order="height-width", unpad="round7")
    yield Check("tokens_per_side", upstream.side, config["tokens_per_side"])
    ours, theirs = [upstream.plan(s) for s in sizes], [hf.plan(s) for s in sizes]
    got = {
        **{f"pad_{side}": [p.padding[k] for p in ours] for k, side in enumerate(SIDES)},
        "best_w": [p.canvas.width for p in ours],
        "best_h": [p.canvas.height for p in ours],
        "grid_w": [p.grid.width for p in ours],
        "grid_h": [p.grid.height for p in ours],
        "resized_w": [p.resized.width for p in ours],
        "resized_h": [p.resized.height for p in ours],
        "n_tiles_incl_base": [len(p.regions) for p in ours],
        **{key: [x[k] for x in map(features, ours)] for k, key in enumerate(FEATURES)},
        "tokens": [p.tokens for p in ours],
        "hf_best_w": [p.canvas.width for p in theirs],
        "hf_best_h": [p.canvas.height for p in theirs],
        "hf_grid_w": [p.grid.width for p in theirs],
        "hf_grid_h": [p.grid.height for p in theirs],
        **{f"hf_{key}": [x[k] for x in map(features, theirs)] for k, key in enumerate(FEATURES)},
        "hf_tokens_processor": [p.tokens for p in theirs],
        "hf_tokens_pack": [p.tokens for p in theirs],
    }
    yield from compare(want, got)
    for tiler in (upstream, hf):
        yield from same_listing(tiler, sizes)


def features(plan: Plan) -> list[int]:
    """Rows and columns without padding, then after pooling."""
    grid = plan.grids[-1]
    return [grid.rows.span, grid.columns.span, grid.rows.n, grid.columns.n]


def qwen2vl(config: dict[str, Any], sizes: list[Size], want: Columns) -> Iterator[Check]:
    patch, rest = divmod(config["factor"], config["merge_size"])
    yield Check("whole patches", rest, 0)
    hf5 = Qwen(
        patch=patch,
        merge=config["merge_size"],
        min_pixels=config["min_pixels"],
        max_pixels=config["max_pixels"],
        max_aspect=config["max_aspect"],
    )
    utils, hf449 = replace(hf5, flavour="qwen-vl-utils"), replace(hf5, flavour="transformers-4.49")
    plans = [planned(hf5, size) for size in sizes]
    got = {
        "resized_w": [p.resized.width if p else -1 for p in plans],
        "resized_h": [p.resized.height if p else -1 for p in plans],
        "grid_h": [p.resized.height // patch if p else -1 for p in plans],
        "grid_w": [p.resized.width // patch if p else -1 for p in plans],
        "merged_tokens": [p.tokens if p else -1 for p in plans],
    }
    for prefix, tiler in (("utils_resized", utils), ("hf449", hf449)):
        plans = [planned(tiler, size) for size in sizes]
        got[f"{prefix}_w"] = [p.resized.width if p else -1 for p in plans]
        got[f"{prefix}_h"] = [p.resized.height if p else -1 for p in plans]
    yield from compare(want, got)
    for tiler in (hf5, utils, hf449):
        yield from same_listing(tiler, sizes)


def extra(config: dict[str, Any], sizes: list[Size], want: Columns) -> Iterator[Check]:
    tiler: Tiler
    if "max_num_patches" in config:
        tiler = NaFlex(patch=config["patch"], max_patches=config["max_num_patches"])
    else:
        tiler = Pixtral(patch=config["patch"], longest_edge=config["longest_edge"])
    plans = [tiler.plan(size) for size in sizes]
    tokens = [p.tokens for p in plans]
    got = {
        "resized_w": [p.resized.width for p in plans],
        "resized_h": [p.resized.height for p in plans],
        "n_patches": tokens,
        "tokens_incl_row_breaks": tokens,
    }
    yield from compare(want, got)
    yield from same_listing(tiler, sizes)


def planned(tiler: Tiler, size: Size) -> Plan | None:
    """The plan, or None where the size is refused."""
    try:
        return tiler.plan(size)
    except ImageError:
        return None


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
    plan = planned(tiler, size)
    if plan is None:
        return [-1] * 11
    main = plan.main
    return [*main.grid, *main.canvas, *main.resized, main.top, main.left] + [
        len(plan.regions),
        plan.encoder_tokens,
        plan.tokens,
    ]


TABLES = {"internvl": internvl, "llava_next": llava_next, "qwen2vl": qwen2vl, "extra": extra}
