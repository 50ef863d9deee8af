"""Do 95 % intervals hold the expectation 95 % of the time? Simulation with a known truth.

    python -m benchmarks.interval_coverage [--seconds 170] [--only NAME] [--table]

Features are Gaussian: one row an image, four rows an image that share most of their variation, as
many whose numbers fall like one over the rank (the largest image has a quarter of the rows), or one
image with six tenths of all rows. Worlds put the fakes where the reals are, beside them, far away,
inside them or around them, so that every value is also seen near its bounds.

The truth is the mean of the value over the draws: the expectation at these numbers of rows, which
is what an interval is about (its own error adds less than 0.001 to the misses). `ratio` is the root
mean square of the standard errors over the standard deviation of the value, `flagged` the share of
intervals with a caution, `none` the share of draws without an interval.

Cells that are in `results/interval_coverage.json` are not run again; a call ends after --seconds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.core.threads import one_blas_thread
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.intervals import Estimate, interval, paired_difference
from anyres_bench.metrics.metric import metric_from

OUT = Path(__file__).parent / "results" / "interval_coverage.json"

NEAR = {"near": (0.3, 1.0)}
WORLDS = {  # shift and scale of the fakes
    "equal": (0.0, 1.0),
    "beside": (0.7, 1.0),
    "far": (2.0, 1.0),
    "inside": (0.0, 0.3),
    "around": (0.0, 3.0),
}
SHARED = 0.8  # of the variance, by the rows of one image


@dataclass(frozen=True)
class Cell:
    """What is simulated.

    Attributes:
        metric: its id; of a pair, the difference of two models.
        n: rows of each side.
        images: how rows belong to images.
        draws: how many.
    """

    metric: str
    world: str
    n: int
    images: str
    dim: int
    draws: int
    pair: bool = False

    @property
    def name(self) -> str:
        """Of the cell in the results."""
        kind = "difference of " if self.pair else ""
        return f"{kind}{self.metric}, {self.world}, n={self.n}, {self.images}"


def cells() -> Iterator[Cell]:
    """All cells, cheap and telling ones first."""
    grid = itertools.product((64, 16, 256, 1000), ("single", "fours", "falling"))
    for n, images in grid:
        many = {16: 400, 64: 400, 256: 200, 1000: 100}[n]
        if n == 1000 and images == "falling":
            continue
        for world in WORLDS:
            yield Cell("prdc", world, n, images, 4, many // 2)
        for world in ("equal", "beside"):
            yield Cell("kid", world, n, images, 4, many)
            yield Cell("frechet", world, n, images, 4, many)
            yield Cell("authpct", world, n, images, 4, many // 2)
        for world in ("equal", "beside", "far"):
            yield Cell("ap", world, n, images, 1, many)
        yield Cell("detector-accuracy", "far", n, images, 1, many)
        for world in ("equal", "inside"):
            yield Cell("vendi", world, n, images, 4, many)
            yield Cell("inception-score-splits2", world, n, images, 8, many)
        if images != "falling":
            for metric in ("kid", "frechet", "prdc"):
                yield Cell(metric, "near", n, images, 8, many // 2, pair=True)
                yield Cell(metric, "beside", n, images, 4, many // 2, pair=True)
    for n, images in ((256, "one of six tenths"), (120, "three images"), (120, "six images")):
        for metric in ("kid", "frechet", "prdc"):
            yield Cell(metric, "beside", n, images, 4, 200)
    for n, images in itertools.product((64, 256), ("single", "fours")):
        for world in ("equal", "beside"):
            yield Cell("fd-infinity-points5", world, n, images, 4, 100)
            yield Cell("kid-subsets-n10-size40", world, n, images, 4, 100)
            yield Cell("detectability-permutations1", world, n, images, 4, 60)


def sizes(images: str, n: int) -> NDArray[np.int64]:
    """Rows of each image."""
    if images == "single":
        return np.ones(n, np.int64)
    if images == "fours":
        return np.full(n // 4, 4)
    if images == "falling":
        share = 1 / np.arange(1, n // 4 + 1)
        rows = np.maximum(1, np.floor(share / share.sum() * n)).astype(np.int64)
        rows[0] += n - rows.sum()
        return rows
    if images == "one of six tenths":
        rows = np.full(n // 8, 0.4 * n / (n // 8 - 1)).astype(np.int64)
        rows[0] = n - rows[1:].sum()
        return rows
    count = {"three images": 3, "six images": 6}[images]
    return np.full(count, n // count)


def side(cell: Cell, world: str, draw: int, who: str) -> FeatureBank:
    """Rows of one side."""
    rng = stream(0, "coverage", cell.n, cell.images, cell.dim, who, draw)
    rows = sizes(cell.images, cell.n)
    group = np.repeat(np.arange(len(rows)), rows)
    shared = 0.0 if cell.images == "single" else SHARED
    common, own = rng.normal((len(rows), cell.dim))[group], rng.normal((len(group), cell.dim))
    shift, scale = (WORLDS | NEAR)[world]
    features = scale * (shared**0.5 * common + (1 - shared) ** 0.5 * own) + shift
    return FeatureBank(np.arange(len(group)), group, features.astype(np.float32))


def degraded(bank: FeatureBank, draw: int) -> FeatureBank:
    """The same rows, a little blurred: what a second model does to shared positions."""
    noise = stream(0, "degraded", len(bank), draw).normal(bank.features().shape)
    rows = 0.85 * bank.features() + 0.1 * noise + 0.1
    return FeatureBank(bank.index, bank.group, rows.astype(np.float32))


def estimates(cell: Cell, draw: int) -> dict[str, Estimate]:
    """Intervals of one draw."""
    metric = metric_from(cell.metric)
    real, fake = side(cell, "equal", draw, "real"), side(cell, cell.world, draw, "fake")
    if cell.metric == "detector-accuracy":  # scores are probabilities
        real, fake = (
            FeatureBank(b.index, b.group, 1 / (1 + np.exp(2 - 2 * b.features())))
            for b in (real, fake)
        )
    if cell.pair:
        return paired_difference(metric, real, fake, degraded(fake, draw), stream(draw))
    return interval(metric, real, fake, stream(draw))


def run(cell: Cell) -> dict[str, dict[str, float]]:
    """What came of a cell, by value."""
    found: dict[str, list[Estimate]] = defaultdict(list)
    refused = 0
    for draw in range(cell.draws):
        try:
            for name, estimate in estimates(cell, draw).items():
                found[name].append(estimate)
        except MetricError:
            refused += 1
    return {name: summary(each) for name, each in found.items()} or {"refused": {"draws": refused}}


def summary(found: list[Estimate]) -> dict[str, float]:
    """Numbers of one value."""
    values = np.array([each.value for each in found])
    intervals = [each.interval for each in found if each.interval is not None]
    truth, spread = float(values.mean()), float(values.std())
    low, high = (np.array([getattr(x, end) for x in intervals]) for end in ("low", "high"))
    error = float(np.sqrt(np.mean([x.standard_error**2 for x in intervals])))
    rounding = 1e-9 * max(1.0, abs(truth))
    return {
        "draws": len(values),
        "truth": truth,
        "sd": spread,
        "ratio": error / spread if spread else 0.0,
        "held": float(np.mean((low <= truth + rounding) & (truth - rounding <= high))),
        "too_high": float(np.mean(truth + rounding < low)),
        "too_low": float(np.mean(truth - rounding > high)),
        "no_width": float(np.mean(low == high)),
        "width": float(np.mean(high - low)),
        "few_groups": float(np.mean(["few-groups" in x.cautions for x in intervals])),
        "near_bound": float(np.mean(["near-bound" in x.cautions for x in intervals])),
        "none": 1 - len(intervals) / len(values),
    }


def table(results: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    """One line a cell: shares of intervals that hold the truth; a star where most are flagged."""
    yield "| cell | draws | held |"
    yield "|---|---|---|"
    for name, values in results.items():
        draws = max(int(x["draws"]) for x in values.values())
        held = [
            f"{value} {x['held']:.3f}{'*' * (max(x['few_groups'], x['near_bound']) > 0.5)}"
            for value, x in values.items()
            if value != "refused"
        ]
        yield f"| {name} | {draws} | {', '.join(held) or 'no interval'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=170.0)
    parser.add_argument("--only", default="", help="part of a cell's name")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--table", action="store_true", help="print what there is, run nothing")
    arguments = parser.parse_args()
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    end = time.monotonic() + (0 if arguments.table else arguments.seconds)
    for cell in cells():
        if cell.name in results or arguments.only not in cell.name:
            continue
        if time.monotonic() > end:
            break
        with one_blas_thread():
            results[cell.name] = run(cell)
        for value, x in results[cell.name].items():
            print(
                f"{cell.name:50s} {value:12s}", {k: round(v, 3) for k, v in x.items()}, flush=True
            )
        arguments.out.write_text(json.dumps(results, indent=1) + "\n")
    print("\n".join(table(results)) if arguments.table else f"{len(results)} cells")


if __name__ == "__main__":
    main()
