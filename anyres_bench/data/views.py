"""Protocols: which pixels of which canvases are compared.

A real image is cut to a square, the square is shrunk to a canvas, and a window of the canvas is
compared; a model renders windows of canvases. All of it is drawn here, before a pixel is read:
view i depends on the seed, on i and on the images' sizes alone.

    anyres-full{R}                      whole images of R x R
    anyres-up{R}                        the same reals; the model's base image, enlarged to R x R
    anyres-patch{P}-min{A}max{B}        windows of P x P on canvases of A to B px (0: native size)
    anyres-subpatch{P}-min{A}max{B}     299 x 299 px of such a window, which Inception takes as is
    patch{P}-at{S}                      windows of P x P on canvases of exactly S x S: one point of
                                        the curve of a metric against size

The `anyres-` dialect counts mirrored reals and draws squares at random, as the released recipes do
(`mirror=1`, `patch_crop`); the endings `-noflip` and `-centre` name the other choice. The papers'
names, `fid-full1024` and so on, are read as `anyres-full1024`.

Source: AnyRes-GAN (Chai et al., ECCV 2022), section 4, and its released evaluation; what that
draws without a seed comes from `anyres_bench.core.seeds` here.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol as Interface
from typing import SupportsFloat

import numpy as np

from anyres_bench.core.errors import DatasetError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.registry import nearest
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import Rounding, center_square
from anyres_bench.data.records import Manifest
from anyres_bench.results import one_spelling

SUBPATCH = 299  # px: what Inception takes without a resize
MIN_IMAGES = 2  # one image has no spread
ANYRES_UP = "anyres-up"  # the warp of `anyres-up{R}`


class Draws(Interface):
    """Where a rule takes its random numbers from, in a fixed order; `core.seeds.Stream` is one."""

    def integer(self, low: int, high: int) -> int:
        """Uniform in [low, high], both ends included."""
        ...

    def uniform(self) -> SupportsFloat:
        """Uniform in [0, 1)."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """Pixels that are compared.

    Attributes:
        region: the window of the canvas.
        crop: the part of the window that is compared; None is all of it.
        warp: None, or the rule by which the model's base image becomes the window.
        source_side: side of the square that was shrunk to the canvas, px, where a real image was;
            None where nothing is known.
    """

    region: Region
    crop: Box | None = None
    warp: str | None = None
    source_side: int | None = None

    @property
    def size(self) -> Size:
        """Size of the compared pixels."""
        return self.region.size if self.crop is None else self.crop.size

    def rendered(self, native: Size) -> Region:
        """The window a model of size `native` has to render: its base image where it is warped."""
        return self.region if self.warp is None else Region.whole(native)


@dataclass(frozen=True, slots=True)
class RealView:
    """How an image becomes compared pixels; the steps are taken in the order of the attributes.

    Attributes:
        image: index in the manifest.
        flip: whether it is mirrored left to right.
        square: the part of the (mirrored) image that is shrunk to the canvas of `view`.
        view: the window of that canvas.
    """

    image: int
    flip: bool
    square: Box
    view: View


class Rule(Interface):
    """How one image of a given size becomes a view."""

    @property
    def needs(self) -> int:
        """The smallest shorter side, px, that is never enlarged."""
        ...

    @property
    def size(self) -> Size:
        """Size of the compared pixels."""
        ...

    def draw(self, image: Size, flip: bool, centre: bool, draws: Draws) -> tuple[Box, View]:
        """The square of the (mirrored) image, and the view on its canvas."""
        ...


@dataclass(frozen=True)
class Whole:
    """Whole images of `side` px.

    Official draws: one, along the longer side, on the image before it is mirrored.
    """

    side: int

    @property
    def needs(self) -> int:
        return self.side

    @property
    def size(self) -> Size:
        return Size.square(self.side)

    def draw(self, image: Size, flip: bool, centre: bool, draws: Draws) -> tuple[Box, View]:
        square = center_square(image)
        if not centre and image.longer > image.shorter:
            start = draws.integer(0, image.longer - image.shorter)
            top, left = (start, 0) if image.height > image.width else (0, start)
            square = replace(square, top=top, left=left)
        if flip:
            square = replace(square, left=image.width - square.right)
        return square, View(Region.whole(self.size))


@dataclass(frozen=True)
class Patch:
    """Windows of `patch` px; the canvas is drawn uniformly in size and never enlarged.

    Official draws: x and y of the square, the size, x and y of the window, x and y of the part.

    Attributes:
        patch: side of the window, px.
        scale_min: `patch` over the largest canvas; None is each image's own size.
        scale_max: `patch` over the smallest canvas, in (0, 1].
        inner: None, or the side of the part of the window that is compared, px.
    """

    patch: int
    scale_min: float | None = None
    scale_max: float = 1.0
    inner: int | None = None

    @property
    def needs(self) -> int:
        return math.ceil(self.patch / self.scale_max - 1e-6)

    @property
    def size(self) -> Size:
        return Size.square(self.inner or self.patch)

    def draw(self, image: Size, flip: bool, centre: bool, draws: Draws) -> tuple[Box, View]:
        square = _square(image, centre, draws)
        canvas = self._canvas(square.width, float(draws.uniform()))
        window = _random_box(canvas, self.patch, draws)
        crop = _random_box(window.size, self.inner, draws) if self.inner else None
        return square, View(Region.whole(canvas).crop(window), crop, source_side=square.width)

    def _canvas(self, side: int, u: float) -> Size:
        # The official arithmetic, operation by operation, so that rounding falls the same way.
        low = self.patch / self.scale_max
        high = self.patch / max(self.patch / side, self.scale_min or 0.0)
        scale = self.patch / (low + (high - low) * u)
        return Size.square(round(self.patch / scale))


@dataclass(frozen=True)
class PatchAt:
    """Windows of `patch` px on canvases of exactly `canvas` px."""

    patch: int
    canvas: int

    @property
    def needs(self) -> int:
        return self.canvas

    @property
    def size(self) -> Size:
        return Size.square(self.patch)

    def draw(self, image: Size, flip: bool, centre: bool, draws: Draws) -> tuple[Box, View]:
        square = _square(image, centre, draws)
        canvas = Size.square(self.canvas)
        window = _random_box(canvas, self.patch, draws)
        return square, View(Region.whole(canvas).crop(window), source_side=square.width)


def _square(image: Size, centre: bool, draws: Draws) -> Box:
    return center_square(image) if centre else _random_box(image, image.shorter, draws)


def _random_box(image: Size, side: int, draws: Draws) -> Box:
    left = draws.integer(0, image.width - side)  # x before y, and both even where there is no room
    return Box(draws.integer(0, image.height - side), left, side, side)


@dataclass(frozen=True)
class Protocol:
    """Which pixels are compared; made from its id by `protocol_from`.

    Attributes:
        id: all of it, in one word.
        rule: how one image becomes one view.
        mirrored: whether mirrored reals are counted beside the others.
        centre: whether squares are centred instead of drawn at random.
        anyres: whether it is of the official dialect: its order of images, its truncation to uint8.
        warp: how a model's base image becomes the window; None: the model renders the window.
    """

    id: str
    rule: Rule
    mirrored: bool
    centre: bool
    anyres: bool
    warp: str | None = None

    @property
    def rounding(self) -> Rounding:
        """How a model's floats become uint8."""
        return "truncate" if self.anyres else "round"

    @property
    def whole(self) -> bool:
        """Whether whole images are compared: all reals, each once, with any number of fakes."""
        return isinstance(self.rule, Whole)

    def images(self, dataset: Dataset) -> Dataset:
        """The images of a dataset that this protocol looks at.

        Whole images are those of the role "lr", where all of them are large enough, as papers have
        it; everything else, and whatever has no such roles, is of the role "hr", or of any.
        """
        roles = dataset.roles
        low = roles.get("lr", Manifest([]))
        fits = all(image.size.shorter >= self.rule.needs for image in low)
        name = "lr" if self.whole and low and fits else "hr"
        return replace(dataset, manifest=roles.get(name, dataset.manifest))

    def survivors(self, images: Manifest) -> list[int]:
        """Indices of the images that are large enough, because nothing is ever enlarged.

        Raises:
            DatasetError: fewer than two are.
        """
        kept = [i for i, image in enumerate(images) if image.size.shorter >= self.rule.needs]
        if len(kept) < MIN_IMAGES:
            largest = max((image.size.shorter for image in images), default=0)
            raise DatasetError(
                f"{self.id} needs at least {MIN_IMAGES} images whose shorter side is "
                f"{self.rule.needs} px or more; {len(kept)} of {len(images)} are that large (the "
                f"largest has {largest} px): choose a smaller protocol or add larger images"
            )
        return kept

    def n_items(self, images: Manifest) -> int:
        """Number of different real items, mirrored ones included where they count."""
        return len(self.survivors(images)) * (1 + self.mirrored)

    def real(self, images: Manifest, n: int, seed: int) -> list[RealView]:
        """Views of the reference images: every item once, or n drawn ones.

        Raises:
            DatasetError: fewer than two images are large enough.
        """
        n_items = self.n_items(images)
        if self.whole:
            return self._views(images, range(n_items), seed, "real")
        order = infinite_order if self.anyres else epochs
        return self._views(images, itertools.islice(order(n_items, seed), n), seed, "real")

    def drawn(self, images: Manifest, n: int, seed: int) -> list[RealView]:
        """n views of images that stand for a model: as reals are drawn, by other random numbers.

        No item comes again before every item has come.

        Raises:
            DatasetError: fewer than two images are large enough, or whole images are compared and
                there are fewer than n.
        """
        n_items = self.n_items(images)
        if self.whole and n > n_items:
            mirrored = ", mirrored ones included" if self.mirrored else ""
            raise DatasetError(
                f"{self.id} was asked for {n} different images, but there are only {n_items}"
                f"{mirrored}; use --n {n_items} or less, or add images"
            )
        return self._views(images, itertools.islice(epochs(n_items, seed), n), seed, "drawn")

    def pictures(self, n_pictures: int, n: int, seed: int) -> list[int]:
        """Which pictures a finite model shows: none comes again before every one has come.

        Raises:
            DatasetError: whole pictures are compared and there are fewer than n.
        """
        if self.whole and n > n_pictures:
            raise DatasetError(
                f"{self.id} was asked for {n} different pictures, but there are only {n_pictures}; "
                f"use --n {n_pictures} or less, or add images"
            )
        return list(itertools.islice(epochs(n_pictures, seed), n))

    def fake(self, images: Manifest, n: int, seed: int) -> list[tuple[int, View]]:
        """(latent number, view) of n samples of a model; the same number twice is one latent.

        Sample i takes the window of real i where windows are compared; latents are independent.

        Raises:
            DatasetError: fewer than two images are large enough.
        """
        if not self.whole:
            return [(i, real.view) for i, real in enumerate(self.real(images, n, seed))]
        view = View(Region.whole(self.rule.size), warp=self.warp)
        return [(i, view) for i in range(n)]

    def _views(
        self, images: Manifest, items: Iterable[int], seed: int, side: str
    ) -> list[RealView]:
        survivors = self.survivors(images)
        views = []
        for i, item in enumerate(items):
            flip, survivor = divmod(item, len(survivors))  # the second half of the items: mirrored
            image = survivors[survivor]
            draws = stream(seed, "view", side, i)
            square, view = self.rule.draw(images[image].size, bool(flip), self.centre, draws)
            views.append(RealView(image, bool(flip), square, view))
        return views


