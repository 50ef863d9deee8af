"""Do 95 % intervals hold the expectation 95 % of the time? Simulation with a known truth.

    python -m benchmarks.interval_coverage [--draws 400]

Features are Gaussian, alone or in groups of four that share most of their variation, as patches of
one image do. The truth is the mean of the metric over ten times as many independent draws of both
sides: the expectation at these numbers of rows, which is what the interval is about. `error ratio`
is the root mean square of the standard errors over the true standard deviation of the value.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.intervals import Estimate, interval, paired_difference
from anyres_bench.metrics.metric import metric_from

METRICS = ("frechet", "kid", "precision-recall", "density-coverage", "fd-infinity-points5", "vendi")
PAIRED = ("frechet", "kid", "precision-recall", "density-coverage")
DIM, TRUTH_DRAWS = 8, 10

# The value of a metric, and its interval, as functions of the number of the draw.
Value = Callable[[int], Mapping[str, float]]
Estimates = Callable[[int], Mapping[str, Estimate]]


@dataclass(frozen=True)
class World:
    """How rows are drawn: `n` of them, in groups that share the part `shared` of the variance."""

    n: int
    per_group: int
    shared: float

    def __str__(self) -> str:
        return f"{self.n} rows, groups of {self.per_group}"

    def draw(self, shift: float, *label: object) -> FeatureBank:
        rng = stream(0, "coverage", self.n, self.per_group, *label)
        index = np.arange(self.n)
        group = index // self.per_group
        common = rng.normal((self.n // self.per_group, DIM))[group]
        own = rng.normal((self.n, DIM))
        rows = self.shared**0.5 * common + (1 - self.shared) ** 0.5 * own + shift
        return FeatureBank(index, group, rows.astype(np.float32))

    def degraded(self, bank: FeatureBank, *label: object) -> FeatureBank:
        """The same rows, a little blurred: what a second model does to shared positions."""
        noise = stream(0, "degraded", self.n, self.per_group, *label).normal((self.n, DIM))
        rows = 0.85 * bank.features() + 0.1 * noise + 0.1
        return FeatureBank(bank.index, bank.group, rows.astype(np.float32))


def one(world: World, name: str) -> tuple[Value, Estimates]:
    """One model."""
    metric = metric_from(name)

    def sides(i: int) -> tuple[FeatureBank, FeatureBank]:
        return world.draw(0.0, "real", i), world.draw(0.3, "fake", i)

    return (
        lambda i: metric.finish(*sides(i), stream(0, i)),
        lambda i: interval(metric, *sides(i), stream(0, i)),
    )


def pair(world: World, name: str) -> tuple[Value, Estimates]:
    """The difference of two models that share their latents."""
    metric = metric_from(name)

    def sides(i: int) -> tuple[FeatureBank, FeatureBank, FeatureBank]:
        fake = world.draw(0.3, "fake", i)
        return world.draw(0.0, "real", i), fake, world.degraded(fake, i)

    def value(i: int) -> dict[str, float]:
        real, a, b = sides(i)
        values = [metric.finish(real, fake, stream(0, i)) for fake in (a, b)]
        return {key: values[0][key] - values[1][key] for key in values[0]}

    return value, lambda i: paired_difference(metric, *sides(i), stream(0, i))


def report(title: str, n_draws: int, value: Value, estimate: Estimates) -> None:
    estimates = [estimate(i) for i in range(n_draws)]
    intervals = [{k: e.interval for k, e in found.items()} for found in estimates]
    values = [value(-1 - i) for i in range(TRUTH_DRAWS * n_draws)]
    for name in intervals[0]:
        sample = np.array([v[name] for v in values])
        truth, spread = sample.mean(), sample.std()
        held = np.mean([x[name].low <= truth <= x[name].high for x in intervals])
        error = np.sqrt(np.mean([x[name].standard_error ** 2 for x in intervals]))
        doubt = np.sqrt(held * (1 - held) / n_draws)
        print(
            f"{title:54s} {name:12s} truth {truth:8.4f}  sd {spread:7.4f}  "
            f"error ratio {error / spread:4.2f}  held {100 * held:5.1f} +- {100 * doubt:.1f} %",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=200)
    n_draws = parser.parse_args().draws
    for world in (World(200, 1, 0.0), World(400, 4, 0.8)):
        for name in METRICS:
            report(f"{name}, {world}", n_draws, *one(world, name))
        for name in PAIRED:
            report(f"difference of two: {name}, {world}", n_draws, *pair(world, name))


if __name__ == "__main__":
    main()
