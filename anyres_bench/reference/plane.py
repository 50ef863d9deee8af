"""How regions of a canvas are cut into windows that a memory budget allows.

Windows show what one pass over the canvas would, so they are as large as memory allows, need no
overlap, and where they are cut changes no pixel beyond rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.reference.dataflow import Dataflow, dataflow, n_bytes
from anyres_bench.reference.patches import Piece
from anyres_bench.reference.schedule import LayerSpec

_SHARE = 4  # of the free memory is taken, where nothing else is said: one part in four
_MOST = 32  # 2^x bytes at most; larger windows hardly save anything
_ASSUMED = 2**32  # bytes that are free, where the system does not tell


class CanvasPlane:
    """Cuts regions into windows.

    Args:
        schedule: layers of the network.
        memory: bytes that windows may take, beside the weights; None for a share of what is free.
        device: that they are rendered on.

    Raises:
        UsageError: that is too little for the smallest window.
    """

    def __init__(
        self, schedule: Sequence[LayerSpec], memory: int | None, device: torch.device
    ) -> None:
        self._schedule = schedule
        self._side = schedule[-1].target.size
        self._step = self._side // schedule[0].source.rate
        self._device = device
        self.least = self._bytes(Size.square(self._side))  # bytes of the smallest window
        if memory is not None and memory < self.least:
            raise UsageError(
                f"memory is {memory / 2**30:.3g} GiB, and a window of {self._side} px takes "
                f"{self.least / 2**30:.3g} GiB; give more"
            )
        self.memory = max(default_memory(device), self.least) if memory is None else memory

    def pieces(self, region: Region) -> list[Piece]:
        """The windows that make up a region, row by row; outside the canvas it goes on."""
        inside = _inside(region)
        found = [] if inside is None else list(self._cuts(region, inside, region.canvas))
        for box in _around(region, inside):
            found += self._cuts(region, box, None)
        return found

    def bands(self, canvas: Size) -> Iterator[Region]:
        """The canvas as full-width regions from top to bottom, one row of windows each."""
        for low, high in _spans(canvas.height, self._tile(canvas).height):
            yield Region(canvas, low, 0, Size(high - low, canvas.width))

    def n_at_once(self, flow: Dataflow) -> int:
        """How many windows like this one fit into the budget."""
        return max(1, self.memory // n_bytes(self._schedule, flow, self._device))

    def _cuts(self, region: Region, box: Box, canvas: Size | None) -> Iterator[Piece]:
        """Windows of a box of the region's canvas."""
        tile = self._tile(box.size)
        step = self._step if tile == box.size else 1  # one window is one of a batch, perhaps
        for low, high in _spans(box.height, tile.height):
            for left, right in _spans(box.width, tile.width):
                part = Box(box.top + low, box.left + left, high - low, right - left)
                yield self._cut(region, part, canvas, step)

    def _cut(self, region: Region, box: Box, canvas: Size | None, step: int) -> Piece:
        start = [min(0, (length - self._side) // 2) for length in region.canvas]
        native = Region(region.canvas, start[0], start[1], Size.square(self._side))
        ends = [max(length, self._side) for length in region.canvas]
        top, height = _aligned(box.top - start[0], box.height, ends[0], step)
        left, width = _aligned(box.left - start[1], box.width, ends[1], step)
        inner = Box(box.top - start[0] - top, box.left - start[1] - left, box.height, box.width)
        target = Box(box.top - region.top, box.left - region.left, box.height, box.width)
        window = Box(top, left, height, width)
        flow = dataflow(self._schedule, window, canvas)
        return Piece(native, inner, target, flow)

    def _tile(self, size: Size) -> Size:
        """The largest window of a box that the budget allows, rather square."""
        parts = [1, 1]
        while True:
            tile = Size(*(self._part(*axis) for axis in zip(size, parts, strict=True)))
            if tile.longer <= self._side or self._bytes(tile) <= self.memory:
                return tile
            longer = 0 if tile.height >= tile.width else 1
            parts[longer] += max(1, parts[longer] // 8)

    def _part(self, length: int, n: int) -> int:
        """One of n parts of a side, no shorter than the network's own window."""
        return max(-(-length // n), min(length, self._side))

    def _bytes(self, size: Size) -> int:
        """What a window takes at most, wherever it lies."""
        grown = Size(size.height + 2 * self._step, size.width + 2 * self._step)
        flow = dataflow(self._schedule, Box.whole(grown), None)
        return n_bytes(self._schedule, flow, self._device)


def default_memory(device: torch.device) -> int:
    """A share of the memory that is free, as a power of two, so that runs cut alike."""
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = _free_memory()
    return int(2 ** min(_MOST, (free // _SHARE).bit_length() - 1))


def _free_memory() -> int:
    """Bytes of main memory that programs can still have."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return _ASSUMED
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else _ASSUMED


def _inside(region: Region) -> Box | None:
    """The part of a region that lies on its canvas, in canvas pixels."""
    top, left = max(region.top, 0), max(region.left, 0)
    bottom = min(region.box.bottom, region.canvas.height)
    right = min(region.box.right, region.canvas.width)
    return Box(top, left, bottom - top, right - left) if top < bottom and left < right else None


def _around(region: Region, inside: Box | None) -> Iterator[Box]:
    """The rest of a region: above, below, left and right of what lies inside."""
    box = region.box
    if inside is None:
        yield box
        return
    boxes = (
        Box(box.top, box.left, inside.top - box.top, box.width),
        Box(inside.bottom, box.left, box.bottom - inside.bottom, box.width),
        Box(inside.top, box.left, inside.height, inside.left - box.left),
        Box(inside.top, inside.right, inside.height, box.right - inside.right),
    )
    yield from (box for box in boxes if box.height and box.width)


def _aligned(low: int, length: int, end: int, step: int) -> tuple[int, int]:
    """Start and length of a window on the coarsest lattice, so that many are alike.

    Windows of one length that lie alike on every lattice are rendered in one batch. One that
    touches the end of the lattices, or spans them, ends there.
    """
    start = low - low % step
    whole = -(-(length + step - 1) // step) * step
    return start, max(low + length, min(start + whole, end)) - start


def _spans(side: int, step: int) -> Iterator[tuple[int, int]]:
    """[0, side) in as many even parts as `step` asks for."""
    n = -(-side // step)
    return ((i * side // n, (i + 1) * side // n) for i in range(n))
