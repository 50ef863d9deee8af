"""Sequences of images by a budget of tokens, at sizes that grow as training goes on.

A sequence is a list of images whose patches together fit a budget. Image after image is taken in
the order of the epoch, each at the size that the schedule names at that place, its aspect kept; the
sequence ends before the image that no longer fits. So every epoch shows every image once, and what
a sequence holds follows from seed and number alone, whoever asks and in whatever order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream


@dataclass(frozen=True)
class SizeSchedule:
    """The side of images, as training goes on.

    Attributes:
        knots: (thousand images seen, side in px), rising in the first; the side is the square root
            of an image's area.
        between: "steps" holds a knot's side until the next, "linear" goes there in a line.
        spread: each image's side is drawn log-uniformly between side / spread and side x spread.
    """

    knots: tuple[tuple[float, float], ...]
    between: Literal["steps", "linear"] = "steps"
    spread: float = 1.0

    def __post_init__(self) -> None:
        places = [place for place, _ in self.knots]
        if not places or places != sorted(set(places)) or min(s for _, s in self.knots) <= 0:
            raise ConfigError(
                f"knots {self.knots}; expected (kimg, px) with rising kimg and sides above 0"
            )
        if self.spread < 1 or self.between not in ("steps", "linear"):
            raise ConfigError(
                f"spread {self.spread} and between {self.between!r}; expected 1 or more, and "
                "steps or linear"
            )

    def side(self, n_images: int) -> float:
        """The side after so many images, px; before the first knot it is that knot's."""
        places, sides = zip(*self.knots, strict=True)
        kimg = n_images / 1000
        if self.between == "linear":
            return float(np.interp(kimg, places, sides))
        return float(sides[max(int(np.searchsorted(places, kimg, side="right")) - 1, 0)])


class Draw(NamedTuple):
    """One image of a sequence.

    Attributes:
        place: its place in the endless row of epochs; names random numbers of this draw.
        image: number of the image.
        size: that it is resized to; both sides are multiples of the patch.
    """

    place: int
    image: int
    size: Size

    def patches(self, patch: int) -> Size:
        """Rows and columns of patches."""
        return Size(self.size.height // patch, self.size.width // patch)


class TokenBatches:
    """Sequences of images by number.

    Args:
        sizes: of the images, such as those of a manifest's records.
        patch: side of a patch, px.
        budget: patches that a sequence holds at most.
        schedule: of the images' size.
        seed: of all draws.
        enlarge: whether images may become larger than they are.
    """

    def __init__(
        self,
        sizes: Sequence[Size],
        patch: int,
        budget: int,
        schedule: SizeSchedule,
        seed: int,
        enlarge: bool = False,
    ) -> None:
        if not len(sizes) or patch < 1 or budget < 1:
            raise ConfigError(
                f"{len(sizes)} images, patches of {patch} px, a budget of {budget}; none may be 0"
            )
        self._sizes, self.patch, self.budget = list(sizes), patch, budget
        self._schedule, self._seed, self._enlarge = schedule, seed, enlarge
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))
        self._starts = [0]  # place at which each sequence begins, as far as they are laid out

    def draw(self, place: int) -> Draw:
        """The image at a place of the endless row, and its size there."""
        epoch, rank = divmod(place, len(self._sizes))
        if self._order[0] != epoch:
            order = stream(self._seed, "token-batches", epoch).permutation(len(self._sizes))
            self._order = (epoch, order)
        image = int(self._order[1][rank])
        return Draw(place, image, self._size(self._sizes[image], place))

    def sequence(self, number: int) -> tuple[Draw, ...]:
        """The images of one sequence, in order.

        All sequences before it are laid out once and where they begin is remembered.
        """
        while len(self._starts) <= number:
            self._starts.append(self._starts[-1] + len(self._fill(self._starts[-1])))
        return self._fill(self._starts[number])

    def _fill(self, place: int) -> tuple[Draw, ...]:
        draws: list[Draw] = []
        left = self.budget
        while True:
            draw = self.draw(place + len(draws))
            left -= draw.patches(self.patch).pixels
            if left < 0:
                return tuple(draws)
            draws.append(draw)

    def _size(self, image: Size, place: int) -> Size:
        """Near the schedule's area, in whole patches, never over the budget."""
        side = self._schedule.side(place)
        if self._schedule.spread > 1:
            u = float(stream(self._seed, "token-batches-side", place).uniform())
            side *= self._schedule.spread ** (2 * u - 1)
        area = side * side if self._enlarge else min(side * side, image.pixels)
        scale = math.sqrt(min(area / self.patch**2, self.budget) / image.pixels)
        rows, columns = (max(1, round(n * scale)) for n in image)
        rows, columns = min(rows, self.budget), min(columns, self.budget)
        while rows * columns > self.budget:  # roundings may add up to a little more
            rows, columns = (rows - 1, columns) if rows > columns else (rows, columns - 1)
        return Size(rows * self.patch, columns * self.patch)
