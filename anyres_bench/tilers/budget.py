"""The settings of a tiler under which images stay within a budget of tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers.content import SeedContent
from anyres_bench.tilers.fixed import FastVLM, Vitar
from anyres_bench.tilers.idefics import Idefics
from anyres_bench.tilers.internvl import InternVL
from anyres_bench.tilers.llava import Llava
from anyres_bench.tilers.native import NaFlex, NaViT, Pixtral
from anyres_bench.tilers.plan import Tiler
from anyres_bench.tilers.qwen import Qwen
from anyres_bench.tilers.seed import Seed

_MOST_TILES = 144
_LONGEST_EDGE = 16_384  # px


@dataclass(frozen=True)
class Solution:
    """What a tiler can do with a budget.

    Attributes:
        tiler: with the largest settings that keep every image within the budget; None where none
            of its settings does.
        tokens: the most that one image takes under them; under the smallest settings where
            `tiler` is None.
    """

    tiler: Tiler | None
    tokens: int


def solve(tiler: Tiler, images: Sequence[Size], budget: int) -> Solution:
    """The largest settings of a tiler under which no image takes more tokens than a budget.

    Images that the tiler refuses do not count.

    Args:
        tiler: whose other options are kept.
        images: their sizes; at least one.
        budget: language-model tokens an image.

    Raises:
        UsageError: the budget is below 1, or the tiler has no setting that governs tokens.
    """
    if budget < 1:
        raise UsageError(f"a budget of {budget} tokens holds no image; at least 1 is needed")
    sides = np.asarray(images, np.int64)
    tokens = 0
    for candidate in settings(tiler, budget):
        tokens = int(candidate.listing(sides[:, 0], sides[:, 1]).tokens.max())
        if tokens <= budget:
            return Solution(candidate, tokens)
    return Solution(None, tokens)


@singledispatch
def settings(tiler: Any, budget: int) -> Iterator[Tiler]:
    """Variants of a tiler that may keep a budget, from those of most tokens to those of fewest."""
    raise UsageError(f"{tiler.name} has no setting that governs its tokens")


def _descending(tiler: Any, option: str, values: Iterator[int] | Sequence[int]) -> Iterator[Tiler]:
    return (with_options(tiler, **{option: value}) for value in values)


@settings.register
def _internvl(tiler: InternVL, budget: int) -> Iterator[Tiler]:
    most = min(max(budget // tiler.tokens_per_tile, 1), _MOST_TILES)
    return _descending(tiler, "max_tiles", range(most, tiler.min_tiles - 1, -1))


@settings.register
def _llava(tiler: Llava, budget: int) -> Iterator[Tiler]:
    most = min(max(budget // tiler.side**2, 1), _MOST_TILES)
    yield from _descending(tiler, "anyres_max", range(most, 0, -1))
    yield with_options(tiler, anyres_max=1, base=False)


@settings.register
def _qwen(tiler: Qwen, budget: int) -> Iterator[Tiler]:
    token = (tiler.patch * tiler.merge) ** 2
    for n in range(budget, 0, -max(budget // 256, 1)):
        least = min(tiler.min_pixels, n * token)
        yield with_options(tiler, min_pixels=least, max_pixels=n * token)


@settings.register
def _naflex(tiler: NaFlex, budget: int) -> Iterator[Tiler]:
    return _descending(tiler, "max_patches", range(budget, 0, -1))


@settings.register
def _pixtral(tiler: Pixtral, budget: int) -> Iterator[Tiler]:
    most = min(budget * tiler.patch, _LONGEST_EDGE)
    return _descending(tiler, "longest_edge", range(most, tiler.patch - 1, -tiler.patch))


@settings.register
def _navit(tiler: NaViT, budget: int) -> Iterator[Tiler]:
    return _descending(tiler, "max_tokens", range(budget, 0, -1))


@settings.register
def _fastvlm(tiler: FastVLM, budget: int) -> Iterator[Tiler]:
    most = int(budget**0.5) * tiler.stride
    return _descending(tiler, "side", range(most, 0, -tiler.stride))


@settings.register
def _vitar(tiler: Vitar, budget: int) -> Iterator[Tiler]:
    return _descending(tiler, "target", range(int(budget**0.5), 0, -1))


@settings.register
def _idefics(tiler: Idefics, budget: int) -> Iterator[Tiler]:
    edges = range(min(budget, _LONGEST_EDGE // tiler.tile) * tiler.tile, 0, -tiler.tile)
    yield from _descending(tiler, "longest_edge", edges)
    yield with_options(tiler, longest_edge=tiler.tile, split=False)


@settings.register
def _seed(tiler: Seed, budget: int) -> Iterator[Tiler]:
    most = min(max(budget // tiler.side**2 - 1, 1), _MOST_TILES)  # the overview is one more
    return _descending(tiler, "max_tiles", range(most, 0, -1))


@settings.register
def _seed_content(tiler: SeedContent, budget: int) -> Iterator[Tiler]:
    for most in range(min(max(budget // tiler.seed.side**2 - 1, 1), _MOST_TILES), 0, -1):
        yield with_options(tiler, max_tiles=most, coarse_tiles=min(tiler.coarse_tiles, most))


def with_options(tiler: Any, **changes: Any) -> Any:
    """A variant of a tiler, named as `load` reads it.

    >>> from anyres_bench.tilers.internvl import INTERNVL
    >>> with_options(INTERNVL, max_tiles=6).name
    'internvl:max_tiles=6'
    """
    head, _, text = tiler.name.partition(":")
    said = dict(pair.split("=", 1) for pair in text.split(",") if pair)
    said |= {key: str(value).lower() for key, value in changes.items()}
    name = f"{head}:{','.join(f'{key}={value}' for key, value in said.items())}"
    return dataclasses.replace(tiler, name=name, **changes)
