"""Which metric sees what: known damage to images with nothing wrong, and every metric's answer.

    python -m benchmarks.corruption_table [--images DIR] [--n 48] [--out FILE.json]

Images of 256 px are dealt into three equal sets: a reference, a set that is damaged, and a second
undamaged one. Every metric is computed for the damaged set against the reference, and for the same
set as it was; shown is the difference, over its paired standard error (for "real split", of two
disjoint undamaged sets). What a damage must move, and what must stay, is written beside it, so the
command fails where a metric does not do what `docs/metrics.md` says. Damages that move their metric
little for its noise are shown with more images (`Damage.times`). The seconds that it says are CPU
seconds of the process.

Without --images the pictures are scenes, which anybody can draw again; with it, centre squares of
the images of a folder whose shorter side is at least 256 px.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from anyres_bench.core.errors import MetricError
from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import Pixels, center_square, crop, decode, resize_uint8
from anyres_bench.data.scenes import SCENES
from anyres_bench.features.cells import CellExtractor
from anyres_bench.features.extractor import FeatureExtractor, extractor_from
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.intervals import paired_difference
from anyres_bench.metrics.metric import metric_from
from benchmarks.corruptions import blur, jpeg, noise, seams

SIDE, SMALL, WINDOW, SHIFT = 256, 64, 128, 32  # px
FIRM = 5.0  # standard errors from which a change counts as seen
QUIET = 3.5  # up to which it counts as none

Images = list[Pixels]
Reading = Callable[
    ..., "dict[Measure, FeatureBank]"
]  # of items, and the number of the first latent


class Remembering:
    """An extractor that looks at equal pixels once: many damages only move or repeat them."""

    n_views, is_fid = 1, False

    def __init__(self, base: FeatureExtractor) -> None:
        self.base, self.id, self.dim = base, base.id, base.dim
        self._known: dict[bytes, torch.Tensor] = {}

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(n, dim); see `FeatureExtractor`."""
        return torch.stack([self._row(image) for image in images])

    def _row(self, image: torch.Tensor) -> torch.Tensor:
        key = hashlib.sha256(image.contiguous().numpy().tobytes()).digest()
        if key not in self._known:
            self._known[key] = self.base(image[None])[0]
        return self._known[key]


@dataclass(frozen=True)
class Items:
    """What a model shows of each latent.

    Attributes:
        whole: (256, 256, 3) images.
        small: the same at 64 px.
        windows: 128 px windows whose second lies 32 px further down and right.
    """

    whole: Images
    small: Images
    windows: list[tuple[Pixels, Pixels]]

    @classmethod
    def of(cls, whole: Images) -> Items:
        """Of a model without faults of its own: all views are of one image."""
        far = slice(SHIFT, SHIFT + WINDOW)
        return cls(
            whole,
            [resize_uint8(image, Size.square(SMALL), "lanczos") for image in whole],
            [(image[:WINDOW, :WINDOW], image[far, far]) for image in whole],
        )

    def views(self, what: str) -> Sequence[tuple[Pixels, ...]]:
        """The views of each item that an extractor sees."""
        if what == "pair":
            return list(zip(self.small, self.whole, strict=True))
        if what == "windows":
            common = WINDOW - SHIFT
            return [(a[SHIFT:, SHIFT:], b[:common, :common]) for a, b in self.windows]
        return [(image,) for image in self.whole]


@dataclass(frozen=True)
class Measure:
    """A metric, the extractor that it reads, and which views of an item that sees."""

    metric: str
    extractor: str = "builtin"
    what: str = "whole"


MEASURES = (
    Measure("frechet"),
    Measure("kid"),
    Measure("density-coverage"),
    Measure("vendi"),
    Measure("authpct"),
    Measure("octave-distance", "spectrum"),
    Measure("effective-resolution", "spectrum"),
    Measure("seams", "seams"),
    Measure("layout-components8", "cells:4:builtin"),
    Measure("self-similarity", "cells:4:builtin"),
    Measure("repetition", "autocorrelation"),
    Measure("consistency", "pair", "pair"),
    Measure("overlap", "difference", "windows"),
)


@dataclass(frozen=True)
class Damage:
    """What is done to the undamaged items, and what must come of it.

    Attributes:
        does: in words.
        apply: (items, reference images) -> items.
        up, down: values that must rise, and fall.
        still: values that must not move.
        times: how many times the images of a set, where a value needs more of them to be sure.
    """

    does: str
    apply: Callable[[Items, Images], Items]
    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    times: int = 1


