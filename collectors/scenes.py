"""`scenes` and `houses`: procedural worlds at as many sizes as wanted; nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from PIL import Image

from anyres_bench.collectors.collector import Candidate, key_of
from anyres_bench.core.errors import ConfigError
from anyres_bench.core.files import atomic_write
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.houses import HOUSES
from anyres_bench.data.scenes import SCENES
from anyres_bench.data.worlds import World
from anyres_bench.fetching.http import Fetcher

# Seeds of collected pictures lie above this, so that no generator asked for image 0, 1, 2, ... ever
# renders one of them.
_FIRST_SEED = 1 << 40
_LAST_SEED = (1 << 52) - 1


@dataclass(frozen=True)
class Scenes:
    """Dead leaves over a landscape, of many sizes and shapes; each image has a seed of its own.

    Examples:
      anyres-bench collect scenes data/scenes
      anyres-bench collect scenes data/large --n 500 --min-size 128 --max-size 1024
    """

    name: ClassVar[str] = "scenes"
    world: ClassVar[World] = SCENES
    local: ClassVar[bool] = True

    n: Annotated[int, "Number of images."] = 200
    min_size: Annotated[int, "Shorter side of the smallest, in pixels."] = 128
    max_size: Annotated[int, "Shorter side of the largest; sides are log-uniform."] = 512
    aspects: Annotated[tuple[str, ...], "Width:height; each also upright."] = SCENES.aspects
    seed: Annotated[int, "Seed of everything that is drawn."] = 0

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ConfigError(f"n is {self.n}; ask for 1 image or more")
        if not 8 <= self.min_size <= self.max_size:
            raise ConfigError(
                f"sizes go from {self.min_size} to {self.max_size}; expected 8 or more, in order"
            )
        if not self.aspects:
            raise ConfigError("no aspect is given; name one, such as 1:1")
        for text in self.aspects:
            _ratio(text)

    def recipe(self) -> dict[str, Any]:
        """What is asked for: it fixes every pixel."""
        return {
            "collector": self.name,
            "world": self.world.rule,
            "n": self.n,
            "min_size": self.min_size,
            "max_size": self.max_size,
            "aspects": list(self.aspects),
            "seed": self.seed,
        }

    def candidates(self) -> Iterator[Candidate]:
        """One an image; what image i shows does not depend on n."""
        for i in range(self.n):
            size = self._size(i)
            scene_seed = stream(self.seed, self.name, i, "seed").integer(_FIRST_SEED, _LAST_SEED)
            yield Candidate(
                key=key_of(self.name, f"{i:06d}"),
                source=self.name,
                source_id=f"{i:06d}",
                author="anyres-bench",
                licence_id="CC0-1.0",
                licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
                height=size.height,
                width=size.width,
                extra={"world": self.world.rule, "scene_seed": scene_seed},
            )

    def obtain(self, candidate: Candidate, path: Path, fetcher: Fetcher) -> Candidate:
        """Render the whole picture as PNG."""
        assert candidate.height is not None
        assert candidate.width is not None
        region = Region.whole(Size(candidate.height, candidate.width))
        picture = self.world.picture(candidate.extra["scene_seed"], region)
        with atomic_write(path) as file:
            Image.fromarray(picture.copy()).save(file, "PNG")
        return candidate

    def _size(self, i: int) -> Size:
        rng = stream(self.seed, self.name, i, "size")
        span = np.log(self.max_size / self.min_size)
        shorter = round(float(self.min_size * np.exp(span * float(rng.uniform()))))
        ratio = _ratio(self.aspects[rng.integer(0, len(self.aspects) - 1)])
        longer = round(shorter * max(ratio, 1 / ratio))
        upright = rng.integer(0, 1)
        return Size(longer, shorter) if upright else Size(shorter, longer)


@dataclass(frozen=True)
class Houses(Scenes):
    """Houses in a street, of many sizes; each image has a seed of its own.

    Examples:
      anyres-bench collect houses data/houses
      anyres-bench collect houses data/tall --n 500 --aspects 1:1 --aspects 2:3
    """

    name: ClassVar[str] = "houses"
    world: ClassVar[World] = HOUSES

    aspects: Annotated[tuple[str, ...], "Width:height; each also upright."] = HOUSES.aspects


def _ratio(text: str) -> float:
    """Width over height of "3:2".

    Raises:
        ConfigError: it is no such text.
    """
    width, _, height = text.partition(":")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise ConfigError(f"aspect {text!r} is not WIDTH:HEIGHT, such as 3:2")
    return int(width) / int(height)
