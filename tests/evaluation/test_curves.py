"""Curves: the tasks of one window on canvases that grow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyres_bench.evaluation.curves import curves_of, place_of, protocol_at, saturations
from tests.results.records import TASK, dataset, interval, model, result


@pytest.mark.parametrize("protocol", ["anyres-full64", "patch0-at64", "patch32-at064"])
def test_other_protocols_are_no_points(protocol: str) -> None:
    assert place_of(protocol) is None


def test_a_point_is_a_protocol_and_back() -> None:
    assert place_of(protocol_at(32, 45)) == (32, 45)
    assert place_of("ar1-patch32-at45") == (32, 45)
    assert place_of("ar1-shrunk32-at45") == (32, 45)


def point(name: str, size: int, value: float, **changes):
    made = result(
        task=TASK.replace("anyres-full64", protocol_at(32, size)),
        model=model(name),
        values={"frechet": value},
        intervals={"frechet": interval(value - 1, value + 1)},
    )
    return replace(made, **changes)


def test_only_what_may_be_compared_shares_a_curve() -> None:
    results = [
        point("a", 64, 2.0),
        point("a", 32, 1.0),
        point("b", 32, 0.5, intervals={}),
        point("a", 32, 1.0, seed=1),
        point("a", 32, 1.0, dataset=dataset("1" * 64)),
        result(),
    ]
    first, second, third = curves_of(results)
    assert first.scope == second.scope == third.scope
    assert "patch32-at*" in first.scope
    assert list(first.lines) == ["b", "a"]
    assert [(p.size, p.low, p.value, p.high) for p in first.lines["a"]] == [
        (32, 0.0, 1.0, 2.0),
        (64, 1.0, 2.0, 3.0),
    ]
    assert [(p.low, p.high) for p in first.lines["b"]] == [(0.5, 0.5)]
    assert first.sizes == [32, 64]


def test_windows_and_shrunk_canvases_are_two_curves() -> None:
    both = [
        replace(made, task=made.task.replace("patch32", f"ar1-{kind}32"))
        for kind in ("patch", "shrunk")
        for made in (point("a", 32, 1.0), point("a", 64, 2.0))
    ]
    windows, whole = curves_of(both)
    assert ("ar1-patch32-at*" in windows.scope, "ar1-shrunk32-at*" in whole.scope) == (True, True)
    assert windows.sizes == whole.sizes == [32, 64]
    assert whole.metric == "Fréchet distance"


def test_shares_of_copies_are_a_curve_at_any_number_of_pictures() -> None:
    def shares(size: int, n: int, metric: str, kind: str = "shrunk"):
        task = TASK.replace("anyres-full64", f"ar1-{kind}32-at{size}").replace("/n100@", f"/n{n}@")
        return replace(
            point("a", size, float(n)), task=task.replace("frechet-ddof1", metric), n_fake=n
        )

    (curve,) = curves_of(
        [shares(32, 90, "authpct"), shares(64, 50, "authpct"), shares(64, 40, "authpct")]
    )
    assert curve.is_at_any_n
    assert [(p.size, p.value) for p in curve.lines["a"]] == [(32, 90.0), (64, 50.0)]
    assert curve.task.protocol == "ar1-shrunk32-at1"
    apart = [shares(32, 90, "frechet-ddof1"), shares(64, 50, "frechet-ddof1")]
    apart += [shares(size, n, "authpct", "patch") for size, n in ((32, 90), (64, 50))]
    assert [curve.sizes for curve in curves_of(apart)] == [[32], [64], [32], [64]]


def test_a_logarithmic_axis_is_for_values_far_apart_and_above_zero() -> None:
    def spans(*values: float) -> bool:
        (curve,) = curves_of([point("a", 32 * 2**i, v) for i, v in enumerate(values)])
        return curve.spans_decades

    assert spans(2.0, 900.0)
    assert not spans(2.0, 20.0)
    assert not spans(0.5, 900.0)  # its interval holds zero


def test_detail_saturates_for_curves_of_effective_resolution_alone() -> None:
    def sharp(name: str, size: int, value: float):
        made = point(name, size, value)
        return replace(
            made,
            task=made.task.replace("/frechet-ddof1/", "/effective-resolution/"),
            values={"effective_resolution": value},
            intervals={},
            higher_is_better={"effective_resolution": True},
        )

    results = [sharp("all", size, 1.0) for size in (32, 64, 128)]
    results += [sharp("base 64", size, min(1.0, 64 / size)) for size in (32, 64, 128)]
    (curve,) = curves_of(results)
    found = saturations(curve)
    assert found["all"] is None
    assert found["base 64"] == pytest.approx(64, rel=0.1)
    (other,) = curves_of([point("a", 32, 1.0)])
    assert saturations(other) == {}
