"""Protocols: which items are compared, by a name that says all of it.

View i depends on the seed, on i and on the images' sizes alone.

    anyres-full{R}                      whole images of R x R
    anyres-up{R}                        the same reals; the model's base image, enlarged to R x R
    anyres-patch{P}-min{A}max{B}        windows of P x P on canvases of A to B px (0: native size)
    anyres-subpatch{P}-min{A}max{B}     299 x 299 px of such a window, which Inception takes as is
    patch{P}-at{S}                      windows of P x P on canvases of exactly S x S: one point of
                                        the curve of a metric against size
    pair-at{A}and{B}                    whole images at A x A and at B x B (A < B), of one latent
    scaleparty-at{A}and{B}              the same, A first, levels cut off as ScaleParty does
    overlap{P}by{D}-at{S}               the common pixels of two windows of P x P on canvases of
                                        S x S, the second D px further down and right
    eq-{t|tfrac|r}-at{S}                whole images of S x S under a shift of the model's input by
                                        whole pixels or fractions, or a rotation
    ar1-...                             windows on canvases of growing sizes and of any shape; see
                                        `anyres_bench.data.ar1`
    ar1-shrunk{A}-at{S}                 canvases of S x S, shrunk to A x A; see `data.shrunk`

Protocols of other projects are in `anyres_bench.data.dialects`.

The `anyres-` dialect counts mirrored reals and draws squares at random, as the released recipes do
(`mirror=1`, `patch_crop`); the endings `-noflip` and `-centre` name the other choice. The papers'
names, `fid-full1024` and so on, are read as `anyres-full1024`.

Source: AnyRes-GAN (Chai et al., ECCV 2022), section 4, and its released evaluation; what that
draws without a seed comes from `anyres_bench.core.seeds` here.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from anyres_bench.core.errors import DatasetError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Region
from anyres_bench.core.registry import nearest
from anyres_bench.core.seeds import stream
from anyres_bench.data import ar1
from anyres_bench.data.ar1 import Ar1, StrataKind, read_ar1
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import Rounding
from anyres_bench.data.records import ImageRecord, Manifest
from anyres_bench.data.sobol import PointDraws, Sobol
from anyres_bench.data.views import (
    BASE_WARP,
    ImageView,
    Item,
    ManyViews,
    MotionKind,
    Moved,
    Pair,
    Patch,
    PatchAt,
    Rng,
    Shifted,
    View,
    ViewRule,
    Whole,
)
from anyres_bench.results import one_spelling

SUBPATCH = 299  # px: what Inception takes without a resize
MIN_IMAGES = 2  # one image has no spread


@dataclass(frozen=True)
class EvalProtocol:
    """Which pixels are compared; made from its id by `protocol_from`.

    Attributes:
        id: all of it, in one word.
        rule: how one image becomes one view.
        mirrored: whether mirrored reals are counted beside the others.
        centre: whether squares are centred instead of drawn at random.
        anyres: whether it is of the official dialect: its order of images.
        warp: how what a model renders becomes what is compared; None: it is that already.
        rounding: how a model's floats become uint8.
        sobol: whether windows lie at the points of a Sobol sequence, one for all sides.
        kind: what `strata` are: canvases of several sizes, or of several aspects.
        strata: label -> the protocol that a stratum is; items are drawn by these alone.
    """

    id: str
    rule: ViewRule
    mirrored: bool
    centre: bool
    anyres: bool
    warp: str | None = None
    rounding: Rounding = "round"
    sobol: bool = False
    kind: StrataKind = ""
    strata: Mapping[str, EvalProtocol] = field(default_factory=dict, hash=False)

    @property
    def n_views(self) -> int:
        """How many views an item has."""
        return self.rule.n_views if isinstance(self.rule, ManyViews) else 1

    def views(self, drawn: View) -> tuple[View, ...]:
        """The views of an item, from the one that the rule draws."""
        return self.rule.views(drawn) if isinstance(self.rule, ManyViews) else (drawn,)

    @property
    def whole(self) -> bool:
        """Whether whole images are compared: all reals, each once, with any number of fakes."""
        return isinstance(self.rule, Whole)

    @property
    def fake_needs_reals(self) -> bool:
        """Whether canvases and windows of fakes follow the sizes of the real images."""
        return not self.whole

    @property
    def takes_all(self) -> bool:
        """Whether every image is a reference, none of them left out."""
        return False

    @property
    def mixed_sizes(self) -> bool:
        """Whether items differ in size, so that no two go through an extractor together."""
        return False

    @property
    def shows_images(self) -> bool:
        """Whether a set of images can stand for a model."""
        return self.warp is None

    @property
    def of_held_out(self) -> EvalProtocol:
        """The protocol by which held-out images are seen beside the reference."""
        return self

    def images(self, dataset: Dataset) -> Dataset:
        """The images of a dataset that this protocol looks at.

        Whole images are those of the role "lr", where all of them are large enough, as papers have
        it; everything else, and whatever has no such roles, is of the role "hr", or of any.
        """
        roles = dataset.roles
        low = roles.get("lr", Manifest([]))
        fits = all(map(self.fits, low))
        name = "lr" if self.whole and low and fits else "hr"
        return replace(dataset, manifest=roles.get(name, dataset.manifest))

    def fits(self, image: ImageRecord) -> bool:
        """Whether an image is large enough, because nothing is ever enlarged."""
        needs = self.rule.needs
        return image.height >= needs.height and image.width >= needs.width

    def survivors(self, images: Manifest) -> list[int]:
        """Indices of the images that are large enough; of strata, for the largest canvas.

        Raises:
            DatasetError: fewer than two are.
        """
        kept = [i for i, image in enumerate(images) if self.fits(image)]
        if len(kept) < MIN_IMAGES:
            largest = max((image.size.shorter for image in images), default=0)
            others = "choose a smaller protocol or add larger images"
            raise DatasetError(
                f"{self.id} needs at least {MIN_IMAGES} images {self.needs}; {len(kept)} of "
                f"{len(images)} are that large (the largest has {largest} px): "
                f"{others if len(kept) < len(images) else 'add images'}"
            )
        return kept

    def fake_survivors(self, images: Manifest) -> list[int]:
        """As `survivors`, of images that stand for a model."""
        return self.survivors(images)

    @property
    def needs(self) -> str:
        """Which images are large enough, in words."""
        least = self.rule.needs
        if least.height == least.width:
            return f"whose shorter side is {least.height} px or more"
        return f"of {least} px (height x width) or more"

    def n_items(self, images: Manifest) -> int:
        """Number of different real items, mirrored ones included where they count."""
        return len(self.survivors(images)) * (1 + self.mirrored)

    def n_drawn(self, images: Manifest) -> int:
        """Number of different items that images in the place of a model have."""
        return self.n_items(images)

    def real(self, images: Manifest, n: int, seed: int) -> list[Item[ImageView]]:
        """The reference images: each once, with its mirror image where that counts, or n drawn.

        Raises:
            DatasetError: fewer than two images are large enough.
        """
        n_items = self.n_items(images)
        if self.whole:
            return self._items(images, range(n_items), seed, "real")
        order = infinite_order if self.anyres else epochs
        return self._items(images, itertools.islice(order(n_items, seed), n), seed, "real")

    def drawn(self, images: Manifest, n: int, seed: int) -> list[Item[ImageView]]:
        """n items of images that stand for a model: as reals are drawn, by other random numbers.

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
        return self._items(images, itertools.islice(epochs(n_items, seed), n), seed, "drawn")

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

    def fake(self, images: Manifest, n: int, seed: int) -> list[Item[View]]:
        """n samples of a model; those of one group are of one latent.

        Sample i takes the window of real i where windows are compared; latents are independent.

        Raises:
            DatasetError: fewer than two images are large enough.
        """
        if not self.whole:
            reals = self.real(images, n, seed)
            return [
                Item(i, tuple(seen.view for seen in real.views)) for i, real in enumerate(reals)
            ]
        view = View(Region.whole(self.rule.size), warp=self.warp)
        if isinstance(self.rule, Moved):
            drawn = [self.rule.moved(view, stream(seed, "motion", i)) for i in range(n)]
            return [Item(i, self.views(each)) for i, each in enumerate(drawn)]
        return [Item(i, self.views(view)) for i in range(n)]

    def _items(
        self, images: Manifest, numbers: Iterable[int], seed: int, side: str
    ) -> list[Item[ImageView]]:
        if self.strata:
            raise UsageError(
                f"{self.id} is of several canvases; name one, such as "
                f"{next(iter(self.strata.values())).id}"
            )
        survivors = self.survivors(images)
        drawn = zip(numbers, self._draws(seed, side), strict=False)
        shown = self.rule.views if isinstance(self.rule, ManyViews) else None
        items = []
        for number, rng in drawn:
            flip, survivor = divmod(number, len(survivors))  # the second half is mirrored
            image = survivors[survivor]
            source, seen = self.rule.draw(images[image].size, bool(flip), self.centre, rng)
            views = shown(seen) if shown else (seen,)
            seen_of = (ImageView(image, bool(flip), source, view) for view in views)
            items.append(Item(image, tuple(seen_of)))
        return items

    def _draws(self, seed: int, side: str) -> Iterator[Rng]:
        """Random numbers of one item after the other."""
        if self.sobol:
            sequence = Sobol.scrambled(seed, self.id)
            return (PointDraws(sequence.point(i)) for i in itertools.count())
        return (stream(seed, "view", side, i) for i in itertools.count())


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
    "pair-at": r"pair-at([0-9]+)and([0-9]+)",
    "scaleparty-at": r"scaleparty-at([0-9]+)and([0-9]+)",
    "overlap": r"overlap([0-9]+)by([0-9]+)-at([0-9]+)",
    "eq-t": r"eq-t-at([0-9]+)",
    "eq-tfrac": r"eq-tfrac-at([0-9]+)",
    "eq-r": r"eq-r-at([0-9]+)",
}
_MOTIONS: dict[str, MotionKind] = {"eq-t": "t", "eq-tfrac": "tfrac", "eq-r": "r"}
_MULTIPLE = 32  # px: ScaleParty halves the first view five times
EXAMPLES = (
    "anyres-full256",
    "anyres-up1024",
    "anyres-patch256-min256max0",
    "anyres-subpatch1024-min1024max0",
    "patch64-at256",
    "pair-at64and256",
    "scaleparty-at64and256",
    "overlap64by16-at256",
    "eq-t-at256",
    "infd-p256",
    "center299",
    "pixverve-patch4096",
    "codec256",
    "scalespace256-bin1",
    "adm256",
    "scaleinv128-full197-x4",
    "paired",
    "ar1-shrunk64-at256",
    *ar1.EXAMPLES,
)


