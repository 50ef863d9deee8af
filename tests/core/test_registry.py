"""The registry: lazy, honest about unknown names, and never silently replaced."""

from __future__ import annotations

import sys

import pytest

from anyres_bench.core.errors import UnknownNameError
from anyres_bench.core.registry import Registry, nearest


def test_objects_are_imported_on_demand() -> None:
    registry = Registry("thing", {"frac": "fractions:Fraction", "broken": "no_such_module:x"})
    assert registry.get("frac")(1, 2) * 2 == 1
    assert list(registry) == ["broken", "frac"]
    assert "frac" in registry
    assert "no_such_module" not in sys.modules


def test_unknown_names_suggest_the_nearest() -> None:
    registry = Registry("metric", {"frechet": "a:b", "kid": "a:c"})
    with pytest.raises(UnknownNameError, match="unknown metric 'frchet'; did you mean frechet"):
        registry.get("frchet")
    with pytest.raises(UnknownNameError, match="known: frechet, kid"):
        registry.get("zzzzzz")


def test_nearest_heeds_no_capitals() -> None:
    assert nearest("ffhq6k", ["FFHQ-6K", "Birds"]) == "did you mean FFHQ-6K?"


def test_nearest_lists_a_few() -> None:
    assert nearest("x", [str(i) for i in range(100, 200)]).endswith(", ...")


def test_a_name_of_elsewhere_is_told_what_to_write_here() -> None:
    registry = Registry("metric", {"kid": "a:b"}, hints={"fid": "write frechet"})
    with pytest.raises(UnknownNameError, match="unknown metric 'FID'; write frechet"):
        registry.get("FID")


def test_names_of_a_strangers_file_make_no_line_and_no_work_of_their_own() -> None:
    message = nearest("conv.weight", ["conv.weight\nerror", "x" * 100_000])
    assert message == r"did you mean conv.weight\nerror?"
    assert len(nearest("conv.weight", ["x" * 100_000, "y" * 100_000])) < 500
    assert "b09999" not in nearest("b09999", (f"b{i:05}" for i in range(10_000)))
