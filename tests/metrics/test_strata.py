"""Summaries over canvas sizes and shapes: known curves, and intervals of whole curves."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError, UnknownNameError, UsageError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.frechet import frechet_distance
from anyres_bench.metrics.measuring import difference, measure
from anyres_bench.metrics.metric import metric_from
from anyres_bench.metrics.strata import scale_summary

SIZES = (64, 91, 128, 181)


def bank(seed: int, shifts: dict[str, float], n: int = 80, dim: int = 3) -> FeatureBank:
    """One row a group and stratum; the rows of a group are alike at all strata."""
    shared = stream(seed, "shared").normal((n, dim))
    rows = np.arange(n)
    banks = {}
    for label, shift in shifts.items():
        own = stream(seed, "own", label).normal((n, dim))
        banks[label] = FeatureBank(rows, rows, (0.8 * shared + 0.6 * own + shift).astype("f4"))
    return FeatureBank.of_strata(banks)


FLAT = {str(size): 0.0 for size in SIZES}
FALLING = {str(size): 0.4 * k for k, size in enumerate(SIZES)}


def test_the_area_of_a_constant_is_the_constant_and_nothing_falls() -> None:
    found = scale_summary(SIZES, [2.0] * 4, higher=False)
    assert found == pytest.approx({"area": 2, "worst": 2, "worst_size": 64, "fall": 0})


def test_a_line_in_octaves_has_its_middle_as_area_and_its_slope_as_fall() -> None:
    found = scale_summary(SIZES, [3 * np.log2(size) for size in SIZES], higher=False)
    assert found["area"] == pytest.approx(3 * np.log2(64 * 181) / 2)
    assert found["fall"] == pytest.approx(3)
    assert (found["worst"], found["worst_size"]) == (3 * np.log2(181), 181)


def test_of_a_value_that_should_be_high_the_lowest_is_worst() -> None:
    found = scale_summary([64, 128, 256], [0.9, 0.4, 0.6], higher=True)
    assert (found["worst"], found["worst_size"]) == (0.4, 128)
    assert found["fall"] == pytest.approx(0.5)


def test_sizes_may_come_in_any_order() -> None:
    """A record has them as its keys sort: 128 before 64."""
    metric = metric_from("scale-frechet")
    found = [
        difference(
            metric, *(bank(i, order(shifts)) for i, shifts in enumerate((FLAT, FALLING, FLAT))), 0
        )
        for order in (dict, lambda shifts: dict(sorted(shifts.items())))
    ]
    assert found[0]["frechet_area"].value == pytest.approx(found[1]["frechet_area"].value)


@pytest.mark.parametrize("sizes", [[64], [128, 64], [64, 64]])
def test_what_is_no_curve(sizes: list[int]) -> None:
    with pytest.raises(MetricError, match="two or more sizes that grow"):
        scale_summary(sizes, [1.0] * len(sizes), higher=False)


def test_values_at_sizes_are_those_of_the_metric_itself() -> None:
    real, fake = bank(1, FLAT), bank(2, FALLING)
    values = measure(metric_from("scale-frechet"), real, fake, 0).values
    for label, of_real in real.strata().items():
        direct = frechet_distance(of_real.features(), fake.strata()[label].features())
        assert values[f"frechet@{label}"] == direct
    assert values["frechet_worst"] == max(values[f"frechet@{size}"] for size in SIZES)


@pytest.mark.parametrize("name", ["scale-frechet", "scale-kid"])
def test_a_model_that_degrades_has_more_area_and_its_largest_size_is_worst(name: str) -> None:
    metric, real = metric_from(name), bank(1, FLAT)
    steady, falling = (measure(metric, real, bank(2, shifts), 0) for shifts in (FLAT, FALLING))
    value = name.removeprefix("scale-")
    assert falling.values[f"{value}_area"] > steady.values[f"{value}_area"]
    assert falling.values[f"{value}_worst_size"] == 181
    apart = difference(metric, real, bank(2, FALLING), bank(2, FLAT), 0)
    assert apart[f"{value}_area"].interval.low > 0
    assert apart[f"{value}_fall"].interval.low > 0


def test_replicates_are_those_of_starting_again_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = bank(1, FLAT), bank(2, FALLING)
    fast = measure(metric_from("scale-kid"), real, fake, 0).intervals
    monkeypatch.setattr("anyres_bench.metrics.kid.Kid.subset_values", lambda *_: None)
    slow = measure(metric_from("scale-kid"), real, fake, 0).intervals
    assert fast.keys() == slow.keys() == {"kid_area", "kid_worst", "kid_fall"}
    for name, found in fast.items():
        assert found.standard_error == pytest.approx(slow[name].standard_error, rel=1e-6)


@pytest.mark.parametrize("name", ["kid", "cmmd", "effective-resolution"])
def test_few_images_at_one_size_leave_parts_empty(name: str) -> None:
    """Images are dealt into parts over all sizes; few of them reach the largest size."""
    metric = metric_from(f"scale-{name}")
    sides = []
    for seed in (1, 2):
        strata = bank(seed, FLAT, dim=20).strata()
        first = dict(strata, **{"181": strata["181"].subset(np.arange(9))})
        sides.append(FeatureBank.of_strata(first))
    intervals = measure(metric, *sides, 0).intervals
    assert intervals.keys() == metric.higher_is_better.keys()
    assert all(np.isfinite(found.standard_error) for found in intervals.values())


def test_images_are_left_out_at_all_sizes_at_once() -> None:
    """The rows of an image at four sizes are one observation: equal rows halve no error."""
    one = bank(1, {"64": 0.0})
    same = FeatureBank.of_strata({str(size): one.strata()["64"] for size in SIZES})
    fake = bank(2, {"64": 0.5})
    fakes = FeatureBank.of_strata({str(size): fake.strata()["64"] for size in SIZES})
    error = measure(metric_from("scale-kid"), same, fakes, 0).intervals["kid_area"].standard_error
    pair = {str(size): x for size, x in (("64", 0.0), ("91", 0.0))}
    two = FeatureBank.of_strata({label: one.strata()["64"] for label in pair})
    twos = FeatureBank.of_strata({label: fake.strata()["64"] for label in pair})
    again = measure(metric_from("scale-kid"), two, twos, 0).intervals["kid_area"].standard_error
    assert error == pytest.approx(again)


def test_ratios_of_shapes() -> None:
    shapes = {"1x3": 1.0, "1x1": 0.5, "16x9": 0.5}
    real = bank(1, dict.fromkeys(shapes, 0.0), n=400)
    found = measure(metric_from("aspect-frechet"), real, bank(2, shapes, n=400), 0)
    at = {label: found.values[f"frechet@{label}"] for label in shapes}
    assert found.values["frechet_worst_ratio"] == max(at["1x3"], at["16x9"]) / at["1x1"]
    assert found.values["frechet_mean_ratio"] == pytest.approx(
        (at["1x3"] + at["16x9"]) / 2 / at["1x1"]
    )
    assert 3 < found.values["frechet_worst_ratio"] < 5  # 1.0^2 over 0.5^2


def test_a_summary_needs_strata_on_both_sides() -> None:
    rows = np.arange(20)
    plain = FeatureBank(rows, rows, stream(0).normal((20, 3)).astype("f4"))
    with pytest.raises(MetricError, match="of one canvas"):
        measure(metric_from("scale-frechet"), plain, plain, 0)
    with pytest.raises(MetricError, match="real side is of 64, 91"):
        measure(metric_from("scale-kid"), bank(1, {"64": 0, "91": 0}), bank(1, FLAT), 0)


@pytest.mark.parametrize("name", ["scale-frechet-ddof1", "aspect-frechet-ddof0", "scale-prdc"])
def test_ids_are_read_back(name: str) -> None:
    metric = metric_from(name)
    assert metric.id.startswith(name)
    assert metric_from(metric.id) == metric


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("scale", UnknownNameError, "scale"),
        ("scale-frechett", UnknownNameError, "did you mean frechet"),
        ("scale-scale-frechet", UsageError, "summary of a summary"),
        ("aspect-kid", UsageError, "use aspect-frechet"),
        ("aspect-precision-recall", UsageError, "no distance"),
    ],
)
def test_what_cannot_be_summed_up(name: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        metric_from(name)
