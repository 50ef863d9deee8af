"""Views: which pixels of which canvas are compared, and the rules by which they are drawn.

A real image is cut to the canvas' shape, what is cut is shrunk to the canvas, and a window of the
canvas is compared; a model renders windows of canvases. All of it is drawn before a pixel is read.

Source: AnyRes-GAN (Chai et al., ECCV 2022), section 4, and its released evaluation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, Literal, Protocol, SupportsFloat, TypeVar, runtime_checkable

from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.data.pixels import center_square

_FARTHEST = 1 / 8  # of the side, that an input is shifted by
BASE_WARP = "anyres-up"  # the warp of `anyres-up{R}`, of a model's base image


class Rng(Protocol):
    """Where a rule takes its random numbers from, in a fixed order; `core.seeds.Stream` is one."""

    def integer(self, low: int, high: int) -> int:
        """Uniform in [low, high], both ends included."""
        ...

    def uniform(self) -> SupportsFloat:
        """Uniform in [0, 1)."""
        ...


MotionKind = Literal["t", "tfrac", "r"]


@dataclass(frozen=True, slots=True)
class Motion:
    """How a model's input is moved, and what it drew without, to see whether they agree.

    Attributes:
        kind: by whole pixels, by a fraction of one, or a rotation.
        amount: shares (x, y) of the width and the height; for a rotation (angle,), radians.
    """

    kind: MotionKind
    amount: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Pixels that are compared.

    Attributes:
        region: the window of the canvas.
        crop: the part of the window that is compared; None is all of it.
        warp: None, or the rule by which what the model renders becomes what is compared: its base
            image where that is `BASE_WARP`, else the canvas; what is compared may be smaller.
        source_side: shorter side of what was shrunk to the canvas, px, where a real image was;
            None where nothing is known.
        motion: None, or how the model's input is moved.
    """

    region: Region
    crop: Box | None = None
    warp: str | None = None
    source_side: int | None = None
    motion: Motion | None = None

    @property
    def size(self) -> Size:
        """Size of the compared pixels."""
        return self.region.size if self.crop is None else self.crop.size

    def rendered(self, native: Size) -> Region:
        """The window that a model of size `native` renders: its base image where that is warped."""
        return Region.whole(native) if self.warp == BASE_WARP else self.region


@dataclass(frozen=True, slots=True)
class ImageView:
    """How an image becomes compared pixels; the steps are taken in the order of the attributes.

    Attributes:
        image: index in the manifest.
        flip: whether it is mirrored left to right.
        source: the part of the (mirrored) image that is shrunk to the canvas of `view`.
        view: the window of that canvas.
    """

    image: int
    flip: bool
    source: Box
    view: View