def protocol_from(text: str) -> EvalProtocol:
    """The protocol of an id, or of the papers' name for it.

    Raises:
        UnknownNameError: the text has the form of no protocol; the nearest is suggested.
        UsageError: its numbers do not go together.

    >>> protocol_from("fid-patch256-min0256max0").id
    'anyres-patch256-min256max0'
    """
    from anyres_bench.data.dialects import dialect_from
    from anyres_bench.data.pairing import NAME, paired_protocol
    from anyres_bench.data.shrunk import read_shrunk

    if text == NAME:
        return paired_protocol()
    name = ar1.with_window(one_spelling(re.sub(r"^fid-", "anyres-", text)))
    if (dialect := dialect_from(name)) is not None:
        return dialect
    if (shrunk := read_shrunk(name)) is not None:
        return shrunk
    if found := read_ar1(name):
        return _of_ar1(name, found)
    body, centre = name.removesuffix("-centre"), name.endswith("-centre")
    body, noflip = body.removesuffix("-noflip"), body.endswith("-noflip")
    for form, pattern in _FORMS.items():
        if match := re.fullmatch(pattern, body):
            anyres = form.startswith("anyres-")
            if noflip and not anyres:
                raise UsageError(f"{text}: {form} never mirrors an image; leave -noflip out")
            return EvalProtocol(
                id=name,
                rule=_rule(form, text, *map(int, match.groups())),
                mirrored=anyres and not noflip,
                centre=centre,
                anyres=anyres,
                warp=BASE_WARP if form == "anyres-up" else None,
                rounding=_rounding(form),
            )
    raise UnknownNameError(f"unknown protocol {text!r}; {nearest(text, EXAMPLES)}")


