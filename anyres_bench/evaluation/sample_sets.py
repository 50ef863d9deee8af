"""The samples that are compared: n of a model, or the reference images, as pixels on demand.

A set says all that its pixels depend on, so that features of it are found again by content.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Size
from anyres_bench.core.reporting import say
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pairing import Paired, pair_items, pairs
from anyres_bench.data.pixels import Pixels, to_uint8
from anyres_bench.data.protocols import EvalProtocol
from anyres_bench.data.reading import ItemPixels, read_image
from anyres_bench.data.views import ImageView, Item, Moved, View
from anyres_bench.evaluation.warps import warped
from anyres_bench.models.families import parts
from anyres_bench.models.fingerprints import is_users
from anyres_bench.models.generator import (
    FiniteGenerator,
    Generator,
    ImageGenerator,
    MovableGenerator,
    SelectiveGenerator,
    SourceSizedGenerator,
    check_images,
    check_range,
)

if TYPE_CHECKING:
    from torch import Tensor

N_SHOWN = 8  # items that a report may show; they come first
OURS = "generated"  # licence of what a model renders
_SAME = 3.0  # grey levels that rounding of half precision in another batch stays below
_RULES = 1  # raised when the pixels of a key change

Parts = Sequence[Sequence[int]]
Views: TypeAlias = "tuple[Tensor, ...]"


@dataclass(frozen=True)
class Pictures:
    """Whole images, and the items that are cut from them.

    Attributes:
        read: whole image of an index, (h, w, 3) uint8.
        name: of what `read` gives for an index: the same in any set that reads the same.
        items: what is shown of which image, all views of one item of one image.
    """

    read: Callable[[int], Pixels]
    name: Callable[[int], Hashable]
    items: Sequence[Item[ImageView]]


@dataclass(frozen=True)
class SampleSet:
    """Samples 0 to n - 1 of the model, or of the reference.

    Attributes:
        side: "real" or "fake".
        key: all that the pixels depend on, as plain JSON.
        groups: the group of each item; items of one group are not independent.
        licences: the licence of each item's pixels.
        order: items in the order in which they are computed.
        batches: pixels of each list of items, (n, 3, h, w) uint8 of each of their views; float32
            where the model's input is moved.
        pictures: the images that items are cut from, where there are any and each item has one.
    """

    side: Literal["real", "fake"]
    key: Mapping[str, Any]
    groups: Sequence[int]
    licences: Sequence[str]
    order: Sequence[int]
    batches: Callable[[Parts], Iterator[Views]]
    pictures: Pictures | None = None

    def __len__(self) -> int:
        return len(self.groups)


def reference_samples(
    reference: Dataset, protocol: EvalProtocol, n: int, seed: int, n_workers: int = 0
) -> SampleSet:
    """The reference images, seen by a protocol.

    Raises:
        DatasetError: too few images are large enough.
    """
    items = protocol.real(reference.manifest, n, seed)
    read = functools.partial(read_image, reference)
    key = {"side": "real", "protocol": protocol.id, "seed": seed, "n": len(items)}
    key["images"] = reference.digest
    samples = _image_samples("real", key, reference, items, read, n_workers)
    return replace(samples, pictures=_pictures(read, reference, items))


def model_samples(
    generator: Generator,
    reference: Dataset,
    protocol: EvalProtocol,
    n: int,
    seed: int,
    n_workers: int = 0,
) -> SampleSet:
    """n samples of a model: rendered, or drawn from its images as reals are.

    Raises:
        DatasetError: too few images are large enough.
        GeneratorError: the model cannot render what the protocol asks for.
    """
    key = {"side": "fake", "model": generator.id, "protocol": protocol.id, "seed": seed}
    if isinstance(protocol.rule, Moved):
        _check_movable(generator, protocol)
    if isinstance(generator, ImageGenerator):
        if not protocol.shows_images:
            instead = protocol.id.replace("-up", "-full")
            raise GeneratorError(
                f"{protocol.id} changes what a model renders and {generator.id} is a set of images"
                + ("" if instead == protocol.id else f"; use {instead} instead")
            )
        if isinstance(protocol, Paired):
            return _paired_samples(generator, reference, key, n, seed, n_workers)
        items = protocol.drawn(generator.images.manifest, n, seed)
        key |= {"n": n, "images": generator.images.digest}
        samples = _image_samples("fake", key, generator.images, items, generator.pixels, n_workers)
        made = _pictures(generator.pixels, generator.images, items, generator.id)
        return replace(samples, pictures=made)
    latents = protocol.fake(reference.manifest, n, seed)
    if isinstance(generator, FiniteGenerator):
        pictures = protocol.pictures(generator.n_pictures, n, seed)
        latents = [replace(item, group=i) for item, i in zip(latents, pictures, strict=True)]
        key["draws"] = "pictures"
    _check_canvases(generator, protocol.id, [view for item in latents for view in item.views])
    return SampleSet(
        side="fake",
        key=key | {"images": reference.digest, "rules": _RULES},
        groups=[item.group for item in latents],
        licences=[OURS] * n,
        order=range(n),
        batches=_Rendering(generator, protocol, latents, seed).batches,
    )


def _pictures(
    read: Callable[[int], Pixels],
    images: Dataset,
    items: Sequence[Item[ImageView]],
    reader: str = "",
) -> Pictures | None:
    """Images as `reader` reads them, where every item is of one of them."""
    if any(len({view.image for view in item.views}) != 1 for item in items):
        return None
    return Pictures(read, lambda i: (str(images.path(images.manifest[i])), reader), items)


def _paired_samples(
    generator: ImageGenerator,
    reference: Dataset,
    key: Mapping[str, Any],
    n: int,
    seed: int,
    n_workers: int,
) -> SampleSet:
    """Images of a model, each beside its reference."""
    made = generator.images
    items = pair_items(made.manifest, pairs(made.manifest, reference.manifest, n, seed))
    digests = {"n": n, "images": made.digest, "references": reference.digest}
    sides = (generator.pixels, functools.partial(read_image, reference))
    return _image_samples("fake", {**key, **digests}, made, items, sides, n_workers)


def _image_samples(
    side: Literal["real", "fake"],
    key: Mapping[str, Any],
    images: Dataset,
    items: Sequence[Item[ImageView]],
    read: Callable[[int], Pixels] | Sequence[Callable[[int], Pixels]],
    n_workers: int,
) -> SampleSet:
    """Views of images; `read` reads those of all views, or there is one for each."""
    readers = [read] if callable(read) else list(read)
    kept = [functools.lru_cache(maxsize=2 + n_workers)(reader) for reader in readers]
    records = images.manifest
    shown = list(range(min(N_SHOWN, len(items))))
    # Image by image, so that each one is decoded once however many items it has.
    rest = sorted(range(len(shown), len(items)), key=lambda i: (items[i].group, i))
    data = ItemPixels(kept, items)
    return SampleSet(
        side=side,
        key={**key, "rules": _RULES},
        groups=[item.group for item in items],
        licences=[records[item.group].licence_id for item in items],
        order=shown + rest,
        batches=functools.partial(data.batches, n_workers=n_workers),
    )


def _check_movable(generator: Generator, protocol: EvalProtocol) -> None:
    if not isinstance(generator, MovableGenerator):
        raise GeneratorError(
            f"{protocol.id} moves a model's input, and {generator.id} has none that can be moved "
            "(`sample_moved`): for the same question of windows use overlap{P}by{D}-at{S}"
        )
    if generator.native != protocol.rule.size:
        raise GeneratorError(
            f"{protocol.id} draws whole images of {protocol.rule.size}, and {generator.id} is made "
            f"for {generator.native}: write {protocol.id.rpartition('-at')[0]}-at"
            f"{generator.native.shorter}"
        )


def _check_canvases(generator: Generator, protocol_id: str, views: Sequence[View]) -> None:
    if isinstance(generator.canvases, tuple):
        sizes = set(generator.canvases)
        makes: Callable[[Size], bool] = sizes.__contains__
        known = f"canvases of {', '.join(map(str, generator.canvases))} only"
    elif isinstance(generator, SelectiveGenerator):
        makes, known = generator.makes, generator.makes_in_words
    else:
        return
    asked = {view.rendered(generator.native).canvas for view in views}
    if missing := sorted(canvas for canvas in asked if not makes(canvas)):
        raise GeneratorError(
            f"{generator.id} renders {known}; {protocol_id} asks for "
            f"{missing[0]}{' and others' if len(missing) > 1 else ''}. {_what_fits(generator)}"
        )


def _what_fits(generator: Generator) -> str:
    """Protocols of a model of a few sizes or one shape, and what makes other canvases of it."""
    if not isinstance(generator.canvases, tuple):
        return f"Protocols that fit: {_of_one_shape(generator.native)}. Enlarging keeps the shape"
    wrappers = ", ".join(f"{name}:MODEL" for name in parts("upscalers"))
    sides = [size.height for size in generator.canvases if size.height == size.width]
    fits = [f"anyres-full{side}, patch{side // 2}-at{side}" for side in sides]
    fitting = f"Protocols that fit: {', '.join(fits)}. " if fits else ""
    return (
        f"{fitting}Other canvases are made by enlarging ({wrappers}), or by resizing: without "
        "`exact` where a network is plugged in by FixedSize"
    )


def _of_one_shape(native: Size) -> str:
    """Protocols of canvases of a shape."""
    height, width = native
    if height == width:
        return (
            f"those of square canvases, such as anyres-full{height}, "
            f"anyres-patch{height}-min{height}max0 and patch{height // 2}-at{height}"
        )
    common = math.gcd(height, width)
    megapixels = f"{native.pixels / 1e6:.6f}".rstrip("0").rstrip(".")
    return (
        f"ar1-patch{native.shorter // 2}-ar{width // common}x{height // common}-{megapixels}mp, "
        "and others of that shape"
    )


@dataclass
class _Rendering:
    """Samples of a model as uint8; notices a model whose range is wrong.

    Of a model of the user's one item is drawn twice, in its batch and alone, and it is told where
    they differ: numbers of such a model depend on the batch size and on what was drawn before.
    """

    generator: Generator
    protocol: EvalProtocol
    items: Sequence[Item[View]]
    seed: int
    low: float = np.inf
    high: float = -np.inf
    n_seen: int = 0

    def batches(self, parts: Parts) -> Iterator[Views]:
        first = is_users(self.generator.id)
        for part in parts:
            items = [self.items[i] for i in part]
            views = self._batch(items)
            if first:
                self._tell_other(views, self._batch(items[-1:]))
                first = False
            yield views

    def _tell_other(self, batch: Views, alone: Views) -> None:
        """Tell where the last item of a batch is another than when it is drawn by itself."""
        pairs = zip(batch, alone, strict=True)
        squares = [(a[-1].float() - b[0].float()).square().mean() for a, b in pairs]
        rms = max(map(float, squares)) ** 0.5
        if rms > _SAME:
            say(
                f"{self.generator.id} draws a latent otherwise when it is asked for it again, by "
                f"itself ({rms:.0f} grey levels, root mean square): its numbers depend on the "
                "batch size and cannot be had again. `anyres-bench check-model` says how to mend it"
            )

    def _batch(self, items: Sequence[Item[View]]) -> Views:
        """Each view of the items, of the same latents."""
        if isinstance(self.generator, MovableGenerator) and items[0].views[0].motion is not None:
            import torch

            # One by one, so that floats do not depend on the batch.
            moved = [self._moved(self.generator, item) for item in items]
            return tuple(torch.cat(view) for view in zip(*moved, strict=True))
        z = self.generator.latents([self._latent(item.group) for item in items])
        views = zip(*(item.views for item in items), strict=True)
        return tuple(self._view(z, seen) for seen in views)

    def _moved(self, generator: MovableGenerator, item: Item[View]) -> Views:
        """What the input's motion is judged by: reference, image and mask, (1, 3, h, w) floats."""
        import torch

        from anyres_bench.metrics.equivariance import compared, input_transform

        motion, still = item.views[0].motion, torch.eye(3, dtype=torch.float64)[None]
        assert motion is not None
        z = generator.latents([self._latent(item.group)])
        # Copies: the second may be drawn into the memory of the first.
        drawn = [
            generator.sample_moved(z, t).to("cpu", copy=True)
            for t in (still, input_transform(motion))
        ]
        for images in drawn:
            self._check(images, 1, self.protocol.rule.size)
        return compared(motion, drawn[0], drawn[1])

    def _latent(self, group: int) -> int:
        """Seed of a latent; a finite model numbers its pictures itself."""
        finite = isinstance(self.generator, FiniteGenerator)
        return group if finite else latent_seed(self.seed, group)

    def _view(self, z: Any, views: Sequence[View]) -> Tensor:
        import torch

        generator = self.generator
        windows = [view.rendered(generator.native) for view in views]
        sides = [view.source_side for view in views if view.source_side is not None]
        with torch.no_grad():  # a model of one's own may not say so itself
            if isinstance(generator, SourceSizedGenerator) and len(sides) == len(views):
                images = generator.sample_from(z, windows, sides)
            else:
                images = generator.sample(z, windows)
        self._check(images, len(views), windows[0].size)
        if self.protocol.warp is not None:
            images = warped(self.protocol.warp, images, views[0].region.canvas)
        levels = to_uint8(images, self.protocol.rounding).cpu()
        return torch.stack(
            [part_of(image, view) for image, view in zip(levels, views, strict=True)]
        )

    def _check(self, images: Tensor, n: int, size: Size) -> None:
        check_images(self.generator.id, images, n, size)
        self.low = min(self.low, float(images.min()))
        self.high = max(self.high, float(images.max()))
        self.n_seen += n
        check_range(self.generator.id, self.low, self.high, self.n_seen)


def latent_seed(seed: int, latent: int) -> int:
    """Seed of latent `latent`, 63 bits: far from the small numbers that people choose."""
    return int(stream(seed, "latent", latent).words(1)[0] >> np.uint64(1))


def part_of(image: Tensor, view: View) -> Tensor:
    """The part of a rendered window (3, h, w) that a view compares; all of it by default."""
    box = view.crop
    return image if box is None else image[:, box.top : box.bottom, box.left : box.right]
