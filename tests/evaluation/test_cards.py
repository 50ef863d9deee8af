"""Cards: rows as they stand, spans shared by a column, what limits an interval."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyres_bench.evaluation.cards import Standing, card_of, shared_names, standings
from anyres_bench.evaluation.pairs import Difference
from anyres_bench.results import ImagesRecord, Result, result_table
from tests.results.records import interval, model, result


def made(name: str, value: float) -> Result:
    ends = {"frechet": interval(value - 1, value + 1)}
    return result(model=model(name), values={"frechet": value}, intervals=ends)


def test_bars_lie_between_the_ends_of_a_column() -> None:
    group = [made("a", 2.0), made("b", 4.0)]
    card = card_of(standings(group, lambda a, b: None), lambda result: None)
    cells = [row.cells[0] for row in card.rows]
    assert [(cell.left, cell.width, cell.at) for cell in cells] == [(0, 50, 25), (50, 50, 75)]
    assert [row.rank for row in card.rows] == ["1", ""]
    assert card.compared == "20 real, 100 fake, seed 0, images 000000000000"


def test_bars_of_values_far_apart_are_logarithmic() -> None:
    group = [made("a", 2.0), made("b", 10.0), made("c", 99.0)]
    card = card_of(standings(group, lambda a, b: None), lambda result: None)
    cells = [row.cells[0] for row in card.rows]
    assert (cells[0].left, cells[2].left + cells[2].width) == (0, pytest.approx(100))
    assert cells[1].at == pytest.approx(50)
    assert "The bars are logarithmic." in card.notes


def test_an_end_that_the_other_hides_is_zero() -> None:
    one = replace(made("a", 0.06), intervals={"frechet": interval(2.681e-12, 0.8293)})
    card = card_of(standings([one], lambda a, b: None), lambda result: None)
    assert (card.rows[0].cells[0].low, card.rows[0].cells[0].high) == ("0", "0.8293")
    assert "[0, 0.8293]" in result_table([one])


def test_differences_are_to_the_row_above() -> None:
    group = [made("a", 2.0), made("b", 4.0), made("c", 5.0)]

    def pairing(a: Result, b: Result) -> dict[str, Difference]:
        value = a.values["frechet"] - b.values["frechet"]
        return {"frechet": Difference(value, value - 0.1, value + 0.1)}

    stood = standings(group, pairing)
    assert [s.rank for s in stood] == ["1", "2", "3"]
    assert [s.differences["frechet"].value for s in stood if s.differences] == [2.0, 1.0]


def test_images_that_the_reference_holds_have_no_rank() -> None:
    copied = replace(made("folder:x", 1.0), fake=ImagesRecord(9, 9, 3))

    def pairing(a: Result, b: Result) -> dict[str, Difference]:
        value = a.values["frechet"] - b.values["frechet"]
        return {"frechet": Difference(value, value - 1.5, value + 1.5)}

    stood = standings([copied, made("a", 2.0), made("b", 3.0), made("c", 5.0)], pairing)
    assert [s.rank for s in stood] == ["", "1", "1", "3"]
    assert stood[0].role == "shares 3 images with the reference, not ranked"


def test_what_else_stands_below_a_model() -> None:
    card = card_of([Standing(made("a", 1.0), "?", "", tier="submitted")], lambda result: None)
    assert (card.rows[0].rank, card.rows[0].tier) == ("?", "submitted")


def test_only_values_that_all_have_are_columns() -> None:
    other = replace(made("b", 1.0), values={"o": 1.0}, intervals={}, higher_is_better={"o": True})
    assert shared_names([made("a", 1.0), other]) == []
    assert card_of(standings([made("a", 1.0), other], lambda a, b: None), lambda r: None).rows
