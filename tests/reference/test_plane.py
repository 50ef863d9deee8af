"""Regions as windows that a budget allows: every pixel once, no window too large."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.dataflow import n_bytes
from anyres_bench.reference.plane import CanvasPlane, default_memory
from anyres_bench.reference.schedule import layers

SCHEDULE = layers(GeneratorConfig(32, channel_base=512, channel_max=16))
CPU = torch.device("cpu")
LEAST = 16_000_000  # bytes, hardly more than the smallest window takes


@pytest.mark.parametrize("memory", [LEAST, 10 * LEAST, 2**30])
@pytest.mark.parametrize(
    "region",
    [
        Region.whole(Size(32, 32)),
        Region.whole(Size(200, 77)),
        Region.whole(Size(9, 300)),
        Region(Size(200, 77), 31, 5, Size(32, 50)),
        Region(Size(64, 64), -40, -3, Size(120, 200)),
        Region(Size(64, 64), 90, -100, Size(8, 8)),
    ],
)
def test_every_pixel_comes_from_one_window_that_fits(memory: int, region: Region) -> None:
    plane = CanvasPlane(SCHEDULE, memory, CPU)
    seen = torch.zeros(region.size, dtype=torch.int)
    for piece in plane.pieces(region):
        assert piece.flow is not None
        assert n_bytes(SCHEDULE, piece.flow, CPU) <= memory
        assert piece.source.fits(piece.flow.parts[-1].sizes[2])
        assert piece.source.size == piece.target.size
        box = piece.target
        seen[box.top : box.bottom, box.left : box.right] += 1
    assert bool((seen == 1).all())


def test_bands_are_rows_of_windows() -> None:
    canvas = Size(500, 300)
    bands = list(CanvasPlane(SCHEDULE, 4 * LEAST, CPU).bands(canvas))
    assert [band.top for band in bands[1:]] == [band.top + band.size.height for band in bands[:-1]]
    assert sum(band.size.height for band in bands) == canvas.height
    assert len(bands) > 1
    [whole] = CanvasPlane(SCHEDULE, 2**30, CPU).bands(canvas)
    assert whole.is_whole


def test_windows_of_one_size_are_rendered_together() -> None:
    plane, canvas = CanvasPlane(SCHEDULE, 2**30, CPU), Size(300, 300)
    shapes = {
        piece.flow.shape
        for offset in range(7)
        for piece in plane.pieces(Region(canvas, 100 + offset, 130 + 3 * offset, Size(32, 32)))
        if piece.flow
    }
    assert len(shapes) == 1


def test_too_little_is_said_and_a_share_is_taken_by_default() -> None:
    with pytest.raises(UsageError, match=r"memory is .* GiB, and a window of 32 px takes"):
        CanvasPlane(SCHEDULE, 1000, CPU)
    memory = default_memory(CPU)
    assert memory & (memory - 1) == 0
    assert CanvasPlane(SCHEDULE, None, CPU).memory >= 2**20
