"""Rotary positions in two and three axes, as the published encoders compute them, in float32.

Source: Qwen2-VL (Wang et al., 2024) and transformers 5.23.0 and 4.49.0; Pixtral, transformers;
FiT (Lu et al., ICML 2024) for VisionNTK and VisionYaRN; YaRN (Peng et al., ICLR 2024).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anyres_bench.core.errors import UsageError
from anyres_bench.tilers.patches import Grid, block_major
from anyres_bench.tilers.plan import Ints

Float32 = NDArray[np.float32]


class Rotation(NamedTuple):
    """Cosines and sines, (n, head_dim) float32 each."""

    cos: Float32
    sin: Float32


def frequencies(dim: int, theta: float) -> Float32:
    """theta^(-2k / dim) for k below dim / 2, float32."""
    exponents = np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim)
    return np.asarray(1 / np.float32(theta) ** exponents, np.float32)


def axial(positions: ArrayLike, head_dim: int, theta: float = 10000.0) -> Rotation:
    """Axial 2-D RoPE: half of the frequencies turn by the row, half by the column.

    Args:
        positions: (n, 2) rows and columns.
        head_dim: a multiple of 4.
    """
    inverse = _axis_frequencies(head_dim, theta)
    return rotation(_outer(positions, inverse).reshape(-1, head_dim // 2))


def pixtral(rows: int, columns: int, head_dim: int, theta: float = 10000.0) -> Rotation:
    """Pixtral's: one list of frequencies, the even ones turn by the row, the odd by the column."""
    inverse = frequencies(head_dim, theta)
    y, x = np.indices((rows, columns)).reshape(2, -1).astype(np.float32)
    angles = np.concatenate([y[:, None] * inverse[0::2], x[:, None] * inverse[1::2]], axis=1)
    return rotation(angles)


def rotation(angles: Float32) -> Rotation:
    """Cosines and sines of (n, head_dim / 2) angles, repeated to the whole head."""
    whole = np.concatenate([angles, angles], axis=-1)
    return Rotation(np.cos(whole), np.sin(whole))


def rotate(x: NDArray[np.float32], turn: Rotation) -> Float32:
    """Queries or keys turned: entries j and j + head_dim / 2 are a pair.

    Args:
        x: (n, heads, head_dim).
    """
    first, second = np.split(x, 2, axis=-1)
    turned = np.concatenate([-second, first], axis=-1)
    return np.asarray(x * turn.cos[:, None] + turned * turn.sin[:, None], np.float32)


def patch_positions(grids: Iterable[Grid], merge: int) -> Ints:
    """Rows and columns of the patches of images and videos in block-major order, (n, 2)."""
    parts = [np.tile(block_major(h, w, merge), (t, 1)) for t, h, w in grids]
    return np.concatenate(parts) if parts else np.empty((0, 2), np.int64)


def segment_lengths(grids: Iterable[Grid]) -> list[int]:
    """Patches in each attention segment: one a frame."""
    return [h * w for t, h, w in grids for _ in range(t)]


