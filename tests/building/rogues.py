"""Collectors for tests; in a module of their own, because worker processes import them by name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from anyres_bench.collectors.collector import Candidate, Derived
from anyres_bench.core.errors import ImageError
from anyres_bench.data.pixels import decode
from anyres_bench.fetching.http import Fetcher
from tests.servers import photo


@dataclass(frozen=True)
class Given:
    """Candidates as given; image `photo(seed)` for the URL "seed", or something rogue."""

    name: ClassVar[str] = "given"
    local: ClassVar[bool] = True

    listed: tuple[Candidate, ...]

    def recipe(self) -> dict[str, Any]:
        """What is asked for."""
        return {"collector": self.name}

    def candidates(self) -> Iterator[Candidate]:
        """Those given."""
        yield from self.listed

    def obtain(self, candidate: Candidate, path: Path, fetcher: Fetcher) -> Candidate:
        """Write the photo of the seed, or misbehave as the URL says."""
        if candidate.url == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if candidate.url == "hang":
            time.sleep(60)
        if candidate.url == "eat":
            bytearray(1 << 40)
        if candidate.url == "bug":
            raise ZeroDivisionError("a bug of the collector")
        if candidate.url.startswith("live "):
            while True:  # and show it
                Path(candidate.url.removeprefix("live ")).write_text(str(time.monotonic()))
                time.sleep(0.01)
        if candidate.url.startswith("full beside "):
            while not Path(candidate.url.removeprefix("full beside ")).exists():
                time.sleep(0.01)
        if candidate.url.startswith("full"):
            raise OSError(28, "No space left on device")
        if candidate.url == "refuse":
            raise ImageError("refused", "the collector refuses it")
        seed, _, size = candidate.url.partition("@")
        height, _, width = (size or "96x128").partition("x")
        path.write_bytes(photo(int(seed), int(height), int(width)))
        return candidate


@dataclass(frozen=True)
class Remote(Given):
    """The same, where `obtain` runs in the threads of the run."""

    local: ClassVar[bool] = False


@dataclass(frozen=True)
class Halves(Given):
    """Makes two images from each photo: its left half, and a small one of the whole."""

    name: ClassVar[str] = "halves"
    keep_originals: bool = False

    def derive(self, candidate: Candidate, original: Path) -> Iterator[Derived]:
        """The two."""
        pixels = decode(original).pixels
        left = np.ascontiguousarray(pixels[:, : pixels.shape[1] // 2])
        yield Derived(suffix="-left", pixels=left, extra={"cut": "left"})
        yield Derived(suffix="-lr", pixels=np.ascontiguousarray(pixels[::4, ::4]), role="lr")


def given(*urls: str, **fields: Any) -> Given:
    """A collector of one candidate a URL."""
    return Given(tuple(candidate(url, **fields) for url in urls))


def candidate(url: str, key: str = "", **fields: Any) -> Candidate:
    """A candidate whose id is its URL."""
    key = key or f"given_{url.replace('@', '-')}"
    return Candidate(key=key, url=url, **{"source": "given", "source_id": url, **fields})
