"""Resize and colour-conversion cases: `metrics_resize`."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image

from anyres_bench.core.geometry import Size
from anyres_bench.data.pixels import decode
from anyres_bench.data.resize import resize
from tests.golden import Case, Check

ATOL = 1e-3  # of a grey level
# column of the file, without the size at its end -> our mode
MODES = {
    "cleanfid_legacy_pytorch_bilinear": "legacy_pytorch",
    "torchfidelity_tf1_bilinear": "legacy_tensorflow",
    "torch_bicubic_antialias": "torch-bicubic-antialias",
    "torchmetrics_1.9_antialias_bilinear": "torch-bilinear-antialias",
}
INFORMING = ("cleanfid_OpenCV", "cleanfid_ResizeDataset")
PEERS_ALPHA = "drop"


def run(case: Case) -> Iterator[tuple[str, list[Check]]]:
    for name, described in case.meta["cases"].items():
        pixels = case.arrays.get(f"{name}/in")
        if pixels is None:
            pixels = recipe_image(described["h"], described["w"], described["seed"])
        digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
        yield (
            name,
            [Check("input", digest, described["sha256_in"])]
            + list(resized(case, name, described["out"], pixels)),
        )
    modes = sorted(
        {key.split("/")[1].rsplit("_", 1)[0] for key in case.arrays if "convert/" in key}
    )
    for mode in modes:
        yield f"convert/{mode}", list(conversion(case, mode))


def resized(case: Case, name: str, columns: dict[str, Any], pixels: np.ndarray) -> Iterator[Check]:
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    for column, described in columns.items():
        if column.startswith(INFORMING):
            continue
        mode, size = parse(column, described["shape"])
        out = resize(images, size, mode)[0].permute(1, 2, 0).numpy()
        yield Check(f"{column} shape", out.shape, described["shape"])
        stored = [key for key in case.arrays if key.startswith(f"{name}/{column}/stride")]
        if not stored:
            yield Check(f"{column}", "no values stored", "values")
        for key in stored:
            step = int(key.rsplit("stride", 1)[1])
            yield Check(key, out[::step, ::step], case.arrays[key], atol=ATOL)


def parse(column: str, shape: list[int]) -> tuple[str, Size]:
    """Our mode and the size of a column such as `cleanfid_PIL_bicubic_float_wh_(64,32)`."""
    head, width, height = re.fullmatch(r"(.+?)_(?:wh_)?\(?(\d+)(?:,\s*(\d+))?\)?", column).groups()  # type: ignore[union-attr]
    size = Size(int(height or width), int(width))
    pil = re.fullmatch(r"cleanfid_PIL_(\w+)_(float|quant)", head)
    if pil is None:
        return MODES[head], size
    if pil[2] == "quant":
        return f"quantised-{pil[1]}", size
    return ("clean" if pil[1] == "bicubic" else f"clean-{pil[1]}"), size


def recipe_image(height: int, width: int, seed: int) -> np.ndarray:
    """The recipe's picture: ramps and products, seeded noise, and sharp blocks on the right."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    ramps = [x * (3 + 2 * k) + y * (5 + k) + (x * y) // (17 + 4 * k) + k * 61 for k in range(3)]
    noise = np.random.Generator(np.random.PCG64(seed)).integers(0, 40, (height, width, 3))
    image = (np.stack(ramps, axis=2) % 256 + noise) % 256
    blocks = ((x // 7 + y // 5) % 2 == 0) & (x > width // 2)
    image[blocks] = (0, 255, 0)
    return image.astype(np.uint8)


def conversion(case: Case, mode: str) -> Iterator[Check]:
    """Our decoding of a file with these samples against Pillow's plain conversion to RGB."""
    samples, theirs = case.arrays[f"convert/{mode}_in"], case.arrays[f"convert/{mode}_rgb"]
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "PNG")
    ours = decode(file.getvalue(), alpha=PEERS_ALPHA).pixels
    if not mode.startswith("I16"):
        yield Check(f"convert/{mode}_rgb", ours, theirs)
        return
    scaled, clipped = np.rint(samples / 257), np.minimum(samples, 255)
    yield Check(f"convert/{mode} clipped", np.repeat(clipped[..., None], 3, axis=2), theirs)
    yield Check(f"convert/{mode} scaled", ours, np.repeat(scaled[..., None], 3, axis=2))
    yield Check(f"convert/{mode} differs", not np.array_equal(ours, theirs), True)
