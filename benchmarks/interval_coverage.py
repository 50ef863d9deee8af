"""Do 95 % intervals hold the expectation 95 % of the time? Simulation with a known truth.

    python -m benchmarks.interval_coverage [--seconds 170] [--only NAME] [--table]

Features are Gaussian: one row an image, four rows an image that share most of their variation, as
many whose numbers fall like one over the rank (the largest image has a quarter of the rows), or one
image with six tenths of all rows. Worlds put the fakes where the reals are, beside them, far away,
inside them or around them, so that every value is also seen near its bounds. Metrics that read an
extractor's own columns (scores, spectra, pairs of views) get these, made of Gaussian numbers.

The truth is the mean of the value over the draws: the expectation at these numbers of rows, which
is what an interval is about (its own error adds less than 0.001 to the misses). `ratio` is the root
mean square of the standard errors over the standard deviation of the value, `few_groups`,
`near_bound` and `several_windows` the shares of intervals with that caution, `none` the share of
draws without one.

Cells that are in `results/interval_coverage.json` are not run again; a call ends after --seconds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from anyres_bench.core.errors import MetricError
from anyres_bench.core.files import atomic_write
from anyres_bench.core.seeds import stream
from anyres_bench.core.threads import one_blas_thread
from anyres_bench.features.spectrum import EDGES, N_BANDS
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.texture import GLCM_COLUMNS
from anyres_bench.metrics.intervals import Estimate, interval, paired_difference
from anyres_bench.metrics.metric import metric_from, needs_held_out, strata_kind

OUT = Path(__file__).parent / "results" / "interval_coverage.json"
Rows = NDArray[np.float64]
Values = dict[str, dict[str, float]]  # value -> what was found of it

WORLDS = {  # shift and scale of the fakes
    "equal": (0.0, 1.0),
    "near": (0.3, 1.0),
    "beside": (0.7, 1.0),
    "far": (2.0, 1.0),
    "inside": (0.0, 0.3),
    "around": (0.0, 3.0),
}
SHARED = 0.8  # of the variance, by the rows of one image
LOWEST, HIGHEST = 0.92, 0.98  # what the share of 95 % intervals that hold the truth should be
DRAWS = {16: 400, 64: 400, 120: 200, 256: 200, 1000: 100}

AT_64 = ((64, "single"),)
SOME = (*AT_64, (16, "single"), (256, "falling"), (1000, "single"))
FEW = (*AT_64, (256, "fours"))
FOURS = ((64, "fours"), (256, "fours"))
HARD = ((256, "one of six tenths"), (120, "three images"), (120, "six images"))


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
    draws: int
    pair: bool = False

    @property
    def title(self) -> str:
        """Of the metric and the world."""
        return f"{'difference of ' if self.pair else ''}{self.metric}, {self.world}"

    @property
    def name(self) -> str:
        """Of the cell in the results."""
        return f"{self.title}, n={self.n}, {self.images}"


@dataclass(frozen=True)
class Plan:
    """Cells of some metrics.

    Attributes:
        share: of the usual number of draws, for metrics that take their time.
    """

    metrics: tuple[str, ...]
    worlds: tuple[str, ...]
    sizes: tuple[tuple[int, str], ...]
    share: float = 1.0
    pair: bool = False

    def cells(self) -> Iterator[Cell]:
        """Size by size, so that a call that is stopped has something of all."""
        for n, images in self.sizes:
            for metric in self.metrics:
                for world in self.worlds:
                    draws = round(DRAWS[n] * self.share)
                    yield Cell(metric, world, n, images, draws, self.pair)


MEANS = ("compression-ratio", "equivariance", "glcm", "lpips", "overlap", "psnr", "self-ssim")
ALL_WORLDS = ("inside", "around", "equal", "beside", "far")
PLANS = (
    Plan(("prdc",), ("near",), AT_64, pair=True),
    Plan(("consistency",), ("equal", "beside"), AT_64),
    Plan(("octave-distance",), ("equal",), AT_64),
    Plan(("prdc",), ALL_WORLDS, AT_64),
    Plan(("kid", "frechet"), ("equal", "beside"), SOME[:2]),
    Plan(("detectability-permutations1",), ("equal",), AT_64, 0.4),
    Plan(("prdc",), ("equal", "inside"), ((16, "single"),)),
    Plan(MEANS, ("equal",), AT_64, 0.5),
    Plan(("ssim-rgb", "repetition", "seams", "effective-resolution"), ("beside",), AT_64, 0.5),
    Plan(("ap", "detector-accuracy"), ("far",), AT_64),
    Plan(("vendi", "inception-score-splits2"), ("equal",), AT_64),
    Plan(("authpct", "mind-directions50", "cmmd"), ("equal",), AT_64, 0.5),
    Plan(("prdc", "kid", "frechet"), ("beside",), HARD),
    Plan(("prdc",), ("inside", "equal", "beside"), ((1000, "single"), (256, "falling"))),
    Plan(("kid", "frechet"), ("equal", "beside"), SOME[2:]),
    Plan(("layout", "copying-cells2", "detector-transfer"), ("beside",), AT_64, 0.1),
    Plan(("self-similarity", "copy-rate"), ("beside",), AT_64, 0.3),
    Plan(("scale-frechet", "aspect-frechet"), ("beside",), AT_64, 0.2),
    Plan(("fd-infinity-points5",), ("equal", "beside"), FEW, 0.5),
    Plan(("fd-infinity-groups-points5",), ("equal", "beside"), FOURS, 0.25),
    Plan(("kid-subsets-n10-size40",), ("equal",), AT_64, 0.2),
    Plan(("prdc",), ALL_WORLDS[2:] + ALL_WORLDS[:1], FOURS[:1]),
    Plan(("kid", "frechet"), ("near",), AT_64, pair=True),
    Plan(("ap", "detector-accuracy"), ("far",), SOME[1:], 0.6),
    Plan(("vendi", "inception-score-splits2"), ("equal",), SOME[1:], 0.6),
    Plan(("authpct", "mind-directions50", "cmmd"), ("equal", "beside"), SOME[1:], 0.5),
    Plan((*MEANS, "ssim-rgb"), ("equal",), ((16, "single"), (1000, "single")), 0.5),
    Plan(("consistency", "ap", "psnr", "authpct"), ("near",), FEW, 0.6, pair=True),
    Plan(("detectability-permutations1",), ("equal", "beside"), ((256, "fours"),), 0.5),
    Plan(("prdc", "kid", "frechet"), ("near",), ((256, "fours"), (1000, "single")), pair=True),
    Plan(("prdc",), ALL_WORLDS, ((256, "single"), (1000, "fours"))),
    Plan(("kid", "frechet"), ("equal", "beside"), FOURS),
    Plan(("ap",), ("beside",), AT_64),
    Plan(("prdc",), ALL_WORLDS, ((16, "single"),)),
    Plan(("vendi", "inception-score-splits2"), ("inside",), SOME, 0.6),
    Plan(("consistency", "octave-distance", "effective-resolution"), ("beside",), SOME, 0.3),
    Plan(("self-similarity", "copy-rate", "scale-frechet"), ("equal",), FOURS[1:], 0.4),
    Plan(("detectability-permutations1", "scale-prdc"), ("equal",), ((1000, "single"),), 0.5),
)


def cells() -> Iterator[Cell]:
    """All cells, each once."""
    named: dict[str, Cell] = {}
    for cell in (cell for plan in PLANS for cell in plan.cells()):
        named.setdefault(cell.name, cell)
    yield from named.values()


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


def spectra(z: Rows) -> Rows:
    """(n, 20) log10 power: falls with frequency; a shift takes detail, an image has its own."""
    detail = np.log2(EDGES[1:]) + 4
    bands = 0.05 * np.sin(37 * np.arange(1, N_BANDS + 1) * (1 + z[:, 2:3]))
    return np.asarray(2 - 0.5 * detail + 0.4 * z[:, :1] - 0.1 * detail * z[:, 1:2] + bands)


def squashed(z: Rows) -> Rows:
    """Into (0, 1), one half at 1."""
    return np.asarray(1 / (1 + np.exp(1 - z)))


@dataclass(frozen=True)
class Look:
    """What an extractor makes of Gaussian numbers.

    Attributes:
        dim: of these.
        columns: (n, dim) to (n, columns).
    """

    dim: int = 4
    columns: Callable[[Rows], Rows] = lambda z: z


LOOKS: Mapping[str, Look] = {
    "ap": Look(1),
    "compression-ratio": Look(1, lambda z: np.hstack([np.exp(0.3 * z), 9 + 0 * z])),
    "consistency": Look(
        3, lambda z: np.stack([np.tanh(1 + 0.5 * z[:, 0]), 30 + 4 * z[:, 1], z[:, 2]], axis=1)
    ),
    "copy-rate": Look(2),
    "copying": Look(2),
    "detector-accuracy": Look(1, squashed),
    "effective-resolution": Look(3, spectra),
    "equivariance": Look(1, lambda z: np.hstack([np.exp(z - 4), 1 + 0 * z])),
    "glcm": Look(1, lambda z: np.tile(squashed(z), len(GLCM_COLUMNS))),
    "inception-score": Look(8),
    "layout": Look(32),
    "lpips": Look(1, lambda z: np.exp(0.5 * z - 1)),
    "octave-distance": Look(3, spectra),
    "overlap": Look(1, np.exp),
    "psnr": Look(1, lambda z: np.tile(30 + 4 * z, 4)),
    "repetition": Look(1, lambda z: np.tanh(0.2 + 0.1 * z)),
    "seams": Look(2, lambda z: np.log1p(np.exp(z))),
    "self-similarity": Look(32),
    "self-ssim": Look(1, lambda z: squashed(3 + z)),
    "ssim": Look(1, lambda z: np.tile(1 - np.exp(-3 - z), 4)),
}


def side(cell: Cell, world: str, draw: int, who: str, degraded: bool = False) -> FeatureBank:
    """Rows of one side.

    Args:
        degraded: a little: what a second model does to shared positions.
    """
    metric = metric_from(cell.metric)
    look = LOOKS.get(getattr(metric, "of", metric).name, Look())
    rng = stream(0, "coverage", cell.n, cell.images, look.dim, who, draw)
    rows = sizes(cell.images, cell.n)
    group = np.repeat(np.arange(len(rows)), rows)
    shift, scale = WORLDS[world]

    def seen(common: Rows, shared: float) -> FeatureBank:
        z = shared**0.5 * common + (1 - shared) ** 0.5 * rng.normal((len(group), look.dim))
        z = scale * z + shift
        if degraded:
            z = 0.85 * z + 0.1 * stream(0, "degraded", cell.n, draw).normal(z.shape) + 0.1
        features = look.columns(z).astype(np.float32)
        return FeatureBank(np.arange(len(group)), group, features)

    common = rng.normal((len(rows), look.dim))[group]
    shared = 0.0 if cell.images == "single" else SHARED
    if strata_kind(metric):
        labels = ("1x1", "16x9") if strata_kind(metric) == "aspects" else ("64", "91", "128")
        return FeatureBank.of_strata({label: seen(common, SHARED) for label in labels})
    if who == "real" and needs_held_out(metric):
        others = seen(rng.normal((len(rows), look.dim))[group], shared)
        apart = FeatureBank(others.index, others.group + len(rows), others.features())
        return FeatureBank.of_strata({"real": seen(common, shared), "held-out": apart})
    return seen(common, shared)


def estimates(cell: Cell, draw: int) -> dict[str, Estimate]:
    """Intervals of one draw."""
    metric = metric_from(cell.metric)
    real = side(cell, "equal", draw, "real") if metric.needs_real else None
    fake = side(cell, cell.world, draw, "fake")
    if cell.pair:
        other = side(cell, cell.world, draw, "fake", degraded=True)
        return paired_difference(metric, real, fake, other, stream(draw))
    return interval(metric, real, fake, stream(draw))


def run(cell: Cell) -> Values:
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


def summary(found: Sequence[Estimate]) -> dict[str, float]:
    """Numbers of one value."""
    values = np.array([each.value for each in found])
    intervals = [each.interval for each in found if each.interval is not None]
    truth, spread = float(values.mean()), float(values.std())
    numbers = {"draws": len(values), "truth": truth, "sd": spread}
    numbers["none"] = 1 - len(intervals) / len(values)
    if intervals:
        low, high = (np.array([getattr(x, end) for x in intervals]) for end in ("low", "high"))
        error = float(np.sqrt(np.mean([x.standard_error**2 for x in intervals])))
        rounding = 1e-9 * max(1.0, abs(truth))
        numbers |= {
            "ratio": error / spread if spread else 0.0,
            "held": float(np.mean((low <= truth + rounding) & (truth - rounding <= high))),
            "too_high": float(np.mean(truth + rounding < low)),
            "too_low": float(np.mean(truth - rounding > high)),
            "no_width": float(np.mean(low == high)),
            "width": float(np.mean(high - low)),
            "few_groups": float(np.mean(["few-groups" in x.cautions for x in intervals])),
            "near_bound": float(np.mean(["near-bound" in x.cautions for x in intervals])),
            "several_windows": float(np.mean(["several-windows" in x.cautions for x in intervals])),
        }
    return {name: float(f"{number:.5g}") for name, number in numbers.items()}


def is_warned(numbers: Mapping[str, float]) -> bool:
    """Whether most intervals carry a caution."""
    cautions = ("few_groups", "near_bound", "several_windows")
    return max(numbers.get(name, 0.0) for name in cautions) > 0.5


def is_off(numbers: Mapping[str, float]) -> bool:
    """Whether the share that held lies outside what is promised, by more than chance explains.

    That is where a share at the edge of what is promised would lie as far out in less than one in
    forty simulations.
    """
    draws = round(numbers["draws"] * (1 - numbers["none"]))
    hits = round(numbers["held"] * draws)
    short = scipy.stats.binom.cdf(hits, draws, LOWEST)
    wide = scipy.stats.binom.sf(hits - 1, draws, HIGHEST)
    return bool(min(short, wide) < 0.025)


def overview(results: Mapping[str, Values]) -> Iterator[str]:
    """A line for each value of a metric: the range of shares that held, with and without caution.

    Then a line for each that lies outside what is promised and carries no caution.
    """
    known = {cell.name: cell for cell in cells()}
    lines: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    off = []
    for name, values in results.items():
        cell = known[name]
        for value, numbers in values.items():
            if "held" not in numbers:
                continue
            kind = "difference of " if cell.pair else ""
            lines[kind + cell.metric, value].append(numbers)
            if is_off(numbers) and not is_warned(numbers):
                off.append(f"| {name}: {value} | {numbers['held']:.3f} | {numbers['draws']:.0f} |")
    yield "| metric | value | cells | held, no caution | held, with a caution |"
    yield "|---|---|---|---|---|"
    for (metric, value), found in sorted(lines.items()):
        plain = [x["held"] for x in found if not is_warned(x)]
        warned = [x["held"] for x in found if is_warned(x)]
        yield f"| {metric} | {value} | {len(found)} | {_range(plain)} | {_range(warned)} |"
    yield from ("", "| outside, without a caution | held | draws |", "|---|---|---|", *sorted(off))


def _range(held: Sequence[float]) -> str:
    if not held:
        return ""
    low, high = f"{min(held):.3f}", f"{max(held):.3f}"
    return low if low == high else f"{low} to {high}"


def text_of(results: Mapping[str, Values]) -> str:
    """JSON, one value a line."""
    of_cells = []
    for name, values in results.items():
        lines = ",\n  ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in values.items())
        of_cells.append(f" {json.dumps(name)}: {{\n  {lines}\n }}")
    return "{\n" + ",\n".join(of_cells) + "\n}\n"


def main() -> None:
    """Run what is missing, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=170.0)
    parser.add_argument("--only", default="", help="part of a cell's name")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--table", action="store_true", help="print what there is, run nothing")
    arguments = parser.parse_args()
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    if arguments.table:
        print("\n".join(overview(results)))
        return
    missing = [x for x in cells() if x.name not in results and arguments.only in x.name]
    end = time.monotonic() + arguments.seconds
    for cell in missing:
        if time.monotonic() > end:
            break
        with one_blas_thread():
            results[cell.name] = run(cell)
        for value, x in results[cell.name].items():
            print(f"{cell.name:50s} {value:18s}", x, flush=True)
        with atomic_write(arguments.out, "w") as file:
            file.write(text_of(results))
    print(f"{len(results)} cells of {len([*cells()])}")


if __name__ == "__main__":
    main()
