"""Records of numbers: what holds together is kept, keyed and sealed; the rest is refused."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest

from anyres_bench.core.errors import DataError
from anyres_bench.results import Interval, SizeHistogram
from anyres_bench.results.plain import from_plain, to_plain
from anyres_bench.results.record import SCHEMA, FeaturesRecord, seal
from tests.results.records import TASK, dataset, interval, model, result


def test_the_key_is_of_what_was_asked_and_not_of_what_came_out() -> None:
    same = [
        result(values={"frechet": 2.0}),
        result(seconds={"real": 9.0}),
        result(versions={"torch": "3"}),
        result(dataset=dataset(name="other name")),
    ]
    assert {made.key for made in same} == {result().key}
    others = [
        result(seed=1),
        result(model=model("m")),
        result(dataset=dataset("1" * 64)),
        result(task=TASK.replace("n100", "n101")),
    ]
    assert len({made.key for made in [result(), *others]}) == 5


def test_a_seal_is_of_all_but_itself_in_any_order() -> None:
    body = result().to_json()
    assert body["schema"] == SCHEMA
    assert body["seal"] == seal(body)
    assert seal(dict(reversed(body.items()))) == body["seal"]
    assert seal(json.loads(json.dumps(body))) == body["seal"]
    for name in body:
        if name != "seal":
            assert seal({**body, name: "changed"}) != body["seal"], name


def test_a_histogram_rises_and_counts() -> None:
    SizeHistogram((64,) * 2, (3,))
    SizeHistogram(tuple(range(1, 130)), (1,) * 128)
    for edges, counts in (
        ((), ()),
        ((64,), ()),
        ((64, 91), (1, 2)),
        ((91, 64), (1,)),
        ((0, 64), (1,)),
        ((64, 91), (-1,)),
        (tuple(range(1, 131)), (1,) * 129),
    ):
        with pytest.raises(DataError, match="expected rising edges"):
            SizeHistogram(edges, counts)


@pytest.mark.parametrize(
    "change",
    [
        {"low": 2.0},
        {"low": math.nan},
        {"confidence": 1.0},
        {"confidence": 0.0},
        {"standard_error": -1.0},
        {"standard_error": math.nan},
    ],
)
def test_an_interval_has_two_ends_and_a_confidence(change: dict[str, Any]) -> None:
    sound: Interval = interval(0.0, 1.0)
    with pytest.raises(DataError, match="no interval"):
        dataclasses.replace(sound, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": {"frechet": math.inf}}, "frechet is inf"),
        ({"higher_is_better": {}}, "no value ranks"),
        ({"higher_is_better": {"fid": False}}, "fid ranks or has an interval, and has no value"),
        ({"n_fake": -1}, "n_fake is -1"),
        ({"states": {"real": FeaturesRecord({}, -1)}}, "states.real.n is -1"),
        ({"task": "frechet"}, "frechet"),
        ({"task": TASK.replace("n100", "n0100")}, "no complete task id"),
        ({"task": TASK.replace("full64", "full064")}, f"is spelled {TASK}"),
    ],
)
def test_what_does_not_hold_together_is_no_result(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        result(**change)


def test_intervals_of_earlier_versions_say_no_cautions() -> None:
    made = dataclasses.replace(interval(0.25, 0.4), cautions=("few-groups", "near-bound"))
    plain = to_plain(made)
    assert from_plain(Interval, plain) == made
    del plain["cautions"]
    assert from_plain(Interval, plain) == dataclasses.replace(made, cautions=())
