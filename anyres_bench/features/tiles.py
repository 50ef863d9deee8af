"""`tiles:SIDE[-RESIZE]:EXTRACTOR`: an image at its own pixels, tile by tile, and a thumbnail of it.

Shrinking an image to the one size that a network was made for loses what is fine in it. Here the
image is cut into squares of SIDE px (the last row and column lie inwards, so all pixels are seen
and none is resized), each goes through the extractor, and the vectors are averaged; the vector of a
SIDE px thumbnail (squashed by Lanczos or RESIZE, rounded to grey levels) stands beside the mean,
for what only the whole shows. An image with a side below SIDE is refused: enlarging it would show
nothing of its own.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.geometry import Region, Size, tiles
from anyres_bench.core.registry import nearest
from anyres_bench.data.resize import MODES, resize
from anyres_bench.features.extractor import ExtractorSpec, FeatureExtractor, extractor_from

_ARGUMENT = re.compile(r"([1-9]\d{0,4})(?:-([\w-]+))?:(.+)", re.DOTALL)
RESIZES = ("quantised-lanczos", *sorted(MODES.keys() - {"quantised-lanczos"}))
"""How thumbnails are made."""


def build(spec: ExtractorSpec) -> TileExtractor:
    """The extractor of `tiles:SIDE[-RESIZE]:EXTRACTOR`.

    Raises:
        UsageError: SIDE or EXTRACTOR is missing, or EXTRACTOR is itself one of tiles.
        UnknownNameError: no such RESIZE.
    """
    match = _ARGUMENT.fullmatch(spec.argument)
    if match is None or match[3].startswith("tiles:"):
        raise UsageError(
            f"extractor tiles:{spec.argument} is not tiles:SIDE[-RESIZE]:EXTRACTOR, such as "
            "tiles:256:builtin or tiles:299-clean:inception-v3"
        )
    resize_mode = match[2] or RESIZES[0]
    if resize_mode not in RESIZES:
        hint = nearest(resize_mode, RESIZES)
        raise UnknownNameError(f"tiles:{spec.argument} has no resize {resize_mode!r}; {hint}")
    base = extractor_from(match[3], device=spec.device, accept_licence=spec.accept_licence)
    return TileExtractor(base, int(match[1]), resize_mode)


class TileExtractor:
    """Mean vector of an image's tiles beside the vector of its thumbnail; see the module.

    Args:
        base: of the tiles and the thumbnail.
        side: of a tile, px.
        resize_mode: of the thumbnail, a name of `RESIZES`.
    """

    n_views = 1
    is_fid = False

    def __init__(self, base: FeatureExtractor, side: int, resize_mode: str = RESIZES[0]) -> None:
        self.base, self.side, self.resize_mode = base, side, resize_mode

    @property
    def id(self) -> str:
        """The rule and the extractor's id."""
        how = "" if self.resize_mode == RESIZES[0] else f"-{self.resize_mode}"
        return f"tiles:{self.side}{how}:{self.base.id}"

    @property
    def dim(self) -> int:
        """Twice the extractor's."""
        return 2 * self.base.dim

    def __call__(self, images: Tensor) -> Tensor:
        """Features of a batch, (n, 3, h, w) uint8 to (n, dim) float32.

        Raises:
            UsageError: the images have a side below a tile's.
        """
        size, tile = Size(*images.shape[2:]), Size.square(self.side)
        if size.shorter < self.side:
            raise UsageError(
                f"{self.id} takes images of {self.side} px and more; got {size}: compare larger "
                f"windows, or name smaller tiles"
            )
        total = torch.zeros(len(images), self.base.dim, dtype=torch.float64)
        regions = list(tiles(size, tile))
        for region in regions:
            total += self.base(_cut(images, region)).double()
        thumbnails = self.base(self._shrunk(images, tile))
        return torch.cat([(total / len(regions)).float(), thumbnails], dim=1)

    def _shrunk(self, images: Tensor, size: Size) -> Tensor:
        return resize(images, size, self.resize_mode).round().clamp(0, 255).to(torch.uint8)


def _cut(images: Tensor, region: Region) -> Tensor:
    box = region.box
    return images[:, :, box.top : box.bottom, box.left : box.right].contiguous()
