"""Runner for ffhq_align_cases: geometry to 1e-9 of a pixel, images bit for bit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from anyres_bench.collectors.ffhq_align import AlignOptions, FaceQuad, ShiftSource, align, face_quad
from anyres_bench.core.geometry import Size
from tests.golden import Case, Check


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    for item in case.meta["cases"]:
        expected = case.companion(item["expected_file"])["expected"]
        yield item["name"], list(_run_one(item, expected))
    if sequence := case.meta.get("sequence"):
        expected = case.companion(sequence["expected_file"])
        yield sequence["name"], list(_run_sequence(sequence, expected))


def _run_one(item: dict[str, Any], expected: np.ndarray) -> Iterator[Check]:
    [(quad, moved, image)] = _aligned([item], item["kwargs"])
    stated = item["intermediates"]
    for name, got in [("c0", quad.centre), ("x", quad.x), ("y", quad.y)]:
        yield Check(name, got, stated[name], atol=1e-9)
    yield Check("quad_unshifted", quad.corners, stated["quad_unshifted"], atol=1e-9)
    yield Check("quad_before_shrink", moved.corners, stated["quad_before_shrink"], atol=1e-9)
    yield Check("qsize_source_px", quad.side, stated["qsize_source_px"], atol=1e-9)
    yield Check("image", image, expected)


def _run_sequence(sequence: dict[str, Any], expected: dict[str, np.ndarray]) -> Iterator[Check]:
    for i, (_, _, image) in enumerate(_aligned(sequence["items"], sequence["kwargs"])):
        yield Check(f"image {i}", image, expected[f"expected_{i}"])


def _aligned(
    items: list[dict[str, Any]], kwargs: dict[str, Any]
) -> Iterator[tuple[FaceQuad, FaceQuad, np.ndarray]]:
    """(quad, shifted quad, aligned image) of every item of one official run."""
    known = {"output_size", "transform_size", "enable_padding", "rotate_level"}
    unknown = set(kwargs) - known - {"random_shift", "retry_crops"}
    assert not unknown, f"options without a meaning here: {unknown}"
    options = AlignOptions(
        kwargs.get("output_size", 1024),
        kwargs.get("transform_size", 4096),
        kwargs.get("enable_padding", True),
    )
    sigma, retry = kwargs.get("random_shift", 0.0), kwargs.get("retry_crops", False)
    shifts = ShiftSource(len(items), sigma, retry)
    for item in items:
        quad = face_quad(item["face_landmarks"], kwargs.get("rotate_level", True))
        picture = Image.fromarray(make_picture(**item["recipe"]))
        moved = shifts.next(quad, Size(picture.height, picture.width))
        yield quad, moved, np.asarray(align(picture, moved, options))


def make_picture(
    seed: int, width: int, height: int, cell: int = 32, checker: int = 8, noise: int = 20
) -> np.ndarray:
    """The cases' test picture: an enlarged random grid, a checkerboard and noise, in integers."""
    random = np.random.RandomState(seed)
    grid = random.randint(0, 256, (math.floor(height / cell) + 2, width // cell + 2, 3))
    grid = grid.astype(np.int64)
    (row, v), (column, u) = np.divmod(np.arange(height), cell), np.divmod(np.arange(width), cell)
    u, v = u[None, :, None], v[:, None, None]
    upper = grid[row][:, column] * (cell - u) + grid[row][:, column + 1] * u
    lower = grid[row + 1][:, column] * (cell - u) + grid[row + 1][:, column + 1] * u
    picture = (upper * (cell - v) + lower * v) // cell**2
    odd = (np.arange(height)[:, None] // checker + np.arange(width) // checker) % 2
    picture = picture + (odd * 24 - 12)[:, :, None]
    picture = picture + random.randint(-noise, noise + 1, (height, width, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)