def infinite_order(n_items: int, seed: int) -> Iterator[int]:
    """Items without end, in an order that is shuffled a little further after every item.

    An item may come again before every other has come.

    Source: the seeded `InfiniteSampler` of StyleGAN3, with its window of half the items.
    """
    random = np.random.RandomState(seed % 2**32)
    order = np.arange(n_items)
    random.shuffle(order)
    window = int(np.rint(n_items * 0.5))
    for position in itertools.count():
        i = position % n_items
        yield int(order[i])
        if window >= 2:
            j = (i - random.randint(window)) % n_items
            order[i], order[j] = order[j], order[i]


def epochs(n_items: int, seed: int) -> Iterator[int]:
    """Items without end; each run of `n_items` holds every item once, in a new order."""
    for epoch in itertools.count():
        yield from map(int, stream(seed, "epoch", epoch).permutation(n_items))


_FORMS = {
    "anyres-full": r"anyres-full([0-9]+)",
    "anyres-up": r"anyres-up([0-9]+)",
    "anyres-patch": r"anyres-patch([0-9]+)-min([0-9]+)max([0-9]+)",
    "anyres-subpatch": r"anyres-subpatch([0-9]+)-min([0-9]+)max([0-9]+)",
    "patch-at": r"patch([0-9]+)-at([0-9]+)",
}
EXAMPLES = (
    "anyres-full256",
    "anyres-up1024",
    "anyres-patch256-min256max0",
    "anyres-subpatch1024-min1024max0",
    "patch64-at256",
)


