"""Whole processors of transformers against ours: `tilers_e2e.json`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from anyres_bench.core.geometry import Size
from anyres_bench.tilers.internvl import InternVL
from anyres_bench.tilers.llava import LLAVA_NEXT_HF
from anyres_bench.tilers.patches import patchify
from anyres_bench.tilers.pixels import cut
from anyres_bench.tilers.qwen import Qwen
from tests.golden import Case, Check

# OpenAI CLIP's, which all three processors normalise by
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def image(width: int, height: int, seed: int) -> np.ndarray:
    """The goldens' picture, (h, w, 3) uint8."""
    y, x = np.indices((height, width)).astype(np.int64)
    red, green = 7 * x + 13 * y + 29 * seed, x * x + 3 * y + 17 * seed
    blue = (x // 3 + y // 2) * 37 + 53 * seed
    return (np.stack([red, green, blue], axis=-1) % 256).astype(np.uint8)


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    for row in case.meta["rows"]:
        name = f"{row['processor']}-{row['w']}x{row['h']}-{row['seed']}"
        yield name, list(checks(row))


def checks(row: dict[str, Any]) -> Iterator[Check]:
    values, facts = processed(row)
    yield Check("shape", values.shape, row["shape"])
    for key in ("image_sizes", "image_grid_thw", "num_patches"):
        if key in row:
            yield Check(key, facts[key], row[key])
    at = np.array([sample[:-1] for sample in row["samples"]], int).T
    want = np.array([sample[-1] for sample in row["samples"]])
    yield Check("samples", values[tuple(at)], want, atol=1e-5)
    yield Check("mean", values.mean(dtype=np.float64), row["mean"], atol=1e-6)
    yield Check("std", values.std(dtype=np.float64), row["std"], atol=1e-6)
    yield Check("abs_sum", np.abs(values).sum(dtype=np.float64), row["abs_sum"], rtol=1e-6)


def processed(row: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """What the processor returns: normalised pixels, and the facts beside them."""
    size, name = Size(row["h"], row["w"]), row["processor"].removesuffix("_pil")
    backend = "pillow" if row["processor"].endswith("_pil") else "torch"
    pixels = image(row["w"], row["h"], row["seed"])
    if name == "qwen2_vl":
        tiler = Qwen()
        picture = normalised(cut(tiler.plan(size), pixels, backend))
        flat, grid = patchify(picture, tiler.patch, tiler.merge, temporal=2)
        return flat, {"image_grid_thw": [grid]}
    if name == "llava_next":
        tiles = normalised(cut(LLAVA_NEXT_HF.plan(size), pixels, backend))
        return tiles[None], {"image_sizes": [size]}
    side = re.fullmatch(r"got_ocr2_(\d+)", name)
    assert side, f"unknown processor {row['processor']}"
    tiles = normalised(cut(InternVL(tile=int(side[1])).plan(size), pixels, backend))
    return tiles, {"num_patches": [len(tiles)]}


def normalised(pictures: list[np.ndarray]) -> np.ndarray:
    """(n, 3, h, w) float32."""
    return ((np.stack(pictures).astype(np.float32) / 255 - MEAN) / STD).transpose(0, 3, 1, 2)