def each(change: Callable[[Pixels], Pixels]) -> Callable[[Items, Images], Items]:
    """A damage done to every image by itself, all of whose views show it."""
    return lambda items, reference: Items.of([change(image) for image in items.whole])


def batched(change: Callable[..., Any], strength: float) -> Callable[[Items, Images], Items]:
    """A damage of `benchmarks.corruptions`."""
    return lambda items, reference: Items.of(list(change(np.stack(items.whole), strength, 1)))


def enlarged(image: Pixels, filter_name: str) -> Pixels:
    """Shrunk to 64 px and enlarged again."""
    small = resize_uint8(image, Size.square(SMALL), "lanczos")
    return resize_uint8(small, Size.square(SIDE), filter_name)


def stretched(image: Pixels) -> Pixels:
    """The middle 3 : 4 of an image, squashed to a square."""
    margin = SIDE // 8
    return resize_uint8(image[:, margin:-margin], Size.square(SIDE), "lanczos")


def repeated(image: Pixels) -> Pixels:
    """Its middle quarter, four times."""
    return np.tile(image[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4], (2, 2, 1))


def cells_of(image: Pixels) -> Pixels:
    """(16, 64, 64, 3): the cells of a 4 x 4 grid, row by row."""
    return image.reshape(4, SMALL, 4, SMALL, 3).swapaxes(1, 2).reshape(16, SMALL, SMALL, 3)


def put_together(cells: Pixels) -> Pixels:
    """The image of 16 cells."""
    return cells.reshape(4, 4, SMALL, SMALL, 3).swapaxes(1, 2).reshape(SIDE, SIDE, 3)


def shuffled(items: Items, reference: Images) -> Items:
    """The cells of every image, in another order."""
    orders = [stream(i, "shuffled cells").permutation(16) for i in range(len(items.whole))]
    return Items.of(
        [
            put_together(cells_of(image)[order])
            for image, order in zip(items.whole, orders, strict=True)
        ]
    )


def mosaic(items: Items, reference: Images) -> Items:
    """Every cell from another image, at its own place."""
    cells = np.stack([cells_of(image) for image in items.whole])
    n = len(cells)
    return Items.of(
        [put_together(cells[(i + 3 * np.arange(16)) % n, np.arange(16)]) for i in range(n)]
    )


