"""`ar1-shrunk{A}-at{S}`: the whole set against canvases of any size, seen at a size that all have.

A small image shows nothing at a large canvas's pixels, and nothing is ever enlarged. So the canvas
of S x S is shrunk to A x A, and held against every image that has A px, however large it is: what a
model has from small images is found in large canvases, whatever detail it adds. Squares are centred
and whole, so a copy is a copy wherever windows would have lain.

The real side, held-out images included, is the same at every S. Images that stand for a model count
only where they are natively of S px, because they show what such a canvas would.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.protocols import EvalProtocol
from anyres_bench.data.records import Manifest
from anyres_bench.data.views import ImageView, Item, View, Whole

FORM = r"ar1-shrunk([1-9][0-9]{0,6})-at([1-9][0-9]{0,6})"


@dataclass(frozen=True)
class WholeOf(Whole):
    """Whole images of `side` px, of images that have `canvas` px.

    Attributes:
        canvas: what the shorter side has to have, px.
    """

    canvas: int

    @property
    def needs(self) -> Size:
        return Size.square(self.canvas)


@dataclass(frozen=True)
class Shrunk(EvalProtocol):
    """The protocol of that name; `canvas` is S, px."""

    canvas: int = 0

    @property
    def shows_images(self) -> bool:
        return True

    @property
    def of_held_out(self) -> EvalProtocol:
        return shrunk_protocol(self.rule.size.height, self.rule.size.height)

    def fake(self, images: Manifest, n: int, seed: int) -> list[Item[View]]:
        view = View(Region.whole(Size.square(self.canvas)), warp=self.warp)
        return [Item(i, (view,)) for i in range(n)]

    def drawn(self, images: Manifest, n: int, seed: int) -> list[Item[ImageView]]:
        return self._large.drawn(images, n, seed)

    def n_drawn(self, images: Manifest) -> int:
        return self._large.n_items(images)

    def fake_survivors(self, images: Manifest) -> list[int]:
        return self._large.survivors(images)

    @property
    def _large(self) -> EvalProtocol:
        """The same of images that are natively as large as the canvas."""
        rule = WholeOf(self.rule.size.height, self.canvas)
        return EvalProtocol(self.id, rule, self.mirrored, self.centre, self.anyres)


def shrunk_protocol(side: int, canvas: int) -> Shrunk:
    """The protocol that shrinks canvases of `canvas` px to `side` px."""
    name = f"ar1-shrunk{side}-at{canvas}"
    return Shrunk(name, Whole(side), False, True, False, warp=name, canvas=canvas)


def read_shrunk(text: str) -> Shrunk | None:
    """The protocol of an id; None where it has not this form.

    Raises:
        UsageError: the canvas is smaller than what it is shrunk to.
    """
    match = re.fullmatch(FORM, text)
    if match is None:
        return None
    side, canvas = map(int, match.groups())
    if canvas < side:
        raise UsageError(f"{text}: a canvas of {canvas} px cannot be shrunk to {side}")
    return shrunk_protocol(side, canvas)