V_co = TypeVar("V_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Item(Generic[V_co]):
    """What one row of features is about: one image, or one latent, in one or more views.

    Attributes:
        group: number of the image or of the latent; rows of one group depend on each other.
        views: what is seen of it; extractors that see several are given them in this order.
    """

    group: int
    views: tuple[V_co, ...]


class ViewRule(Protocol):
    """How one image of a given size becomes a view."""

    @property
    def needs(self) -> Size:
        """The smallest image that is never enlarged."""
        ...

    @property
    def size(self) -> Size:
        """Size of the compared pixels."""
        ...

    def draw(self, image: Size, flip: bool, centre: bool, rng: Rng) -> tuple[Box, View]:
        """The part of the (mirrored) image that is shrunk, and the view on its canvas."""
        ...


@runtime_checkable
class ManyViews(Protocol):
    """A rule that shows each item in several views, which follow from the one that it draws."""

    @property
    def n_views(self) -> int:
        """How many."""
        ...

    def views(self, drawn: View) -> tuple[View, ...]:
        """All views, in the order in which extractors are given them."""
        ...


@dataclass(frozen=True)
class Whole:
    """Whole images of `side` px.

    Official draws: one, along the longer side, on the image before it is mirrored.
    """

    side: int

    @property
    def needs(self) -> Size:
        return self.size

    @property
    def size(self) -> Size:
        return Size.square(self.side)

    def draw(self, image: Size, flip: bool, centre: bool, rng: Rng) -> tuple[Box, View]:
        square = center_square(image)
        if not centre and image.longer > image.shorter:
            start = rng.integer(0, image.longer - image.shorter)
            top, left = (start, 0) if image.height > image.width else (0, start)
            square = replace(square, top=top, left=left)
        if flip:
            square = replace(square, left=image.width - square.right)
        return square, View(Region.whole(self.size))


@dataclass(frozen=True)
class Pair(Whole):
    """Whole images at two sizes, of one square.

    Attributes:
        side: the larger of `sides`, px.
        sides: of the views, in their order, px.
    """

    sides: tuple[int, int]

    n_views: ClassVar[int] = 2

    def views(self, drawn: View) -> tuple[View, ...]:
        return tuple(replace(drawn, region=Region.whole(Size.square(side))) for side in self.sides)


@dataclass(frozen=True)
class Moved(Whole):
    """Whole images drawn under a motion of the model's input: three views of one latent.

    What was drawn without and moved afterwards, what was drawn under the motion, and the mask of
    what can be compared.

    Source: Karras et al., "Alias-Free Generative Adversarial Networks", NeurIPS 2021, appendix E.
    """

    kind: MotionKind

    n_views: ClassVar[int] = 3

    def moved(self, view: View, rng: Rng) -> View:
        """The view under a motion of its own: shifts to 1/8 of the side, or any angle."""
        if self.kind == "r":
            angle = math.pi * (2 * float(rng.uniform()) - 1)
            return replace(view, motion=Motion("r", (angle,)))
        shift = [(2 * float(rng.uniform()) - 1) * _FARTHEST for _ in range(2)]
        if self.kind == "t":
            shift = [round(share * self.side) / self.side for share in shift]
        return replace(view, motion=Motion(self.kind, tuple(shift)))

    def views(self, drawn: View) -> tuple[View, ...]:
        return (drawn,) * self.n_views


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
    def needs(self) -> Size:
        return Size.square(math.ceil(self.patch / self.scale_max - 1e-6))

    @property
    def size(self) -> Size:
        return Size.square(self.inner or self.patch)

    def draw(self, image: Size, flip: bool, centre: bool, rng: Rng) -> tuple[Box, View]:
        square = _square(image, centre, rng)
        canvas = self._canvas(square.width, float(rng.uniform()))
        window = _random_box(canvas, self.patch, rng)
        crop = _random_box(window.size, self.inner, rng) if self.inner else None
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
    def needs(self) -> Size:
        return Size.square(self.canvas)

    @property
    def size(self) -> Size:
        return Size.square(self.patch)

    def draw(self, image: Size, flip: bool, centre: bool, rng: Rng) -> tuple[Box, View]:
        square = _square(image, centre, rng)
        canvas = Size.square(self.canvas)
        window = _random_box(canvas, self.patch, rng)
        return square, View(Region.whole(canvas).crop(window), source_side=square.width)


@dataclass(frozen=True)
class Shifted(PatchAt):
    """Two windows of `patch` px, the second `by` px further down and right; their common pixels.

    What a model draws at a place must not depend on the window that it was asked for.
    """

    by: int

    n_views: ClassVar[int] = 2

    @property
    def size(self) -> Size:
        return Size.square(self.patch - self.by)

    def draw(self, image: Size, flip: bool, centre: bool, rng: Rng) -> tuple[Box, View]:
        square = _square(image, centre, rng)
        canvas = Size.square(self.canvas)
        both = _random_box(canvas, self.patch + self.by, rng)
        first = replace(both, height=self.patch, width=self.patch)
        return square, View(Region.whole(canvas).crop(first), source_side=square.width)

    def views(self, drawn: View) -> tuple[View, ...]:
        side, by = self.patch - self.by, self.by
        region = drawn.region
        moved = replace(region, top=region.top + by, left=region.left + by)
        return (
            replace(drawn, crop=Box(by, by, side, side)),
            replace(drawn, region=moved, crop=Box(0, 0, side, side)),
        )


@dataclass(frozen=True)
class Window:
    """Windows of `patch` px on a canvas of any shape; the largest part of that shape is shrunk.

    Draws: y and x of the window, y and x of the part.

    Attributes:
        patch: side of the window, px.
        canvas: its size; None is each image's own, of which nothing is cut or shrunk.
    """

    patch: int
    canvas: Size | None

    @property
    def needs(self) -> Size:
        return self.canvas or self.size

    @property
    def size(self) -> Size:
        return Size.square(self.patch)

    def draw(self, image: Size, flip: bool, centre: bool, rng: Rng) -> tuple[Box, View]:
        canvas = self.canvas or image
        top = rng.integer(0, canvas.height - self.patch)
        left = rng.integer(0, canvas.width - self.patch)
        source = _placed(largest_of_shape(image, canvas), image, centre, rng)
        region = Region(canvas, top, left, self.size)
        return source, View(region, source_side=source.size.shorter)


def largest_of_shape(image: Size, shape: Size) -> Size:
    """Size of the largest part of an image that has the shape of `shape`, up to half a pixel.

    >>> largest_of_shape(Size(600, 800), Size(9, 16))
    Size(height=450, width=800)
    """
    width = (2 * image.height * shape.width + shape.height) // (2 * shape.height)
    if width <= image.width:
        return Size(image.height, width)
    height = (2 * image.width * shape.height + shape.width) // (2 * shape.width)
    return Size(min(height, image.height), image.width)


def _placed(size: Size, image: Size, centre: bool, rng: Rng) -> Box:
    """A box of a size inside an image, anywhere or in its middle."""
    slack = Size(image.height - size.height, image.width - size.width)
    if centre:
        return Box(slack.height // 2, slack.width // 2, *size)
    return Box(rng.integer(0, slack.height), rng.integer(0, slack.width), *size)


def _square(image: Size, centre: bool, rng: Rng) -> Box:
    return center_square(image) if centre else _random_box(image, image.shorter, rng)


def _random_box(image: Size, side: int, rng: Rng) -> Box:
    left = rng.integer(0, image.width - side)  # x before y, and both even where there is no room
    return Box(rng.integer(0, image.height - side), left, side, side)
