"""Protocols of other projects, each under a name of its own; `docs/dialects.md` says whose.

    infd-p{P}                    one random P x P crop of every image at its own size
    center{P}                    the middle P x P of every image at its own size
    pixverve-patch{R}            20 places of 299 x 299 an image, all images squashed to R x R
    codec{P}                     every P x P cell of two grids, the second half a cell further on
    scalespace{P}-bin{B}         P x P windows at scales 2^B to 2^(B+1)
    adm{R}, adm{R}-of{H}x{W}     centre squares of R x R against canvases of R x R, or of H x W
    scaleinv{R}-full{F}-x{S}     real images of R x R; a canvas of F*S shrunk by R/F, cut, decimated

A rule that draws without a seed in its project is seeded here. Images that are too small are left
out, and said, where a project would enlarge or keep them.

Source: the evaluations of infd, DMD2, PixVerve-95K, HiFiC, ScaleSpaceGAN, ADM and InfinityGAN as
`anyres_bench.data.crop_rules` and `docs/dialects.md` describe them.
"""

from __future__ import annotations

import bisect
import itertools
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data import crop_rules
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import MIN_IMAGES, EvalProtocol
from anyres_bench.data.records import Manifest
from anyres_bench.data.views import (
    ImageView,
    Item,
    PatchAt,
    Rng,
    View,
    Whole,
)

PIXVERVE_PLACES = 20  # an image
_PIXVERVE_SEED = 42  # Python's generator, once for all images
_LARGEST_SEED = 2**53 - 1


@dataclass(frozen=True)
class NativeCrop:
    """A crop of an image at its own size, whatever its aspect.

    Attributes:
        side: of the crop, px.
        place: "random" as infd draws it, or "centre" as DMD2 does.
    """

    side: int
    place: Literal["random", "centre"]

    @property
    def needs(self) -> Size:
        return Size.square(self.side)

    @property
    def size(self) -> Size:
        return Size.square(self.side)

    def draw(self, image: Size, flip: bool, centre: bool, rng: Rng) -> tuple[Box, View]:
        import torch

        if self.place == "centre":
            box = crop_rules.centre(image, self.side)
        else:
            generator = torch.Generator().manual_seed(rng.integer(0, _LARGEST_SEED))
            box = crop_rules.infd(image, self.side, generator)
        assert box is not None, "images that are too small do not survive"
        return Box.whole(image), View(Region.whole(image).crop(box))


@dataclass(frozen=True)
class Native(EvalProtocol):
    """Images at their own sizes, each a fixed number of times; canvases of fakes are as theirs."""

    @property
    def whole(self) -> bool:
        return True

    @property
    def fake_needs_reals(self) -> bool:
        return True

    def images(self, dataset: Dataset) -> Dataset:
        return replace(dataset, manifest=dataset.roles.get("hr", dataset.manifest))


@dataclass(frozen=True)
class EachOnce(Native):
    """Every image once; fake i has the canvas of image i, and a place of its own."""

    def fake(self, images: Manifest, n: int, seed: int) -> list[Item[View]]:
        kept = self.survivors(images)
        return [
            Item(i, (self._place(images[kept[i % len(kept)]].size, seed, i),)) for i in range(n)
        ]

    def _place(self, canvas: Size, seed: int, i: int) -> View:
        return self.rule.draw(canvas, False, True, stream(seed, "view", "fake", i))[1]


@dataclass(frozen=True)
class Squashed:
    """Windows of 299 px at given places of an image that is squashed to a square.

    Attributes:
        side: of the square, px.
    """

    side: int

    @property
    def needs(self) -> Size:
        return Size.square(self.side)

    @property
    def size(self) -> Size:
        return Size.square(crop_rules.NATIVE)

    def draw(self, image: Size, flip: bool, centre: bool, rng: Rng) -> tuple[Box, View]:
        raise AssertionError("places are drawn in one sequence over all images")

    def at(self, image: Size, place: Box) -> tuple[Box, View]:
        """The whole image, and the window at a place of the square."""
        return Box.whole(image), View(Region.whole(Size.square(self.side)).crop(place))


