"""Names of metrics, and the battery over every one that is registered."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError, UnknownNameError
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.features.stats import FeatureBank, Moments
from anyres_bench.metrics import METRICS
from anyres_bench.metrics.contract import check_metric
from anyres_bench.metrics.frechet import frechet_distance, frechet_from_moments
from anyres_bench.metrics.metric import (
    BankMetric,
    Batch,
    KeepMoments,
    Metric,
    metric_from,
    required,
)

# What is known of two identical sets; detectability has its own test.
IDENTICAL: dict[str, dict[str, float]] = {
    "ap": {"ap": 0.5, "auc": 0.5},
    "authpct": {"authpct": 0.0},
    "density-coverage": {"density": 1.0, "coverage": 1.0},
    "detector-accuracy": {"accuracy": 0.5},
    "frechet-ddof0": {"frechet": 0.0},
    "frechet": {"frechet": 0.0},
    "prdc-inclusive-k4": {"precision": 1.0, "recall": 1.0, "density": 1.25, "coverage": 1.0},
    "precision-recall": {"precision": 1.0, "recall": 1.0},
}
OTHERS = [
    "detectability-permutations5",
    "fd-infinity-points4",
    "inception-score",
    "kid",
    "kid-subsets-n3-size50",
    "prdc",
    "vendi",
]


@pytest.mark.parametrize("name", [*IDENTICAL, *OTHERS])
def test_contract(name: str) -> None:
    check_metric(metric_from(name), IDENTICAL.get(name))


def test_every_registered_metric_is_held_to_the_contract() -> None:
    tested = {metric_from(name).name for name in [*IDENTICAL, *OTHERS]}
    assert tested == set(METRICS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("frechet", "frechet-ddof1"),
        ("frechet-ddof0", "frechet-ddof0"),
        ("kid", "kid"),
        ("kid-subsets", "kid-subsets-n100-size1000"),
        ("kid-subsets-size50", "kid-subsets-n100-size50"),
        ("precision-recall", "precision-recall-k3-inclusive"),
        ("precision-recall-strict-k5", "precision-recall-k5-strict"),
        ("density-coverage", "density-coverage-k5-strict"),
        ("fd-infinity", "fd-infinity-points15-ddof1"),
        ("inception-score-splits1", "inception-score-splits1"),
        ("detectability", "detectability-folds5-permutations199"),
    ],
)
def test_ids_are_complete_and_read_back(text: str, expected: str) -> None:
    metric = metric_from(text)
    assert metric.id == expected
    assert metric_from(metric.id) == metric


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frechett", "unknown metric 'frechett'; did you mean frechet"),
        ("fid", "unknown metric 'fid'"),
        ("", "unknown metric ''"),
        ("frechet-ddof2", "no option 'ddof2'; did you mean ddof"),
        ("frechet-ddof01", "no option 'ddof01'"),
        ("precision-recall-k0", "no option 'k0'"),
        ("precision-recall-k5-lenient", "no option 'lenient'"),
        ("precision-recall-k5-k6", "given 'k' twice"),
        ("precision", "did you mean precision-recall"),
        ("vendi-q2", "it has no options"),
        ("kid-", "no option ''"),
    ],
)
def test_unknown_names_and_options_fail_with_the_nearest(text: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        metric_from(text)


def test_the_real_side_is_required_where_it_is_compared() -> None:
    bank = FeatureBank([0, 1], [0, 1], np.eye(2, dtype=np.float32))
    assert required(bank) is bank
    for name in METRICS:
        metric = metric_from(name)
        if metric.needs_real:
            with pytest.raises(MetricError, match="real images"):
                metric.finish(None, bank, stream(0))


# --- broken metrics must not pass the battery -------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Good(BankMetric):
    name: ClassVar[str] = "good"
    higher_is_better: ClassVar[Mapping[str, bool]] = {"good": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        if not len(fake):
            raise MetricError("no images")
        return {"good": float(np.abs(required(real).features().mean() - fake.features().mean()))}


class ForgetsToSort(Good):
    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        if not fake._parts:
            raise MetricError("no images")
        return {"good": float(fake._parts[0][2][0, 0])}


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
    higher_is_better: ClassVar[Mapping[str, bool]] = {"good": False, "better": True}


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
        (ForgetsAValue(), "does not return"),
        (HasNoDirection(), "no value has a direction"),
        (object(), "lacks an attribute"),
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


# --- another state ---------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class StreamingFrechet:
    """A metric of sums, as a plug-in for streams too large to keep would write it."""

    name: str = "streaming-frechet"
    id: str = "streaming-frechet-ddof1"
    needs: KeepMoments = dataclasses.field(default_factory=KeepMoments)
    needs_real: bool = True
    smooth: bool = True
    dim: None = None
    higher_is_better: Mapping[str, bool] = dataclasses.field(
        default_factory=lambda: {"frechet": False}
    )

    def finish(self, real: Moments | None, fake: Moments, rng: Stream) -> dict[str, float]:
        assert real is not None
        return {"frechet": frechet_from_moments(real, fake)}


def test_metrics_of_moments_fit_the_same_contract() -> None:
    metric: Metric[Moments] = StreamingFrechet()
    check_metric(metric, {"frechet": 0.0})
    rng = np.random.default_rng(3)
    rows = [rng.standard_normal((60, 5)).astype(np.float32) + shift for shift in (0, 0.2)]
    states = []
    for side, features in zip(("real", "fake"), rows, strict=True):
        state = metric.needs.start()
        for part in np.split(np.arange(60), 6):
            batch = Batch(side, part, part, features[part])  # type: ignore[arg-type]
            state = metric.needs.update(state, batch)
        states.append(state)
    got = metric.finish(states[0], states[1], stream(0))["frechet"]
    assert got == pytest.approx(frechet_distance(*rows), rel=1e-12)
