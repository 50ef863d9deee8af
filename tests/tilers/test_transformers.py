"""The kit and our pixels against the processors of an installed `transformers` (extra `tilers`).

Golden files were made with 5.23.0 and 4.49.0; each tiler is held against the one it is named after.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anyres_bench.core.geometry import Size
from anyres_bench.tilers import load, relatives
from anyres_bench.tilers.conformance import compare, told
from anyres_bench.tilers.engine import ask
from anyres_bench.tilers.kit import sizes
from anyres_bench.tilers.patches import patchify
from anyres_bench.tilers.pixels import cut

transformers = pytest.importorskip("transformers", reason="the extra `tilers` is not installed")
pytestmark = pytest.mark.slow

OLD = transformers.__version__.startswith("4.")
ENGINE = Path(__file__).with_name("transformers_engine.py")
IN_OLD = ["qwen2-vl-4.49", "internvl", "llava-next-hf", "pixtral-4.49", "idefics3"]
IN_NEW = [
    "qwen2-vl", "qwen3-vl", "internvl", "llava-next-hf", "llava-onevision-hf", "siglip2-naflex",
    "pixtral", "idefics3", "smolvlm",
]  # fmt: skip
SIZES = [Size(23, 37), Size(200, 300), Size(700, 120), Size(336, 336), Size(641, 479)]


@pytest.mark.parametrize("name", IN_OLD if OLD else IN_NEW)
def test_every_size_of_the_kit_is_answered_alike(name: str) -> None:
    tiler = load(name)
    asked = sizes(tiler)
    if name.startswith(("llava", "pixtral", "idefics3", "smolvlm")):
        asked = [size for size in asked if size.pixels < 10**8]  # they want an array to measure
    answers = ask([sys.executable, str(ENGINE), name], asked, timeout_s=120)
    found = compare(tiler, asked, answers, relatives(tiler))
    assert not found, told(found, len(asked), name)


def picture(size: Size, seed: int) -> np.ndarray:
    y, x = np.indices(size)
    waves = [np.sin(x / (3 + k + seed)) + np.cos(y / (5 + 2 * k)) for k in range(3)]
    return np.rint(127.5 + 63 * np.stack(waves, axis=-1)).astype(np.uint8)


def processor(name: str, **options: Any) -> Any:
    cls = getattr(transformers, f"{name}ImageProcessorPil", None) or getattr(
        transformers, f"{name}ImageProcessor"
    )
    return cls(do_rescale=False, do_normalize=False, **options)


def tiles_of(name: str, key: str, pixels: np.ndarray, **options: Any) -> np.ndarray:
    """(n, h, w, 3) pictures that a processor makes, in levels."""
    values = processor(name, **options)(pixels, return_tensors="np")[key]
    return np.moveaxis(np.asarray(values).reshape(-1, *np.shape(values)[-3:]), 1, -1)


def named(name: str) -> Any:
    """A skip mark for processors that an old version does not have."""
    return pytest.param(name, marks=pytest.mark.skipif(OLD, reason="not in this version"))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "name", ["idefics3", *map(named, ["smolvlm", "llava-next-hf", "internvl"])]
)
def test_tiles_are_the_processors_pixels(name: str, size: Size) -> None:
    pixels = picture(size, seed=len(name))
    ours = np.stack(cut(load(name).plan(size), pixels))
    call: dict[str, tuple[str, dict[str, Any]]] = {
        "idefics3": ("Idefics3", {}),
        "smolvlm": (
            "SmolVLM",
            {"size": {"longest_edge": 2048}, "max_image_size": {"longest_edge": 512}},
        ),
        "llava-next-hf": (
            "LlavaNext",
            {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}},
        ),
        "internvl": (
            "GotOcr2",
            {"size": {"height": 448, "width": 448}, "crop_to_patches": True, "max_patches": 12},
        ),
    }
    model, options = call[name]
    theirs = tiles_of(model, "pixel_values", pixels, **options)
    assert theirs.shape == ours.shape
    assert np.abs(theirs - ours.astype(float)).max() <= 1


@pytest.mark.skipif(OLD, reason="not in this version")
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_patches_are_the_processors_patches(size: Size) -> None:
    pixels = picture(size, 1)
    made = processor("Qwen2VL")(pixels, return_tensors="np")
    (ours,) = cut(load("qwen2-vl").plan(size), pixels)
    flat, grid = patchify(ours.transpose(2, 0, 1)[None], 14, 2, 2)
    assert made["image_grid_thw"].tolist() == [list(grid)]
    assert np.abs(made["pixel_values"] - flat.astype(float)).max() <= 1

    made = processor("Siglip2")(pixels, return_tensors="np")
    (ours,) = cut(load("siglip2-naflex").plan(size), pixels)
    rows, columns = (side // 16 for side in ours.shape[:2])
    assert made["spatial_shapes"].tolist() == [[rows, columns]]
    flat = ours.reshape(rows, 16, columns, 16, 3).swapaxes(1, 2).reshape(rows * columns, -1)
    assert np.abs(made["pixel_values"][0][: len(flat)] - flat.astype(float)).max() <= 1

    made = processor("Pixtral")(pixels, return_tensors="np")
    (ours,) = cut(load("pixtral").plan(size), pixels)
    theirs = np.moveaxis(np.asarray(made["pixel_values"])[0], 0, -1)
    assert np.abs(theirs - ours.astype(float)).max() <= 1
