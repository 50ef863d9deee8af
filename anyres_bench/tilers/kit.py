"""The conformance kit: what every tiler makes of chosen sizes, as JSON lines for any language."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anyres_bench.core.errors import DataError, ImageError
from anyres_bench.core.files import atomic_write, write_json
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.tilers.plan import Ints, Plan, Tiler

VERSION = 1
LONGEST = 40_000  # px
_EACH = 12  # sizes that tell each known variant from the tiler
_POOL = 40_000  # sizes among which those are looked for

# Sides at multiples and half multiples of the usual patches and tiles, where roundings part.
_SIDES = (1, 2, 7, 13, 14, 15, 27, 28, 29, 42, 56, 70, 98, 112, 224, 336, 337, 384, 448, 449, 672)
# Photographs, screens, pages, panoramas and strips; (height, width), taken both ways.
_SHAPES = (
    (240, 320), (480, 640), (600, 800), (768, 1024), (720, 1280), (1080, 1920), (1440, 2560),
    (2160, 3840), (4320, 7680), (3024, 4032), (4000, 6000), (1000, 1000), (2048, 2048),
    (4096, 4096), (1000, 1250), (1000, 1500), (1000, 2000), (1000, 3000), (1000, 6000), (333, 500),
    (748, 352), (55, 88), (188, 423), (15420, 690), (639, 31), (1, 200), (1, 201),
    (5, 1000), (5, 1001), (28, 5600), (28, 5601), (50, 9999),
    (200, 40_000), (1, 40_000), (10_000, 40_000),
    (39_999, 40_000), (40_000, 40_000),
)  # fmt: skip

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "One line of <tiler>.jsonl: what the tiler makes of an image of one size",
    "description": "Pairs are (height, width), (rows, columns) or (top, left); pixels unless said.",
    "type": "object",
    "required": ["height", "width"],
    "properties": {
        "height": {"type": "integer", "minimum": 1},
        "width": {"type": "integer", "minimum": 1},
        "refused": {"type": "string", "description": "why; nothing else is then given"},
        "grid": {
            "$ref": "#/$defs/pair",
            "description": "rows and columns of tiles; of patches where one native picture is seen",
        },
        "resized": {
            "$ref": "#/$defs/pair",
            "description": "the image on the canvas; 0 is possible",
        },
        "tokens": {
            "type": "integer",
            "description": "for the language model, newlines and row breaks counted, markers not",
        },
        "canvas": {"$ref": "#/$defs/pair", "description": "what is cut into tiles"},
        "offset": {"$ref": "#/$defs/pair", "description": "where the image begins on the canvas"},
        "pictures": {"type": "integer", "description": "that the encoder sees, overview included"},
        "encoder_tokens": {"type": "integer", "description": "of all pictures together"},
        "why": {
            "type": "array",
            "description": "[step, branch, rounding] of each choice; for people, never compared",
        },
    },
    "$defs": {
        "pair": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
    },
}


def answer(tiler: Tiler, size: Size) -> dict[str, Any]:
    """A line of the kit: what a conforming engine says of this size."""
    head = {"height": size.height, "width": size.width}
    try:
        plan = tiler.plan(size)
    except ImageError as error:
        return head | {"refused": error.reason}
    return head | {
        "grid": list(grid_of(tiler, plan)),
        "resized": list(plan.resized),
        "tokens": plan.tokens,
        "canvas": list(plan.canvas),
        "offset": [plan.main.top, plan.main.left],
        "pictures": len(plan.regions),
        "encoder_tokens": plan.encoder_tokens,
        "why": [[d.step, d.branch, d.rounding] for d in plan.decisions],
    }


def grid_of(tiler: Tiler, plan: Plan) -> Size:
    """The grid as engines count it: tiles, or the patches of one native picture."""
    if tiler.native:
        return Size(plan.canvas.height // plan.patch, plan.canvas.width // plan.patch)
    return plan.grid


def sizes(tiler: Tiler) -> list[Size]:
    """The kit's sizes for one tiler, by pixels: those that all share, and those that tell variants.

    The latter are sizes on which a known variant (`Tiler.rivals`) answers otherwise.
    """
    chosen = set(_common())
    pool = _pool()
    ours = rows(tiler, pool)
    for rival in tiler.rivals().values():
        apart = np.flatnonzero((ours != rows(rival, pool)).any(axis=1))
        chosen.update(Size(int(h), int(w)) for h, w in pool[apart[:: max(len(apart) // _EACH, 1)]])
    return sorted(chosen, key=lambda size: (size.pixels, size))


def _common() -> list[Size]:
    squares = itertools.product(_SIDES, _SIDES)
    turned = [(w, h) for h, w in _SHAPES]
    drawn = np.exp(stream(0, "tilers-kit").uniform((150, 2)) * np.log(LONGEST)).astype(np.int64)
    return [Size(int(h), int(w)) for h, w in (*squares, *_SHAPES, *turned, *drawn)]


def _pool() -> Ints:
    """Sizes with many ties: products of round and of random sides, (n, 2)."""
    draw = stream(0, "tilers-kit-pool")
    small = draw.integers(1, 700, (_POOL // 2, 2))
    large = np.exp(draw.uniform((_POOL // 4, 2)) * np.log(LONGEST)).astype(np.int64)
    side = draw.integers(1, 300, (_POOL // 4, 1))
    ratio = draw.integers(1, 12, (_POOL // 4, 2))
    return np.concatenate([small, np.maximum(large, 1), side * ratio])


def rows(tiler: Tiler, chosen: Ints) -> Ints:
    """What an engine is asked for, of (n, 2) sizes: grid, resized size, tokens; (n, 5).

    -1 throughout where a size is refused.
    """
    listing = tiler.listing(chosen[:, 0], chosen[:, 1])
    grid = listing.grid
    if tiler.native:
        grid = np.where(listing.refused[:, None], -1, listing.canvas // tiler.patch)
    return np.concatenate([grid, listing.resized, listing.tokens[:, None]], axis=1)


def export(folder: Path, tilers: Mapping[str, Tiler]) -> list[Path]:
    """Write the kit: one JSON-lines file a tiler, `schema.json`, and `kit.json` that lists them.

    Raises:
        DataError: the folder holds something that is no kit of ours.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or _foreign(folder)):
        raise DataError(
            f"{folder} is there and is no kit; name a new folder, or one that a kit was written to"
        )
    written, index = [], {}
    for name, tiler in tilers.items():
        lines = [json.dumps(answer(tiler, size)) for size in sizes(tiler)]
        path = folder / f"{name}.jsonl"
        with atomic_write(path, "w") as file:
            file.write("\n".join(lines) + "\n")
        written.append(path)
        index[name] = {"file": path.name, "lines": len(lines), "options": _options(tiler)}
    write_json(folder / "schema.json", SCHEMA)
    write_json(folder / "kit.json", {"version": VERSION, "schema": "schema.json", "tilers": index})
    return [*written, folder / "schema.json", folder / "kit.json"]


def _foreign(folder: Path) -> bool:
    """Whether a folder that is not empty was not written by `export`."""
    names = {path.name for path in folder.iterdir()}
    return bool(names) and not {"kit.json", "schema.json"} <= names


def _options(tiler: Any) -> dict[str, Any]:
    return {k: v for k, v in dataclasses.asdict(tiler).items() if k != "name"}