def protocol_from(text: str) -> Protocol:
    """The protocol of an id, or of the papers' name for it.

    Raises:
        UnknownNameError: the text has the form of no protocol; the nearest is suggested.
        UsageError: its numbers do not go together.

    >>> protocol_from("fid-patch256-min0256max0").id
    'anyres-patch256-min256max0'
    """
    name = one_spelling(re.sub(r"^fid-", "anyres-", text))
    body, centre = name.removesuffix("-centre"), name.endswith("-centre")
    body, noflip = body.removesuffix("-noflip"), body.endswith("-noflip")
    for form, pattern in _FORMS.items():
        if match := re.fullmatch(pattern, body):
            anyres = form.startswith("anyres-")
            if noflip and not anyres:
                raise UsageError(f"{text}: {form} never mirrors an image; leave -noflip out")
            return Protocol(
                id=name,
                rule=_rule(form, text, *map(int, match.groups())),
                mirrored=anyres and not noflip,
                centre=centre,
                anyres=anyres,
                warp=ANYRES_UP if form == "anyres-up" else None,
            )
    raise UnknownNameError(f"unknown protocol {text!r}; {nearest(text, EXAMPLES)}")


def _rule(form: str, text: str, side: int, smallest: int | None = None, largest: int = 0) -> Rule:
    """The rule of a form; `smallest` and `largest` are canvases in px, 0 the image's own size."""
    if side < 1 or (smallest is not None and smallest < side) or 0 < largest < (smallest or 0):
        raise UsageError(f"{text}: expected 0 < window <= smallest canvas <= largest (0: native)")
    if smallest is None:
        return Whole(side)
    if form == "patch-at":
        return PatchAt(side, smallest)
    inner = SUBPATCH if form == "anyres-subpatch" else None
    if inner and side < inner:
        raise UsageError(f"{text}: the window has {side} px and must hold {inner}")
    return Patch(side, side / largest if largest else None, side / smallest, inner)
