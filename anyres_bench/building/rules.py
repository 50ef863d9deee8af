"""What may enter a dataset: rules on what is claimed, and the same rules on what has come."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from anyres_bench.collectors.collector import UNKNOWN_LICENCE, Candidate
from anyres_bench.core.errors import (
    ConfigError,
    DatasetError,
    ImageError,
    UnknownNameError,
    UsageError,
)
from anyres_bench.core.geometry import Size
from anyres_bench.core.registry import nearest

MEASURES = ("header", "decode", "full")
DUPLICATES = ("drop", "group", "keep")
LARGEST_DISTANCE = 31  # of 256 bits; the banded search is exact up to here


@dataclass(frozen=True)
class Rules:
    """What decides which images a dataset holds; part of its recipe."""

    min_side: Annotated[int, "Shortest side in pixels that is accepted."] = 1
    max_side: Annotated[int, "Longest side in pixels that is accepted."] = 1 << 20
    max_megapixels: Annotated[float, "Larger images are refused before they are decoded."] = 89.0
    max_aspect: Annotated[float, "Longer side over shorter side, at most."] = 100.0
    licences: Annotated[tuple[str, ...], "A licence that is accepted."] = ()
    animations: Annotated[bool, "Accept animations; their first frame counts."] = True
    measure: Annotated[str, "header, decode (pixels are seen) or full (and spectra)."] = "full"
    near_duplicates: Annotated[str, "drop all but the largest, group them, or keep."] = "drop"
    distance: Annotated[int, "Bits of 256 by which near-duplicates differ, at most."] = 31

    def __post_init__(self) -> None:
        for name in ("max_megapixels", "max_aspect"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}, it must be above 0 and finite")
        if self.max_aspect < 1:
            raise ConfigError(f"max_aspect is {self.max_aspect}; that of a square is 1")
        if self.min_side > self.max_side:
            raise ConfigError(
                f"min_side is {self.min_side} and max_side {self.max_side}; no image is of both"
            )
        for name, value, known in (
            ("measure", self.measure, MEASURES),
            ("near-duplicates", self.near_duplicates, DUPLICATES),
        ):
            if value not in known:
                raise UnknownNameError(f"unknown {name} {value!r}; {nearest(value, known)}")
        if not 0 <= self.distance <= LARGEST_DISTANCE:
            raise ConfigError(f"distance is {self.distance}, allowed is 0 to {LARGEST_DISTANCE}")

    def recipe(self) -> dict[str, Any]:
        """The rules as JSON values."""
        plain = dataclasses.asdict(self)
        return {**plain, "licences": sorted(self.licences)}

    @classmethod
    def of(cls, recipe: object) -> Rules:
        """What `recipe` wrote.

        Raises:
            DatasetError: it is something else.
        """
        try:
            if not isinstance(recipe, Mapping):
                raise TypeError("they are no object of fields")
            rules = cls(**{**recipe, "licences": tuple(map(str, recipe["licences"]))})
            for field in dataclasses.fields(rules):
                kind = (int, float) if isinstance(field.default, float) else type(field.default)
                if not isinstance(getattr(rules, field.name), kind):
                    raise TypeError(f"{field.name} is {getattr(rules, field.name)!r:.60}")
        except (TypeError, KeyError, UsageError) as error:
            raise DatasetError(f"the rules of the recipe are damaged: {error}") from error
        return rules

    @property
    def max_pixels(self) -> int:
        """Largest number of pixels that is decoded."""
        return int(self.max_megapixels * 1e6)

    def check_claims(self, candidate: Candidate, to_be_asked: bool = False) -> None:
        """Refuse a candidate for what its source says of it, before anything is fetched.

        Args:
            candidate: as it was listed, or as its source describes it.
            to_be_asked: whether its source will be asked for a licence that no list states.

        Raises:
            ImageError: `licence`, `too-small`, `too-large`, `aspect`, or what its listing says.
        """
        if candidate.refusal:
            reason, _, message = candidate.refusal.partition(": ")
            raise ImageError(reason, message)
        is_open = to_be_asked and candidate.licence_id == UNKNOWN_LICENCE
        if self.licences and candidate.licence_id not in self.licences and not is_open:
            raise ImageError(
                "licence",
                f"its licence is {candidate.licence_id}, accepted are {', '.join(self.licences)}",
            )
        if candidate.height and candidate.width:
            self.check_size(Size(candidate.height, candidate.width))

    def check_size(self, size: Size) -> None:
        """Refuse an image for its size.

        Raises:
            ImageError: `too-small`, `too-large` or `aspect`.
        """
        if size.shorter < self.min_side:
            raise ImageError("too-small", f"it has {size} pixels, the least is {self.min_side}")
        if size.longer > self.max_side or size.pixels > self.max_pixels:
            limit = f"the most is {self.max_side} a side and {self.max_megapixels:g} megapixels"
            raise ImageError("too-large", f"it has {size} pixels, {limit}")
        if size.longer > self.max_aspect * size.shorter:
            limit = f"the longest aspect is {self.max_aspect:g}"
            raise ImageError("aspect", f"it has {size} pixels, {limit}")

    def check_frames(self, n_frames: int) -> None:
        """Refuse an animation where none is wanted.

        Raises:
            ImageError: `animation`.
        """
        if n_frames > 1 and not self.animations:
            raise ImageError("animation", f"it has {n_frames} frames; animations are not accepted")