def _axis_frequencies(head_dim: int, theta: float) -> Float32:
    if head_dim % 4:
        raise UsageError(f"axial RoPE needs a head_dim that 4 divides; got {head_dim}")
    return frequencies(head_dim // 2, theta)


def _outer(positions: ArrayLike, inverse: Float32) -> Float32:
    return np.asarray(positions, np.float32)[..., None] * inverse


# M-RoPE -------------------------------------------------------------------------------------------

Segment = tuple[str, int] | tuple[str, int, int, int]  # ("t", n), or ("i" or "v", frames, h, w)


def mrope_positions(
    segments: Sequence[Segment], rule: Literal["classic", "transformers-5"], merge: int = 2
) -> tuple[Ints, int]:
    """Positions of text and pictures in time, row and column.

    After a picture the text goes on behind its longest extent. transformers 5 leaves the frames out
    of that, so a long video of small frames shares positions with the text that follows.

    Args:
        segments: ("t", tokens), or ("i" or "v", frames, rows, columns) in patches.
        merge: patches a token takes along each axis.

    Returns:
        (3, n) int64, and what generation adds to the index of a new token.
    """
    parts, now = [np.empty((3, 0), np.int64)], 0
    for kind, *extent in segments:
        if kind == "t":
            parts.append(np.tile(now + np.arange(extent[0]), (3, 1)))
            now += extent[0]
            continue
        frames, height, width = extent
        h, w = height // merge, width // merge
        parts.append(now + np.indices((frames, h, w)).reshape(3, -1))
        if rule == "classic":
            now += max(frames, h, w)
        else:
            now += max(height, width) // merge
    positions = np.concatenate(parts, axis=1)
    length = positions.shape[1]
    return positions, (int(positions.max()) + 1 - length if length else 0)


def mrope(
    positions: Ints,
    head_dim: int,
    sections: Sequence[int],
    theta: float = 1e6,
    interleaved: bool = False,
) -> Rotation:
    """M-RoPE: each slice of frequencies turns by time, by row or by column.

    Args:
        positions: (3, n).
        sections: frequencies that turn by each; they add up to head_dim / 2.
        interleaved: time, row, column, time, ... as in Qwen3-VL, rather than one slice each.
    """
    if sum(sections) != head_dim // 2 or len(sections) != 3:
        raise UsageError(f"sections {list(sections)} do not add up to half of head_dim {head_dim}")
    angles = _outer(positions, frequencies(head_dim, theta))  # (3, n, head_dim / 2)
    axis = _interleaved(sections) if interleaved else np.repeat(np.arange(3), sections)
    chosen = np.take_along_axis(angles, axis[None, None], axis=0)[0]
    return rotation(chosen)


def _interleaved(sections: Sequence[int]) -> Ints:
    axis = np.zeros(sum(sections), np.int64)
    for which in (1, 2):
        axis[which : 3 * sections[which] : 3] = which
    return axis


def v2pe_positions(segments: Sequence[tuple[str, int]], step: float) -> NDArray[np.float64]:
    """InternVL's variable visual positions: a text token advances by 1, a visual one by `step`.

    Args:
        segments: ("t", tokens) or ("i", tokens).
        step: 1/256 to 1 in powers of two, drawn in training, chosen by length in use.

    Returns:
        (n,) position of each token: that of the token before it, and its own step; the first is 0.

    Source: V2PE (Ge et al., 2024), as InternVL3 uses it.

    >>> v2pe_positions([("t", 2), ("i", 4), ("t", 1)], 0.25).tolist()
    [0.0, 1.0, 1.25, 1.5, 1.75, 2.0, 3.0]
    """
    if not 0 < step <= 1:
        raise UsageError(f"a visual token advances by more than 0 and at most 1; got {step}")
    parts = [np.full(n, 1.0 if kind == "t" else step) for kind, n in segments]
    steps = np.concatenate([np.empty(0), *parts])
    return np.asarray(np.cumsum(steps) - steps[:1], np.float64)


# extrapolation ------------------------------------------------------------------------------------


def stretch(n: int, trained: int) -> float:
    """How much longer an axis is than in training; never below 1."""
    return max(n / trained, 1.0)


def ntk_frequencies(head_dim: int, scale: float, theta: float = 10000.0) -> Float32:
    """VisionNTK: one axis' frequencies with the base theta * scale^(D / (D - 2)), D = head_dim / 2.

    The highest frequency stays; the lowest is slowed by `scale`.
    """
    dim = head_dim // 2
    if dim <= 2:
        raise UsageError(f"NTK scaling needs a head_dim above 4; got {head_dim}")
    return _axis_frequencies(head_dim, theta * scale ** (dim / (dim - 2)))


def yarn_frequencies(
    head_dim: int,
    scale: float,
    trained: int,
    theta: float = 10000.0,
    slow: float = 1.0,
    fast: float = 32.0,
) -> Float32:
    """VisionYaRN: one axis' frequencies, each slowed by how often it turns in `trained` positions.

    Below `slow` turns a frequency is divided by `scale`, above `fast` it stays, linear between.
    Logits are multiplied by `yarn_temperature(scale)`.
    """
    inverse = _axis_frequencies(head_dim, theta)
    turns = trained * inverse / (2 * math.pi)
    keep = np.clip((turns - slow) / (fast - slow), 0, 1)
    return np.asarray(inverse * (keep + (1 - keep) / scale), np.float32)


def yarn_temperature(scale: float) -> float:
    """YaRN's factor on attention logits: (0.1 ln s + 1)^2."""
    return (0.1 * math.log(scale) + 1) ** 2


def axial_with(positions: ArrayLike, rows: Float32, columns: Float32) -> Rotation:
    """Axial 2-D RoPE with frequencies of its own for each axis, (head_dim / 4,) each."""
    y, x = np.asarray(positions, np.float32).T
    return rotation(np.concatenate([y[:, None] * rows, x[:, None] * columns], axis=1))
