"""Labels depend on their seed, come as often as they should, and are part of the id."""

from __future__ import annotations

from collections import Counter

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.models.labels import read_labels


def test_labels_come_as_often_as_they_should() -> None:
    uniform = read_labels(None, None, 4, None)
    assert uniform is not None
    assert uniform == read_labels(None, "uniform", 4, {"a": 1})
    drawn = Counter(uniform.of(range(4000)))
    assert set(drawn) == {0, 1, 2, 3}
    assert all(abs(n - 1000) < 150 for n in drawn.values())
    trained = read_labels(None, "dataset", 2, {"b": 3, "a": 1})
    assert trained is not None
    assert trained.counts == (1, 3)  # numbers are those of the sorted names
    assert abs(Counter(trained.of(range(4000)))[1] - 3000) < 150
    fixed = read_labels("3", None, 4, None)
    assert fixed is not None
    assert set(fixed.of(range(50))) == {3}


def test_a_label_depends_on_its_seed_alone() -> None:
    labels = read_labels(None, None, 5, None)
    assert labels is not None
    assert labels.of([7, 1, 9]) == [labels.of([seed])[0] for seed in (7, 1, 9)]


def test_names_tell_all_rules_apart() -> None:
    rules = [
        read_labels("0", None, 2, None),
        read_labels("1", None, 2, None),
        read_labels(None, None, 2, None),
        read_labels(None, "dataset", 2, {"a": 1, "b": 2}),
        read_labels(None, "dataset", 2, {"a": 2, "b": 2}),
    ]
    assert len({rule.name for rule in rules if rule}) == 5
    assert read_labels(None, None, 0, None) is None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("2", None, 2, None), "no number from 0 to 1"),
        (("x", None, 2, None), "no number from 0 to 1"),
        (("1", "uniform", 2, None), "exclude each other"),
        ((None, "often", 2, None), "expected uniform or dataset"),
        ((None, "dataset", 2, None), "does not say how often"),
        ((None, "dataset", 2, {"a": 1}), "does not say how often"),
        ((None, "dataset", 2, {"a": -1, "b": "x"}), "does not say how often"),
        ((None, "dataset", 2, {"a": 0, "b": 0}), "does not say how often"),
        ((None, "dataset", 2, ["a", "b"]), "does not say how often"),
        (("", None, 2, None), "no number from 0 to 1"),
        ((None, "", 2, None), "expected uniform or dataset"),
        ((None, "", 0, None), "knows no labels"),
        (("1", None, 0, None), "knows no labels"),
        ((None, "uniform", 0, None), "knows no labels"),
    ],
)
def test_what_cannot_be_is_refused(asked: tuple, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_labels(*asked)