def _rounding(form: str) -> Rounding:
    if form == "scaleparty-at":
        return "floor"
    return "truncate" if form.startswith("anyres-") else "round"


def _of_ar1(name: str, found: Ar1) -> EvalProtocol:
    strata = {label: protocol_from(of) for label, of in found.strata.items()}
    return EvalProtocol(
        id=name,
        rule=found.rule,
        mirrored=False,
        centre=False,
        anyres=False,
        sobol=True,
        kind=found.kind,
        strata=strata,
    )


def _rule(
    form: str, text: str, side: int, smallest: int | None = None, largest: int = 0
) -> ViewRule:
    """The rule of a form; `smallest` and `largest` are canvases in px, 0 the image's own size."""
    if form == "overlap":
        return _shifted(text, side, smallest or 0, largest)
    if form in ("pair-at", "scaleparty-at"):
        return _pair(form, text, side, smallest or 0)
    if side < 1 or (smallest is not None and smallest < side) or 0 < largest < (smallest or 0):
        raise UsageError(f"{text}: expected 0 < window <= smallest canvas <= largest (0: native)")
    if form in _MOTIONS:
        return Moved(side, _MOTIONS[form])
    if smallest is None:
        return Whole(side)
    if form == "patch-at":
        return PatchAt(side, smallest)
    inner = SUBPATCH if form == "anyres-subpatch" else None
    if inner and side < inner:
        raise UsageError(f"{text}: the window has {side} px and must hold {inner}")
    return Patch(side, side / largest if largest else None, side / smallest, inner)


def _pair(form: str, text: str, first: int, second: int) -> ViewRule:
    if form == "pair-at" and not 0 < first < second:
        raise UsageError(f"{text}: expected the smaller size first, and two sizes")
    if form == "scaleparty-at" and (first % _MULTIPLE or not first or not second):
        raise UsageError(f"{text}: the first size must be divisible by {_MULTIPLE}")
    return Pair(max(first, second), (first, second))


def _shifted(text: str, window: int, by: int, canvas: int) -> ViewRule:
    if not 0 < by < window or window + by > canvas:
        raise UsageError(
            f"{text}: expected 0 < shift < window, and window + shift <= canvas, so that both "
            "windows lie on the canvas and share pixels"
        )
    return Shifted(window, canvas, by)
