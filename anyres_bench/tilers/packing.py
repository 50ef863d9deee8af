"""NaViT's patch n' pack: images of many sizes in sequences of one length, and what that costs.

Source: Dehghani et al., "Patch n' Pack: NaViT", NeurIPS 2023; grouping and masks as in vit-pytorch
1.26.11.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.tilers.plan import Ints

Drop = float | Callable[[Size], float]  # share of tokens to drop, or its rule by size


def packed_length(size: Size, patch: int, drop: Drop = 0.0) -> int:
    """Tokens by which an image is packed: int(n (1 - drop)), which can be 0."""
    share = drop(size) if callable(drop) else drop
    return int((size.height // patch) * (size.width // patch) * (1 - share))


def kept_tokens(n: int, drop: float, seed: int, index: int) -> Ints:
    """Indices of the tokens of image `index` that are kept, in order: max(1, int(n (1 - drop)))."""
    kept = max(1, int(n * (1 - drop)))
    order = np.argsort(stream(seed, "token-drop", index).words(n), kind="stable")
    return np.sort(order[:kept]).astype(np.int64)


def group(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Indices of images in sequences of at most `most` tokens, greedily and in order.

    Raises:
        UsageError: one image alone is longer.

    >>> group([9, 44, 6, 32], 64)
    [[0, 1, 2], [3]]
    """
    groups: list[list[int]] = []
    used = most + 1
    for index, length in enumerate(lengths):
        if length > most:
            raise UsageError(
                f"image {index} has {length} tokens, a sequence holds {most}: shrink it, drop "
                "more tokens, or allow longer sequences"
            )
        if used + length > most:
            groups.append([])
            used = 0
        groups[-1].append(index)
        used += length
    return groups


@dataclass(frozen=True)
class Packed:
    """Sequences of several images each, padded to one length.

    Attributes:
        images: (b, n) int64 number of each token's image within its sequence; 0 in padding.
        padded: (b, n) bool.
        counts: images in each sequence.
    """

    images: Ints
    padded: NDArray[np.bool_]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, lengths: Sequence[Sequence[int]]) -> Packed:
        """Tokens of each image, sequence by sequence."""
        longest = max(map(sum, lengths), default=0)
        images = np.zeros((len(lengths), longest), np.int64)
        padded = np.ones((len(lengths), longest), bool)
        for row, tokens in enumerate(lengths):
            images[row, : sum(tokens)] = np.repeat(np.arange(len(tokens)), tokens)
            padded[row, : sum(tokens)] = False
        return cls(images, padded, tuple(map(len, lengths)))

    def attention_mask(self) -> NDArray[np.bool_]:
        """(b, 1, n, n): a token attends to those of its image that are no padding.

        Rows of padding carry number 0 and so attend to the first image; nothing reads them.
        """
        same = self.images[:, :, None] == self.images[:, None, :]
        return np.asarray(same & ~self.padded[:, None, :])[:, None]

    def pooling_mask(self) -> NDArray[np.bool_]:
        """(b, 1, images, n): the query of each image sees its own tokens."""
        queries = np.arange(max(self.counts, default=0))
        same = queries[None, :, None] == self.images[:, None, :]
        return np.asarray(same & ~self.padded[:, None, :])[:, None]


@dataclass(frozen=True)
class PackingReport:
    """What packing wastes.

    Attributes:
        efficiency: kept tokens over all places, sequences x length.
        masked_pairs: pairs that masked attention computes, sequences x length^2.
        needed_pairs: pairs of tokens of one image.
    """

    sequences: int
    efficiency: float
    masked_pairs: int
    needed_pairs: int


def packing_report(
    lengths: Sequence[int], groups: Sequence[Sequence[int]], most: int
) -> PackingReport:
    """The efficiency of groups of images with these tokens in sequences of `most`."""
    places = len(groups) * most
    return PackingReport(
        len(groups),
        sum(lengths) / places if places else 0.0,
        len(groups) * most**2,
        sum(n * n for n in lengths),
    )


def fractional_positions(rows: int, columns: int) -> NDArray[np.float64]:
    """Row and column of each patch over the rows and columns, (n, 2) in [0, 1); aspect is lost."""
    index = np.indices((rows, columns)).reshape(2, -1).T
    return np.asarray(index / np.array([rows, columns]), np.float64)


def resolution_at_area(aspect: float, tokens: int, patch: int) -> Size:
    """A size of about `tokens` patches with an aspect (width over height): constant area.

    Each side is the nearest whole number of patches, at least one.
    """
    rows = max(1, round((tokens / aspect) ** 0.5))
    return Size(rows * patch, max(1, round(tokens / rows)) * patch)
