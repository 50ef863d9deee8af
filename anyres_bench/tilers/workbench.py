"""Tilers side by side: what each makes of an image, and of a whole folder."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anyres_bench.core.errors import ImageError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.registry import nearest
from anyres_bench.tilers import TILERS, load
from anyres_bench.tilers.costs import (
    ENCODERS,
    LANGUAGE_MODELS,
    CostCard,
    Encoder,
    LanguageModel,
    card,
)
from anyres_bench.tilers.explain import Trap, traps
from anyres_bench.tilers.legibility import Detail, measure
from anyres_bench.tilers.packing import group
from anyres_bench.tilers.plan import Plan, Tiler

if TYPE_CHECKING:
    import pandas as pd

_WORST = 10
_ENDS = ("value", "low", "high")


@dataclass(frozen=True)
class Row:
    """One tiler on one image size.

    Attributes:
        tiler: its name.
        plan, card: None where it refuses the size.
        traps: that the image falls into.
        refused: why, where it does.
        detail: what of documents of this size survives, where it was measured.
    """

    tiler: str
    plan: Plan | None
    card: CostCard | None
    traps: tuple[Trap, ...] = ()
    refused: str = ""
    detail: Detail | None = None


@dataclass(frozen=True)
class Models:
    """What the tokens are for."""

    encoder: Encoder
    language: LanguageModel


@dataclass(frozen=True)
class Summary:
    """One tiler on many images.

    Attributes:
        tiler: its name.
        n, refused: images, and how many of them it cannot take.
        tokens: (n - refused,) language-model tokens of each image, sorted.
        histogram: tokens from a power of two up to the next -> images.
        worst: the images of most tokens for each of their own pixels: name and card.
        encoder_flops, prefill_flops, kv_bytes: sums over all images.
        packing: share of the places that tokens fill when images are packed, in their order, into
            sequences of the language model's context; 0 where no image fits.
        over_context: images that are longer than a sequence, and are not packed.
    """

    tiler: str
    n: int
    refused: int
    tokens: np.ndarray[tuple[int], np.dtype[np.int64]]
    histogram: Mapping[int, int]
    worst: tuple[tuple[str, CostCard], ...]
    encoder_flops: float
    prefill_flops: float
    kv_bytes: int
    packing: float
    over_context: int


def models(encoder: str, language: str) -> Models:
    """The models of these published sizes.

    Raises:
        UnknownNameError: a name is in no table; the nearest is suggested.
    """
    for name, table in ((encoder, ENCODERS), (language, LANGUAGE_MODELS)):
        if name not in table:
            raise UnknownNameError(f"no model sizes are named {name!r}; {nearest(name, table)}")
    return Models(ENCODERS[encoder], LANGUAGE_MODELS[language])


def tilers(names: Iterable[str] = ()) -> list[Tiler]:
    """The tilers of these names, with options as `load` reads them; all of them by default."""
    return [load(name) for name in list(names) or TILERS]


def row(tiler: Tiler, image: Size, models: Models, pages: int = 0) -> Row:
    """One tiler on one size; `pages` documents of it are drawn and read where it is not 0.

    Raises:
        UsageError: documents are asked for, and the size is too small for them.
    """
    try:
        plan = tiler.plan(image)
    except ImageError as error:
        return Row(tiler.name, None, None, refused=str(error))
    detail = measure(tiler, image, range(pages)) if pages else None
    return Row(
        tiler=tiler.name,
        plan=plan,
        card=card(plan, models.encoder, models.language),
        traps=tuple(traps(plan, models.language.context)),
        detail=detail,
    )


def summary(tiler: Tiler, images: Sequence[tuple[str, Size]], models: Models) -> Summary:
    """One tiler on many images, each a name and a size.

    Raises:
        UsageError: there are none.
    """
    if not images:
        raise UsageError("there are no images to tile")
    rows = {size: row(tiler, size, models) for size in dict.fromkeys(size for _, size in images)}
    kept = [(name, c) for name, size in images if (c := rows[size].card) is not None]
    tokens = np.array([c.tokens for _, c in kept], np.int64)
    context = models.language.context
    sequences = len(group([n for n in tokens.tolist() if n <= context], context))
    packed = int(tokens[tokens <= context].sum())
    return Summary(
        tiler=tiler.name,
        n=len(images),
        refused=len(images) - len(kept),
        tokens=np.sort(tokens),
        histogram=_octaves(tokens),
        worst=tuple(sorted(kept, key=_tokens_a_pixel, reverse=True)[:_WORST]),
        encoder_flops=sum(c.encoder_flops for _, c in kept),
        prefill_flops=sum(c.prefill_flops for _, c in kept),
        kv_bytes=sum(c.kv_bytes for _, c in kept),
        packing=packed / (sequences * context) if sequences else 0.0,
        over_context=int((tokens > context).sum()),
    )


def _octaves(tokens: np.ndarray[Any, np.dtype[np.int64]]) -> dict[int, int]:
    floors = [1 << int(n).bit_length() - 1 if n else 0 for n in tokens]
    values, counts = np.unique(floors, return_counts=True)
    return {int(value): int(count) for value, count in zip(values, counts, strict=True)}


def _tokens_a_pixel(item: tuple[str, CostCard]) -> float:
    return item[1].tokens / item[1].image.pixels


def to_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a table: one column a number, sizes as HEIGHTxWIDTH."""
    import pandas as pd

    return pd.DataFrame([record(item) for item in rows])


def record(item: Row) -> dict[str, Any]:
    """A row as plain values for csv and JSON."""
    fields = [field.name for field in dataclasses.fields(CostCard)]
    values = {name: getattr(item.card, name, None) for name in fields}
    plain = {k: str(v) if isinstance(v, Size) else v for k, v in values.items()}
    named = "; ".join(trap.name for trap in item.traps)
    read = {} if item.detail is None else _detail(item.detail)
    return {"tiler": item.tiler, **plain, **read, "traps": named, "refused": item.refused}


def _detail(detail: Detail) -> dict[str, Any]:
    measured = {"legible": detail.legible, "counting": detail.counting, "lines": detail.lines}
    ends = {f"{name}_{end}": getattr(m, end) for name, m in measured.items() for end in _ENDS}
    finite = {name: value if math.isfinite(value) else None for name, value in ends.items()}
    return {"pages": detail.pages, **finite}
