"""The contract battery: what every generator must do, checked on a few small images.

Tests of generators import it, ours and other packages' alike:

    check_contract(generator)        # raises GeneratorError, or says how windows off the grid fare
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.models.generator import Generator, ImageGenerator, check_output

if TYPE_CHECKING:
    from torch import Tensor

SEEDS = (3, 1_000_003, 2**62 + 1)


@dataclass(frozen=True)
class ContractReport:
    """How a generator that keeps the contract behaves where the contract leaves it free.

    Attributes:
        generator: its id.
        canvas: the canvas that was rendered.
        off_grid_rms: difference of windows off the model's own grid from the crop of the whole,
            root mean square in units of [-1, 1]; 0 for a model whose windows fit everywhere.
        off_grid_max: the largest such difference.
    """

    generator: str
    canvas: Size
    off_grid_rms: float
    off_grid_max: float


def check_contract(
    generator: Generator, canvas: Size | None = None, tolerance: float = 1e-5
) -> ContractReport:
    """Hold a generator to the contract of `Generator`.

    Shape, type and range; the same seed gives the same image whatever the batch; a window of the
    model's own grid (tiles of its native size) is the crop of the whole. Windows off that grid are
    measured, not judged.

    Args:
        canvas: what to render; by default twice the native size, or the largest it can.
        tolerance: largest allowed difference of two renderings of one thing, in units of [-1, 1].

    Raises:
        GeneratorError: says which promise was broken, and by how much.
    """
    canvas = canvas or default_canvas(generator)
    whole = render(generator, SEEDS[:1], Region.whole(canvas))
    again = render(generator, SEEDS[:1], Region.whole(canvas))
    _compare(generator, "the same seed gives another image", whole, again, tolerance)
    _check_batches(generator, canvas, tolerance)
    for window in _own_windows(generator, canvas):
        part = render(generator, SEEDS[:1], window)
        _compare(generator, f"{window} is not the crop", _cut(whole, window), part, tolerance)
    return _off_grid(generator, canvas, whole)


def default_canvas(generator: Generator) -> Size:
    """Twice the native size, or the largest that a generator can render."""
    if isinstance(generator, ImageGenerator):
        return generator.images.manifest[SEEDS[0] % len(generator.images.manifest)].size
    if isinstance(generator.canvases, tuple):
        return max(generator.canvases, key=lambda size: size.pixels)
    return Size(2 * generator.native.height, 2 * generator.native.width)


def render(generator: Generator, seeds: tuple[int, ...], region: Region) -> Tensor:
    """One window for each seed, (n, 3, h, w), held to shape, type and range.

    Raises:
        GeneratorError: they are not what the contract says.
    """
    images = generator.sample(generator.latents(list(seeds)), [region] * len(seeds))
    check_output(generator.id, images, len(seeds), region.size)
    return images.clone()  # the next picture may be drawn into the same memory


def _check_batches(generator: Generator, canvas: Size, tolerance: float) -> None:
    """An image depends on its own seed, not on its neighbours, its place or their number."""
    if isinstance(generator, ImageGenerator):  # its images have canvases of their own
        return
    window = next(_own_windows(generator, canvas))
    together = render(generator, SEEDS, window)
    for i, seed in enumerate(SEEDS):
        alone = render(generator, (seed,), window)
        _compare(generator, "an image depends on its batch", together[i : i + 1], alone, tolerance)


def _own_windows(generator: Generator, canvas: Size) -> Iterator[Region]:
    """Tiles of the native size that no later tile overlaps."""
    tile = _at_most(generator.native, canvas)
    for top in _free_starts(canvas.height, tile.height):
        for left in _free_starts(canvas.width, tile.width):
            yield Region(canvas, top, left, tile)


def _free_starts(length: int, tile: int) -> list[int]:
    starts = sorted({min(start, length - tile) for start in range(0, length, tile)})
    nexts = [*starts[1:], length]
    return [start for start, later in zip(starts, nexts, strict=True) if later >= start + tile]


def _at_most(size: Size, canvas: Size) -> Size:
    return Size(min(size.height, canvas.height), min(size.width, canvas.width))


def _off_grid(generator: Generator, canvas: Size, whole: Tensor) -> ContractReport:
    size = Size(*(max(1, side // 2) for side in _at_most(generator.native, canvas)))
    differences = []
    for y in (0, 1, 2):
        for x in (0, 1, 2):
            top, left = y * (canvas.height - size.height) // 2, x * (canvas.width - size.width) // 2
            window = Region(canvas, top, left, size)
            part = render(generator, SEEDS[:1], window)
            differences.append((part - _cut(whole, window)).double())
    rms = sum(float((d**2).mean()) for d in differences) / len(differences)
    largest = max(float(d.abs().max()) for d in differences)
    return ContractReport(generator.id, canvas, rms**0.5, largest)


def _cut(whole: Tensor, window: Region) -> Tensor:
    box: Box = window.box
    return whole[:, :, box.top : box.bottom, box.left : box.right]


def _compare(
    generator: Generator, what: str, expected: Tensor, got: Tensor, tolerance: float
) -> None:
    difference = float((expected - got).abs().max())
    if not difference <= tolerance:
        raise GeneratorError(
            f"{generator.id}: {what}; the largest difference is {difference:.3g}, at most "
            f"{tolerance:g} of [-1, 1] is allowed"
        )
