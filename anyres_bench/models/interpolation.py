"""Plain interpolation, of any part of an image to any part of a canvas.

Along an axis the result is a matrix times the pixels. `nearest`, `bilinear`, `bicubic` and
`lanczos` follow Pillow: the filter widens when an image shrinks and is cut off and normalised at
the border. `lanczos4` follows OpenCV: 8 taps whatever the factor, and the border pixel repeats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from anyres_bench.core.errors import UnknownNameError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.registry import nearest


def _triangle(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp(min=0)


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic with a = -1/2."""
    x = x.abs()
    near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


def _lanczos(lobes: int) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.where(x.abs() < lobes, torch.sinc(x) * torch.sinc(x / lobes), 0.0)


@dataclass(frozen=True)
class Filter:
    """An interpolation filter.

    Attributes:
        kernel: weight at a distance in pixels, not normalised; None takes the nearest pixel.
        support: distance from which on the weight is zero.
        widens: whether the filter grows when the image shrinks.
        repeats: whether pixels beyond the border are its repetition or left out.
    """

    kernel: Callable[[Tensor], Tensor] | None
    support: int
    widens: bool = True
    repeats: bool = False


FILTERS = {
    "nearest": Filter(None, 0),
    "bilinear": Filter(_triangle, 1),
    "bicubic": Filter(_cubic, 2),
    "lanczos": Filter(_lanczos(3), 3),
    "lanczos4": Filter(_lanczos(4), 4, widens=False, repeats=True),
}


def find_filter(name: str) -> Filter:
    """The filter of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in FILTERS:
        raise UnknownNameError(f"unknown filter {name!r}; {nearest(name, FILTERS)}")
    return FILTERS[name]


def source_window(image: Size, region: Region, rule: Filter) -> Box:
    """The pixels of an image that a region of the resized image depends on."""
    box, canvas = region.box, region.canvas
    top, bottom = _reach(image.height, canvas.height, (box.top, box.bottom), rule)
    left, right = _reach(image.width, canvas.width, (box.left, box.right), rule)
    return Box(top, left, bottom - top, right - left)


def resample(pixels: Tensor, image: Size, window: Box, region: Region, rule: Filter) -> Tensor:
    """Resize.

    Args:
        pixels: (n, c, h, w), the pixels `window` of an image.
        image: size of the whole image.
        window: at least `source_window`.
        region: what to make, on a canvas that stands for the whole image.
        rule: the filter.

    Returns:
        (n, c, region.size.height, region.size.width), of the pixels' dtype.
    """
    box, canvas = region.box, region.canvas
    down = _matrix(image.height, canvas.height, (box.top, box.bottom), rule)
    across = _matrix(image.width, canvas.width, (box.left, box.right), rule)
    down = down[:, window.top : window.bottom].to(pixels)
    across = across[:, window.left : window.right].to(pixels)
    return down @ pixels @ across.T


def _reach(n_in: int, n_out: int, span: tuple[int, int], rule: Filter) -> tuple[int, int]:
    """First and one past the last input pixel that outputs in `span` depend on."""
    step = n_in / n_out
    support = max(rule.support * (max(step, 1.0) if rule.widens else 1.0), 0.5)
    first, last = (span[0] + 0.5) * step - support, (span[1] - 0.5) * step + support
    low = min(max(int(first - 0.5), 0), n_in - 1)
    return low, min(max(int(last + 1.5), low + 1), n_in)


def _matrix(n_in: int, n_out: int, span: tuple[int, int], rule: Filter) -> Tensor:
    """(span, n_in) float64: weights of the input pixels in the outputs `span`; rows sum to 1."""
    step = n_in / n_out
    centres = (torch.arange(*span, dtype=torch.float64)[:, None] + 0.5) * step
    if rule.kernel is None:
        chosen = centres.long().clamp(0, n_in - 1)
        return torch.zeros(len(centres), n_in, dtype=torch.float64).scatter_(1, chosen, 1.0)
    margin = rule.support if rule.repeats else 0
    inputs = torch.arange(-margin, n_in + margin)
    stretch = max(step, 1.0) if rule.widens else 1.0
    weights = rule.kernel((inputs + 0.5 - centres) / stretch)
    weights = weights / weights.sum(1, keepdim=True)
    matrix = torch.zeros(len(centres), n_in, dtype=torch.float64)
    return matrix.index_add_(1, inputs.clamp(0, n_in - 1), weights)