@dataclass(frozen=True)
class PixVerve(EvalProtocol):
    """20 places an image, drawn in one sequence that both sides share."""

    @property
    def fake_needs_reals(self) -> bool:
        return False

    def n_items(self, images: Manifest) -> int:
        return PIXVERVE_PLACES * len(self.survivors(images))

    def real(self, images: Manifest, n: int, seed: int) -> list[Item[ImageView]]:
        return self._items(images, range(n), seed, "real")

    def drawn(self, images: Manifest, n: int, seed: int) -> list[Item[ImageView]]:
        return self._items(images, range(n), seed, "drawn")

    def fake(self, images: Manifest, n: int, seed: int) -> list[Item[View]]:
        canvas = Size.square(self._squashed.side)
        views = (self._squashed.at(canvas, place)[1] for place in self._places(n))
        return [Item(i // PIXVERVE_PLACES, (view,)) for i, view in enumerate(views)]

    @property
    def _squashed(self) -> Squashed:
        assert isinstance(self.rule, Squashed)
        return self.rule

    def _places(self, n: int) -> list[Box]:
        drawn, square = random.Random(_PIXVERVE_SEED), Size.square(self._squashed.side)
        return [crop_rules.pixverve(square, drawn) for _ in range(n)]

    def _items(
        self, images: Manifest, numbers: Iterable[int], seed: int, side: str
    ) -> list[Item[ImageView]]:
        kept, items = self.survivors(images), []
        places = self._places(len(list(numbers)))
        for i, place in enumerate(places):
            image = kept[i // PIXVERVE_PLACES % len(kept)]
            square, view = self._squashed.at(images[image].size, place)
            items.append(Item(image, (ImageView(image, False, square, view),)))
        return items


@dataclass(frozen=True)
class Grids(Native):
    """Every cell of two grids over each image, the second half a cell further down and right."""

    def n_items(self, images: Manifest) -> int:
        return sum(len(self._cells(images[i].size)) for i in self.survivors(images))

    def fake(self, images: Manifest, n: int, seed: int) -> list[Item[View]]:
        numbers = itertools.islice(itertools.cycle(range(self.n_items(images))), n)
        reals = self._items(images, numbers, seed, "fake")
        return [Item(item.group, (item.views[0].view,)) for item in reals]

    def _cells(self, size: Size) -> list[Box]:
        side = self.rule.size.height
        rows, columns = (length // side for length in size)
        first = [(side * i, side * j) for i in range(rows) for j in range(columns)]
        half = [(y + side // 2, x + side // 2) for y, x in first]
        inner = [(y, x) for y, x in half if y < (rows - 1) * side and x < (columns - 1) * side]
        return [Box(top, left, side, side) for top, left in (*first, *inner)]

    def _items(
        self, images: Manifest, numbers: Iterable[int], seed: int, side: str
    ) -> list[Item[ImageView]]:
        kept = self.survivors(images)
        cells = [self._cells(images[i].size) for i in kept]
        ends = list(itertools.accumulate(map(len, cells)))
        items = []
        for number in numbers:
            at = bisect.bisect_right(ends, number)
            image, cell = kept[at], cells[at][number - (ends[at] - len(cells[at]))]
            size = images[image].size
            view = View(Region.whole(size).crop(cell))
            items.append(Item(image, (ImageView(image, False, Box.whole(size), view),)))
        return items


@dataclass(frozen=True)
class ScaleBin(PatchAt):
    """Windows of `patch` px on canvases of 2^`low` to 2^(`low` + 1) times their side.

    Attributes:
        canvas: the largest, px: what an image has to hold.
        low: the bin.
    """

    low: int

    def draw(self, image: Size, flip: bool, centre: bool, rng: Rng) -> tuple[Box, View]:
        scale = self.low + float(rng.uniform())
        side = round(self.patch * 2**scale)
        return PatchAt(self.patch, side).draw(image, flip, centre, rng)


@dataclass(frozen=True)
class Adm(EvalProtocol):
    """Centre squares against canvases of any shape, which the extractor squashes.

    Attributes:
        shown: the canvas of fakes; None is that of the real images.
    """

    shown: Size | None = None

    def fake(self, images: Manifest, n: int, seed: int) -> list[Item[View]]:
        return [Item(i, (View(Region.whole(self.shown or self.rule.size)),)) for i in range(n)]

    def drawn(self, images: Manifest, n: int, seed: int) -> list[Item[ImageView]]:
        if self.shown is None:
            return super().drawn(images, n, seed)
        kept = self.fake_survivors(images)
        if len(kept) < max(MIN_IMAGES, n):
            raise DatasetError(
                f"{self.id} was asked for {n} different images of {self.shown} px or more, and "
                f"there are {len(kept)}"
            )
        chosen = [kept[k] for k in stream(seed, "epoch", 0).permutation(len(kept))[:n].tolist()]
        return [Item(i, (self._shown(i, images[i].size, self.shown),)) for i in chosen]

    def fake_survivors(self, images: Manifest) -> list[int]:
        if self.shown is None:
            return super().fake_survivors(images)
        return [i for i, image in enumerate(images) if _holds(image.size, self.shown)]

    def n_drawn(self, images: Manifest) -> int:
        return len(self.fake_survivors(images))

    def _shown(self, index: int, size: Size, shown: Size) -> ImageView:
        """The largest centred part of the canvas's aspect, resized to the canvas."""
        scale = min(size.height / shown.height, size.width / shown.width)
        part = Size(*(round(scale * side) for side in shown))
        top, left = ((a - b) // 2 for a, b in zip(size, part, strict=True))
        return ImageView(index, False, Box(top, left, *part), View(Region.whole(shown)))


def _holds(size: Size, part: Size) -> bool:
    return size.height >= part.height and size.width >= part.width


@dataclass(frozen=True)
class ScaleInv(EvalProtocol):
    """Canvases of `canvas` px, made real images' size by the rule `warp` names."""

    canvas: int = 0

    def fake(self, images: Manifest, n: int, seed: int) -> list[Item[View]]:
        view = View(Region.whole(Size.square(self.canvas)), warp=self.warp)
        return [Item(i, (view,)) for i in range(n)]


def dialect_from(name: str) -> EvalProtocol | None:
    """The protocol of that id; None where the id has no form of this module.

    Raises:
        UsageError: its numbers do not go together.
    """
    for pattern, make in _FORMS.items():
        if match := re.fullmatch(pattern, name):
            return make(name, [int(number) for number in match.groups() if number is not None])
    return None


def _infd(name: str, numbers: Sequence[int]) -> EvalProtocol:
    _expect(name, numbers[0] in (256, 512, 1024), "crops of 256, 512 or 1024 px")
    return EachOnce(name, NativeCrop(numbers[0], "random"), False, False, False)


def _center(name: str, numbers: Sequence[int]) -> EvalProtocol:
    _expect(name, numbers[0] > 0, "a crop of at least 1 px")
    return EachOnce(name, NativeCrop(numbers[0], "centre"), False, True, False)


def _pixverve(name: str, numbers: Sequence[int]) -> EvalProtocol:
    _expect(name, numbers[0] >= crop_rules.NATIVE, f"squares of {crop_rules.NATIVE} px or more")
    return PixVerve(name, Squashed(numbers[0]), False, False, False)


def _codec(name: str, numbers: Sequence[int]) -> EvalProtocol:
    _expect(name, numbers[0] > 0 and numbers[0] % 2 == 0, "an even number of px")
    return Grids(name, NativeCrop(numbers[0], "centre"), False, False, False)


def _scalespace(name: str, numbers: Sequence[int]) -> EvalProtocol:
    patch, low = numbers
    _expect(name, patch > 0 and low <= 12, "a window of at least 1 px and a bin up to 12")
    return EvalProtocol(name, ScaleBin(patch, patch << (low + 1), low), False, False, False)


def _adm(name: str, numbers: Sequence[int]) -> EvalProtocol:
    side, *shown = numbers
    _expect(name, min(numbers) > 0, "sizes of at least 1 px")
    return Adm(name, Whole(side), False, True, False, shown=Size(*shown) if shown else None)


def _scaleinv(name: str, numbers: Sequence[int]) -> EvalProtocol:
    real, full, scale = numbers
    _expect(name, 0 < real <= full and scale > 0, "0 < R <= F and a scale of at least 1")
    return ScaleInv(name, Whole(real), False, True, False, warp=name, canvas=full * scale)


def _expect(name: str, fits: bool, expected: str) -> None:
    if not fits:
        raise UsageError(f"{name}: expected {expected}")


_FORMS: dict[str, Callable[[str, Sequence[int]], EvalProtocol]] = {
    r"infd-p(\d+)": _infd,
    r"center(\d+)": _center,
    r"pixverve-patch(\d+)": _pixverve,
    r"codec(\d+)": _codec,
    r"scalespace(\d+)-bin(\d+)": _scalespace,
    r"adm(\d+)(?:-of(\d+)x(\d+))?": _adm,
    r"scaleinv(\d+)-full(\d+)-x(\d+)": _scaleinv,
}
