"""What a plan costs and what it does to the image: tokens, waste, distortion, FLOPs, bytes.

A multiplication with its addition counts as two operations. Models are described by the few numbers
that the formulas need; nothing of them is loaded.

Source: attention and MLP terms of Kaplan et al., "Scaling Laws for Neural Language Models", 2020,
with the quadratic terms kept, grouped-query attention and gated MLPs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from anyres_bench.core.geometry import Size
from anyres_bench.tilers.plan import Axis, Layer, Plan, TokenGrid


@dataclass(frozen=True)
class Encoder:
    """A vision transformer.

    Attributes:
        width: of its tokens.
        depth: blocks.
        mlp: hidden width of the MLPs.
    """

    width: int
    depth: int
    mlp: int


@dataclass(frozen=True)
class LanguageModel:
    """A decoder with grouped-query attention and gated MLPs.

    Attributes:
        width: of its tokens.
        depth: blocks.
        heads, kv_heads: query heads, and heads of keys and values.
        mlp: hidden width of the MLPs.
        context: tokens that it was made for.
        bytes_per_number: of the cache of keys and values.
    """

    width: int
    depth: int
    heads: int
    kv_heads: int
    mlp: int
    context: int
    bytes_per_number: int = 2


ENCODERS = {
    "clip-l": Encoder(1024, 24, 4096),
    "siglip-so400m": Encoder(1152, 27, 4304),
    "internvit-300m": Encoder(1024, 24, 4096),
    "internvit-6b": Encoder(3200, 45, 12800),
    "qwen2-vl": Encoder(1280, 32, 5120),
    "vit-b": Encoder(768, 12, 3072),
}
"""Published sizes by name."""

LANGUAGE_MODELS = {
    "vicuna-7b": LanguageModel(4096, 32, 32, 32, 11008, 4096),
    "qwen2-0.5b": LanguageModel(896, 24, 14, 2, 4864, 32768),
    "qwen2-7b": LanguageModel(3584, 28, 28, 4, 18944, 32768),
    "qwen2-72b": LanguageModel(8192, 80, 64, 8, 29568, 32768),
    "llama3-8b": LanguageModel(4096, 32, 32, 8, 14336, 8192),
}
"""Published sizes by name."""


@dataclass(frozen=True)
class CostCard:
    """What a tiler does to one image, and what that costs.

    Attributes:
        image, canvas, resized: (height, width), px; of the main layer.
        grid: rows and columns of the main layer's tiles.
        pictures: that the encoder sees.
        encoder_tokens, tokens: for the encoder, and for the language model.
        padding: share of the canvas that is no image, 0 to 1.
        waste: share of the encoded pixels that carry no pixel of the image of their own: padding,
            repetition and enlargement.
        scale: side of the resized image over the image's own (geometric mean of both axes).
        distortion: |ln| of the factor by which the aspect changes; 0 keeps it.
        kept: pixels of the image that survive resizing, at most 1.
        duplicated: share of the encoded pixels in pictures that show everything once more.
        separators: share of the language model's tokens that are row ends.
        at_cuts: share of the language model's tokens that touch a cut between two tiles.
        encoder_flops, prefill_flops: operations of the encoder, and of the language model's prefill
            of the image's tokens.
        kv_bytes: the language model's cache of keys and values for them.
    """

    image: Size
    canvas: Size
    resized: Size
    grid: Size
    pictures: int
    encoder_tokens: int
    tokens: int
    padding: float
    waste: float
    scale: float
    distortion: float
    kept: float
    duplicated: float
    separators: float
    at_cuts: float
    encoder_flops: float
    prefill_flops: float
    kv_bytes: int


def card(plan: Plan, encoder: Encoder, model: LanguageModel) -> CostCard:
    """The card of a plan for an encoder and a language model of these sizes."""
    main, image = plan.main, plan.image
    encoded = sum(region.size.pixels for region in plan.regions)
    kept = min(1.0, main.resized.pixels / image.pixels)
    return CostCard(
        image=image,
        canvas=plan.canvas,
        resized=plan.resized,
        grid=plan.grid,
        pictures=len(plan.regions),
        encoder_tokens=plan.encoder_tokens,
        tokens=plan.tokens,
        padding=1 - main.resized.pixels / main.canvas.pixels if main.canvas.pixels else 0.0,
        waste=1 - kept * image.pixels / encoded if encoded else 0.0,
        scale=math.sqrt(main.resized.pixels / image.pixels),
        distortion=distortion(image, main.resized),
        kept=kept,
        duplicated=_share(sum(map(_shown_again, plan.layers)), encoded),
        separators=_share(sum(g.rows.n * g.separators for g in plan.grids), plan.tokens),
        at_cuts=_share(sum(tokens_at_cuts(plan, g) for g in plan.grids), plan.tokens),
        encoder_flops=encoder_flops(plan, encoder),
        prefill_flops=prefill_flops(plan.tokens, model),
        kv_bytes=kv_bytes(plan.tokens, model),
    )


def distortion(image: Size, resized: Size) -> float:
    """|ln| of the factor by which an image's aspect changes; infinite where a side is gone.

    >>> distortion(Size(100, 200), Size(50, 100))
    0.0
    """
    if 0 in resized:
        return math.inf
    factor = (resized.width / image.width) / (resized.height / image.height)
    return abs(math.log(factor))


def encoder_flops(plan: Plan, encoder: Encoder) -> float:
    """Operations of the encoder on all pictures of a plan, patch embedding included."""
    d, patch_numbers = encoder.width, 3 * plan.patch**2
    per_token = encoder.depth * (8 * d**2 + 4 * d * encoder.mlp) + 2 * patch_numbers * d
    sequences = plan.windows or plan.encoder
    attention = encoder.depth * 4 * d * sum(n**2 for n in sequences)
    return float(per_token * plan.encoder_tokens + attention)


def prefill_flops(tokens: int, model: LanguageModel) -> float:
    """Operations of a language model that reads `tokens` tokens, attention causal."""
    d, shared = model.width, model.kv_heads / model.heads
    per_token = 4 * d**2 * (1 + shared) + 6 * d * model.mlp
    return float(model.depth * (tokens * per_token + 2 * tokens**2 * d))


def kv_bytes(tokens: int, model: LanguageModel) -> int:
    """Bytes that the keys and values of `tokens` tokens take."""
    numbers = 2 * model.depth * tokens * model.width * model.kv_heads // model.heads
    return numbers * model.bytes_per_number


def tokens_at_cuts(plan: Plan, grid: TokenGrid) -> int:
    """Tokens of a grid that touch a cut between two tiles."""
    layer = plan.layers[grid.layer]
    rows = _touching(grid.rows, *_neighbours(plan, grid, layer, axis=0))
    columns = _touching(grid.columns, *_neighbours(plan, grid, layer, axis=1))
    return int((rows[:, None] | columns[None]).sum())


def _neighbours(plan: Plan, grid: TokenGrid, layer: Layer, axis: int) -> tuple[bool, bool]:
    """Whether the canvas goes on before and behind what a grid's axis covers."""
    if grid.region is None:
        return False, False
    region = plan.regions[grid.region]
    start = (region.top, region.left)[axis]
    return start > 0, start + region.size[axis] < layer.canvas[axis]


def _touching(axis: Axis, before: bool, behind: bool) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which tokens of an axis touch a cut: one between its tiles, or one at its ends."""
    at = axis.first + np.arange(axis.n + 1) * (axis.span / max(axis.n, 1))
    cuts = np.arange(1, math.ceil((axis.first + axis.span) / axis.cells)) * axis.cells
    ends = [axis.first] * before + [axis.first + axis.span] * behind
    places = np.concatenate([cuts, np.asarray(ends, np.int64)])
    low, high = at[:-1, None], at[1:, None]
    return np.asarray(((low <= places) & (places <= high)).any(axis=1))


def _shown_again(layer: Layer) -> int:
    """Pixels of pictures that show all of the image beside the tiles."""
    if layer.role != "overview":
        return 0
    return sum(region.size.pixels for region in layer.regions)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