def few(items: Items, reference: Images) -> Items:
    """An eighth of the images, eight times each."""
    n = max(2, len(items.whole) // 8)
    return Items.of([items.whole[i % n] for i in range(len(items.whole))])


def copies(items: Items, reference: Images) -> Items:
    """The reference images themselves."""
    return Items.of(list(reference))


def redrawn(items: Items, reference: Images) -> Items:
    """Another latent at the small size."""
    return dataclasses.replace(items, small=items.small[1:] + items.small[:1])


def lit_apart(items: Items, reference: Images) -> Items:
    """Every window with a brightness of its own, 3 grey levels of standard deviation."""
    draws = 3 * stream(0, "windows").normal((len(items.windows), 2))
    windows = [
        (_lit(a, float(d[0])), _lit(b, float(d[1])))
        for (a, b), d in zip(items.windows, draws, strict=True)
    ]
    return dataclasses.replace(items, windows=windows)


def _lit(image: Pixels, levels: float) -> Pixels:
    return np.clip(np.rint(image + levels), 0, 255).astype(np.uint8)


SPECTRUM = ("octave_distance", "effective_resolution")
TILING = ("seam_excess", "repetition", "similarity_excess")
ALONE = ("ssim", "rmse")  # of models whose views are of one image

DAMAGES = {
    "real split": Damage("nothing: other images of the same source", lambda i, r: i),
    "blur": Damage(
        "Gaussian, 1 px",
        batched(blur, 1),
        up=("frechet", "octave_distance", "detail_error"),
        down=("effective_resolution",),
        still=ALONE,
    ),
    "noise": Damage(
        "white, 6 grey levels",
        batched(noise, 6),
        up=("frechet", "octave_distance", "detail_error"),
        still=("effective_resolution", *ALONE),
    ),
    "JPEG": Damage("quality 40, 4:2:0", batched(jpeg, 40), up=("frechet",), still=("rmse",)),
    "seams": Damage(
        "64 px tiles, each with a brightness of its own, 6 grey levels",
        batched(seams, 6),
        up=("seam_excess",),
        still=("repetition", "effective_resolution", *ALONE),
    ),
    "duplicates": Damage(
        "an eighth of the images, eight times",
        few,
        down=("coverage", "vendi"),
        still=("effective_resolution", *ALONE, *TILING),
    ),
    "memoriser": Damage(
        "the reference images themselves",
        copies,
        down=("authpct",),
        still=("effective_resolution", *ALONE, *TILING),
    ),
    "bicubic": Damage(
        "shrunk four times, enlarged again",
        each(functools.partial(enlarged, filter_name="bicubic")),
        up=("frechet", "octave_distance", "detail_error"),
        down=("effective_resolution",),
        still=("rmse",),
    ),
    "nearest": Damage(
        "the same, by nearest neighbour",
        each(functools.partial(enlarged, filter_name="nearest")),
        up=("frechet", "octave_distance", "detail_error"),
        still=("rmse",),
        times=4,
    ),
    "wrong aspect": Damage(
        "3 : 4 squashed to a square", each(stretched), up=("frechet",), still=("rmse", "ssim")
    ),
    "repetition": Damage(
        "the middle quarter, four times",
        each(repeated),
        up=("repetition", "similarity_excess"),
        still=("effective_resolution", *ALONE),
    ),
    "shuffled cells": Damage(
        "4 x 4 cells in another order", shuffled, up=("cells",), still=("rmse",)
    ),
    "mosaic": Damage(
        "4 x 4 cells of other images, each at its place",
        mosaic,
        up=("joint",),
        still=("rmse",),
        times=4,
    ),
    "redrawn": Damage(
        "another latent at 64 px", redrawn, down=("ssim", "psnr"), still=("frechet", "detail_error")
    ),
    "windows apart": Damage(
        "windows lit by themselves, 3 grey levels", lit_apart, up=("rmse",), still=("frechet",)
    ),
}


@dataclass
class Cell:
    """A value's answer to a damage."""

    before: float
    after: float
    difference: float
    error: float

    @property
    def ratio(self) -> float:
        """The difference in standard errors; 0 where nothing changed at all."""
        if self.difference == 0:
            return 0.0
        return self.difference / self.error if self.error else float(np.inf) * self.difference


@dataclass(frozen=True)
class Table:
    """All answers, and what was expected and did not come."""

    cells: dict[str, dict[str, Cell]]
    broken: list[str]


def main() -> None:
    """Measure, print, write; exit with 1 where a metric did not do what it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--n", type=int, default=48, help="images of each of the three sets")
    parser.add_argument("--only", nargs="*", choices=[*DAMAGES])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    names = args.only or list(DAMAGES)
    n = 3 * args.n * max(DAMAGES[name].times for name in names)
    pictures = scenes(n) if args.images is None else photographs(args.images, n)
    table = measure_all(list(pictures), args.n, names)
    seconds = time.process_time()
    print(markdown(table), f"\n{seconds:.0f} CPU seconds")
    if args.out is not None:
        source = "scenes" if args.images is None else args.images.name
        write_json(args.out, as_json(table, source, args.n, seconds))
    for line in table.broken:
        print(line, file=sys.stderr)
    sys.exit(bool(table.broken))


def scenes(n: int) -> Iterator[Pixels]:
    """Scenes of 256 px, each a world of its own."""
    for seed in range(n):
        yield SCENES.picture(seed, Region.whole(Size.square(SIDE)))


def photographs(folder: Path, n: int) -> Iterator[Pixels]:
    """Centre squares of a folder's images, shrunk to 256 px."""
    found = 0
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in {".jpg", ".jpeg", ".png", ".webp"} or found == n:
            continue
        with Image.open(path) as image:
            if min(image.size) < SIDE:
                continue
        pixels = decode(path).pixels
        square = crop(pixels, center_square(Size(*pixels.shape[:2])))
        found += 1
        yield resize_uint8(np.ascontiguousarray(square), Size.square(SIDE), "lanczos")
    if found < n:
        sys.exit(f"{folder} has {found} images of {SIDE} px and more; {n} are needed: lower --n")


def measure_all(pictures: Images, n: int, names: Sequence[str]) -> Table:
    """Every damage's answers.

    Args:
        pictures: three sets of `n` images, or of as many times more as a damage asks for.
    """
    check_names()
    builtin = Remembering(extractor_from("builtin"))
    extractors = {m.extractor: extractor_from(m.extractor) for m in MEASURES}
    extractors |= {"builtin": builtin, "cells:4:builtin": CellExtractor(builtin, 4)}
    read = functools.partial(banks, extractors)
    found: dict[str, dict[str, Cell]] = {}
    for times in sorted({DAMAGES[name].times for name in names}):
        alike = [name for name in names if DAMAGES[name].times == times]
        found |= measured(pictures[: 3 * n * times], alike, read)
    cells = {name: found[name] for name in names}
    broken = [line for name in names for line in failures(name, DAMAGES[name], cells[name])]
    return Table(cells, broken)


def measured(pictures: Images, names: Sequence[str], read: Reading) -> dict[str, dict[str, Cell]]:
    """Answers to damages of three sets of equal numbers of pictures."""
    order = stream(0, "three sets").permutation(len(pictures)).tolist()
    reference, base, other = ([pictures[i] for i in order[k::3]] for k in range(3))
    real, before = read(Items.of(reference)), read(Items.of(base))
    found: dict[str, dict[str, Cell]] = {}
    for name in tqdm(names, leave=False):
        apply = DAMAGES[name].apply
        items = Items.of(other) if name == "real split" else apply(Items.of(base), reference)
        after = read(items, 1000 if name == "real split" else 0)
        found[name] = {}
        for measure in MEASURES:
            of = [each_bank[measure] for each_bank in (real, before, after)]
            found[name] |= answers(measure, *of)
    return found


def banks(
    extractors: dict[str, FeatureExtractor], items: Items, first: int = 0
) -> dict[Measure, FeatureBank]:
    """Features of items for every measure; `first` is the number of the first latent."""
    found: dict[tuple[str, str], FeatureBank] = {}
    for measure in MEASURES:
        key = measure.extractor, measure.what
        if key not in found:
            views = zip(*items.views(measure.what), strict=True)
            rows = extractors[measure.extractor](*(_tensor(view) for view in views)).numpy()
            index = first + np.arange(len(rows))
            found[key] = FeatureBank(index, index, rows)
    return {measure: found[measure.extractor, measure.what] for measure in MEASURES}


def _tensor(view: Sequence[Pixels]) -> torch.Tensor:
    return torch.from_numpy(np.stack(view).transpose(0, 3, 1, 2).copy())


def answers(
    measure: Measure, real: FeatureBank, before: FeatureBank, after: FeatureBank
) -> Iterator[tuple[str, Cell]]:
    """What every ranking value of a metric says, before and after."""
    metric = metric_from(measure.metric)
    needed = real if metric.needs_real else None
    values = [metric.finish(needed, bank, stream(0, "table")) for bank in (before, after)]
    found = paired_difference(metric, needed, after, before, stream(0, "table"))
    for name, estimate in found.items():
        # A difference that moves with no image has no interval, and no error.
        error = estimate.interval.standard_error if estimate.interval else 0.0
        yield name, Cell(values[0][name], values[1][name], estimate.value, error)


def failures(name: str, damage: Damage, cells: dict[str, Cell]) -> Iterator[str]:
    """What a damage should have done and did not."""
    for value, cell in cells.items():
        ratio = cell.ratio
        still = name == "real split" or value in damage.still
        if still and abs(ratio) > QUIET:
            yield f"{name}: {value} moved by {ratio:.1f} standard errors and should not have"
        if value in damage.up and ratio < FIRM:
            yield f"{name}: {value} should have risen, but moved by {ratio:.1f} standard errors"
        if value in damage.down and ratio > -FIRM:
            yield f"{name}: {value} should have fallen, but moved by {ratio:.1f} standard errors"


def check_names() -> None:
    """Hold that every value that a damage names is one that a metric gives."""
    known = {name for m in MEASURES for name in metric_from(m.metric).higher_is_better}
    for name, damage in DAMAGES.items():
        if missing := {*damage.up, *damage.down, *damage.still} - known:
            raise MetricError(f"{name}: no metric gives {', '.join(sorted(missing))}")


def markdown(table: Table) -> str:
    """One row a damage; what it must move is bold."""
    names = list(next(iter(table.cells.values())))
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for damage, cells in table.cells.items():
        must = {*DAMAGES[damage].up, *DAMAGES[damage].down}
        shown = [_shown(cells[name].ratio, name in must) for name in names]
        lines.append(f"| {damage} | {' | '.join(shown)} |")
    return "\n".join(lines)


def _shown(ratio: float, must: bool) -> str:
    text = "." if ratio == 0 else f"{np.clip(ratio, -999, 999):+.0f}" if abs(ratio) >= 2 else "~"
    return f"**{text}**" if must else text


def as_json(table: Table, source: str, n: int, seconds: float) -> dict[str, Any]:
    """All numbers."""
    return {
        "images": source,
        "n": {name: n * DAMAGES[name].times for name in table.cells},
        "side": SIDE,
        "cpu_seconds": round(seconds),
        "damages": {name: DAMAGES[name].does for name in table.cells},
        "answers": {
            name: {value: dataclasses.asdict(cell) for value, cell in cells.items()}
            for name, cells in table.cells.items()
        },
    }


if __name__ == "__main__":
    main()
