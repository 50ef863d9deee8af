"""Rules on what may enter a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.rules import Rules
from anyres_bench.core.errors import ConfigError, DatasetError, UnknownNameError
from tests.building.builds import ENGINE, rejects
from tests.building.rogues import Given, candidate


def test_rules_apply_to_claims_and_to_pixels(tmp_path: Path) -> None:
    listed = (
        candidate("1@96x128"),
        candidate("2@40x60"),
        candidate("3@40x60", height=500, width=500),
        candidate("bug", height=40, width=60),
        candidate("bug-2", licence_id="ARR"),
        candidate("4@96x400"),
    )
    rules = Rules(min_side=50, max_aspect=3, licences=("unknown",), measure="header")
    build(Order(Given(listed), tmp_path / "out", "g", rules), ENGINE)
    assert rejects(tmp_path / "out") == {
        "2@40x60": "too-small",
        "3@40x60": "too-small",
        "bug": "too-small",
        "bug-2": "licence",
        "4@96x400": "aspect",
    }


def test_rules_that_make_no_sense() -> None:
    with pytest.raises(UnknownNameError, match="did you mean decode"):
        Rules(measure="decoded")
    with pytest.raises(UnknownNameError, match="near-duplicates 'delete'"):
        Rules(near_duplicates="delete")
    with pytest.raises(ConfigError, match="distance is 40"):
        Rules(distance=40)
    with pytest.raises(ConfigError, match="min_side is 5 and max_side 4"):
        Rules(min_side=5, max_side=4)
    with pytest.raises(ConfigError, match=r"max_aspect is 0\.5; that of a square is 1"):
        Rules(max_aspect=0.5)


@pytest.mark.parametrize(
    "rules", [None, 7, [], {}, {"licences": 3}, {"licences": [], "measure": "x"},
              {"licences": [], "distance": "31"}, {"licences": [], "surprise": 1}],
)  # fmt: skip
def test_rules_of_a_recipe_that_are_none(rules: object) -> None:
    with pytest.raises(DatasetError, match="rules of the recipe are damaged"):
        Rules.of(rules)
