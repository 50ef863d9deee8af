"""The battery over every registered metric, and over metrics that break their promises."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics import METRICS, SUMMARIES
from anyres_bench.metrics.contract import Sample, check_description, check_metric
from anyres_bench.metrics.metric import (
    BankMetric,
    Metric,
    metric_from,
    needs_held_out,
    required,
    strata_kind,
)
from anyres_bench.metrics.prdc import prdc

IDENTICAL: dict[str, dict[str, float]] = {
    "ap": {"ap": 0.5, "auc": 0.5},
    "authpct": {"authpct": 0.0},
    "cmmd": {"cmmd": 0.0},
    "density-coverage": {"density": 1.0, "coverage": 1.0},
    "detector-accuracy": {"accuracy": 0.5},
    "frechet-ddof0": {"frechet": 0.0},
    "frechet": {"frechet": 0.0},
    "prdc-inclusive-k4": {"precision": 1.0, "recall": 1.0, "density": 1.25, "coverage": 1.0},
    "mind-directions16": {"mind": 0.0},
    "octave-distance": {"octave_distance": 0.0},
    "precision-recall": {"precision": 1.0, "recall": 1.0},
    "repetition": {"repetition": 0.0},
    "scale-frechet": {"frechet_area": 0.0, "frechet_worst": 0.0, "frechet_fall": 0.0},
    "scale-precision-recall": {"precision_worst": 1.0, "recall_area": 1.0, "recall_fall": 0.0},
    "seams": {"seam_excess": 0.0},
}
CELLS = {
    "layout": {"cells": 0.0, "joint": 0.0},
    "self-similarity": {"similarity_excess": 0.0},
}


OTHERS = [
    "compression-ratio",
    "consistency",
    "aspect-frechet",
    "copy-rate",
    "copying-cells2",
    "detectability-permutations5",
    "detector-transfer-folds2",
    "effective-resolution",
    "equivariance",
    "fd-infinity-points4",
    "glcm",
    "fd-infinity-groups-points3",
    "inception-score",
    "kid",
    "kid-subsets-n3-size50",
    "lpips",
    "overlap",
    "prdc",
    "psnr",
    "self-ssim",
    "ssim",
    "scale-kid",
    "vendi",
]


# Intervals of these take seconds, and the battery makes eight.
COSTLY = ["copying-cells2", "detector-transfer-folds2", "layout"]
SMALLER = {
    "aspect-frechet": Sample(n=24),
    "authpct": Sample(n=24),
    "copy-rate": Sample(n=24),
    "detectability-permutations5": Sample(n=32),
    "effective-resolution": Sample(n=24),
    "fd-infinity-groups-points3": Sample(n=24),
    "fd-infinity-points4": Sample(n=24),
    "mind-directions16": Sample(n=24),
    "octave-distance": Sample(n=24),
    "scale-frechet": Sample(n=24),
    "scale-kid": Sample(n=24),
    "scale-precision-recall": Sample(n=24),
    "self-similarity": Sample(n=24, dim=32),
}
"""Fewer rows for what has many strata or many subsets; `make test-slow` shows them all rows."""


def named(names: Iterable[str]) -> list[object]:
    return [pytest.param(n, marks=[pytest.mark.slow] if n in COSTLY else []) for n in names]


@pytest.mark.parametrize("name", named([*IDENTICAL, *OTHERS]))
def test_contract(name: str) -> None:
    check_metric(metric_from(name), IDENTICAL.get(name), SMALLER.get(name, Sample()))


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLER)
def test_contract_of_all_rows(name: str) -> None:
    sample = dataclasses.replace(SMALLER[name], n=Sample().n)
    check_metric(metric_from(name), (IDENTICAL | CELLS).get(name), sample)


@pytest.mark.parametrize("name", named(CELLS))
def test_contract_of_what_reads_cells(name: str) -> None:
    check_metric(metric_from(name), CELLS[name], SMALLER.get(name, Sample(dim=32)))


@pytest.mark.parametrize("name", COSTLY)
def test_values_of_costly_metrics_depend_on_no_order(name: str) -> None:
    metric = metric_from(name)
    check_description(metric)
    real, fake = (bank(metric, side) for side in (0, 1))
    values = metric.finish(real, fake, stream(1))
    for ranked in metric.higher_is_better:
        low, high = metric.bounds[ranked]
        assert low <= values[ranked] <= high
    turned = (reversed_rows(side) for side in (real, fake))
    assert metric.finish(*turned, stream(1)) == values
    with pytest.raises(MetricError):
        metric.finish(FeatureBank.empty(), FeatureBank.empty(), stream(1))


def bank(metric: Metric, side: int) -> FeatureBank:
    """Rows of one side, two a group, at two sizes or with held-out ones where it wants them."""
    index = np.arange(24)
    rows = stream(side).normal((48, metric.dim or 32)).astype(np.float32) + np.float32(side / 2)
    parts = [FeatureBank(index, first + index // 2, rows[first : first + 24]) for first in (0, 24)]
    if strata_kind(metric) == "sizes":
        return FeatureBank.of_strata(dict(zip(("64", "128"), parts, strict=True)))
    if side == 0 and needs_held_out(metric):
        return FeatureBank.of_strata(dict(zip(("real", "held-out"), parts, strict=True)))
    return parts[0]


def reversed_rows(whole: FeatureBank) -> FeatureBank:
    """The bank put together from its last row to its first."""
    parts = [whole.subset(np.array([row])) for row in range(len(whole))]
    return functools.reduce(operator.add, reversed(parts))


def test_every_registered_metric_is_held_to_the_contract() -> None:
    tested = {metric_from(name).name for name in [*IDENTICAL, *OTHERS, *CELLS]}
    assert tested == set(METRICS) | set(SUMMARIES)


@dataclasses.dataclass(frozen=True)
class Good(BankMetric):
    name: ClassVar[str] = "good"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"good": (0, np.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"good": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        if not len(fake):
            raise MetricError("no images")
        return {"good": float(np.abs(required(real).features().mean() - fake.features().mean()))}


class ForgetsToSort(Good):
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"good": (0, np.inf), "first": (-9, 9)}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        if not fake._parts:
            raise MetricError("no images")
        first = float(fake._parts[0][2][0, 0])
        return {**super().finish(real, fake, rng), "first": first}


class KeepsState(Good):
    calls: ClassVar[list[int]] = []

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        self.calls.append(1)
        return {"good": float(len(self.calls))}


class GivesNan(Good):
    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        return super().finish(real, fake, rng) | {"spread": float("nan")}


class GivesNumpy(Good):
    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, Any]:
        return {"good": np.float64(super().finish(real, fake, rng)["good"])}


class AcceptsNothing(Good):
    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        return {"good": super().finish(real, fake, rng)["good"] if len(fake) else 0.0}


class ForgetsAValue(Good):
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"good": (0, 1), "better": (0, 1)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"good": False, "better": True}


class LeavesItsBounds(Good):
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"good": (0, 0.125)}


class StatesNoBounds(Good):
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {}


class StatesNoBoundsOfAll(Good):
    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        return super().finish(real, fake, rng) | {"spread": 1.0}


@dataclasses.dataclass(frozen=True)
class DoesNotSayWhetherItIsSmooth(BankMetric):
    name: ClassVar[str] = "good"
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"good": (0, np.inf)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"good": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        return {"good": 0.0}


class HasNoIntervals(Good):
    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        if len(fake) != 120:
            raise MetricError("no images")
        return super().finish(real, fake, rng)


class Counts(Good):
    """Says that it is smooth, and counts neighbours."""

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        a, b = required(real).features(), fake.features()
        return {"good": prdc(a, b, 3, "inclusive")["precision"]}


class HasNoDirection(Good):
    higher_is_better: ClassVar[Mapping[str, bool]] = {}


class WritesToFeatures(Good):
    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        values = super().finish(real, fake, rng)
        fake.features()[:] = 0
        return values


def test_a_good_metric_passes() -> None:
    check_metric(Good(), {"good": 0.0})


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (ForgetsToSort(), "reverse order"),
        (KeepsState(), "the same call twice"),
        (GivesNan(), "spread is nan"),
        (GivesNumpy(), "expected a finite float"),
        (AcceptsNothing(), "no images at all"),
        (ForgetsAValue(), "gives no better, which should rank"),
        (LeavesItsBounds(), "outside its bounds 0 to 0.125"),
        (StatesNoBounds(), "the bounds of good are nan"),
        (StatesNoBoundsOfAll(), "states no bounds of spread"),
        (DoesNotSayWhetherItIsSmooth(), "it lacks smooth"),
        (HasNoIntervals(), "no interval of good"),
        (Counts(), "comes twice, so single neighbours count: say smooth = False"),
        (HasNoDirection(), "no value has a direction"),
        (object(), "it lacks name, id, needs_real, dim, smooth, bounds, higher_is_better of"),
    ],
)
def test_a_broken_metric_does_not(broken: Any, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        check_metric(broken)


def test_a_wrong_value_of_identical_sets_is_noticed() -> None:
    with pytest.raises(MetricError, match="of identical sets"):
        check_metric(Good(), {"good": 1.0})
    with pytest.raises(ValueError, match="read-only"):
        check_metric(WritesToFeatures())


@pytest.mark.parametrize("name", ["authpct", "density-coverage", "prdc", "precision-recall"])
def test_metrics_that_count_neighbours_say_so(name: str) -> None:
    metric = metric_from(name)
    assert not metric.smooth
    object.__setattr__(metric, "smooth", True)
    with pytest.raises(MetricError, match="say smooth = False"):
        check_metric(metric)


@dataclasses.dataclass(frozen=True)
class FakesAlone:
    """A metric of a package of its own, which looks at the model's images alone."""

    name: str = "spread"
    id: str = "spread"
    needs_real: bool = False
    dim: None = None
    smooth: bool = True
    bounds: Mapping[str, tuple[float, float]] = dataclasses.field(
        default_factory=lambda: {"spread": (0.0, np.inf)}
    )
    higher_is_better: Mapping[str, bool] = dataclasses.field(
        default_factory=lambda: {"spread": True}
    )

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        assert real is None
        if len(fake) < 2:
            raise MetricError("no spread of fewer than two images")
        return {"spread": float(fake.features().std())}


def test_a_metric_needs_no_base_class_of_ours() -> None:
    metric: Metric = FakesAlone()
    check_metric(metric)
