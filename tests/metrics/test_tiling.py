"""Layout and repetition, on vectors whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import metric_from
from anyres_bench.metrics.tiling import drawn_cells, highest_cosines, principal

N, DIM = 150, 3


def bank(cells: np.ndarray) -> FeatureBank:
    index = np.arange(len(cells))
    return FeatureBank(index, index, cells.reshape(len(cells), -1).astype(np.float32))


def cells(seed: int, n: int = N) -> np.ndarray:
    """Images whose cells share a style, and whose rows differ as sky and ground do."""
    rng = stream(seed, "cells")
    style = 2 * rng.normal((n, 1, DIM))
    place = np.repeat(np.arange(4.0), 4)[:, None] * np.asarray([1.0, 0, 0])
    return style + place + rng.normal((n, 16, DIM))


def value(name: str, fake: np.ndarray) -> dict[str, float]:
    return metric_from(name).finish(bank(cells(0)), bank(fake), stream(0))


def test_cells_in_another_order_move_the_distance_by_place() -> None:
    honest = value("layout", cells(1))
    order = stream(5).permutation(16)
    moved = value("layout", cells(1)[:, order])
    assert moved["cells"] > honest["cells"] + 0.5


def test_cells_of_other_images_move_the_joint_distance_alone() -> None:
    whole = cells(1)
    mixed = whole[(np.arange(N)[:, None] + np.arange(16)) % N, np.arange(16)]
    honest, mosaic = value("layout", whole), value("layout", mixed)
    assert mosaic["cells"] == pytest.approx(honest["cells"], rel=1e-5)
    assert mosaic["joint"] > honest["joint"] + 3


def test_an_equal_pair_of_cells_is_found_unless_it_touches() -> None:
    grid = stream(0, "grid").normal((1, 16, 20))
    apart, beside = grid.copy(), grid.copy()
    apart[0, 15] = grid[0, 0]
    beside[0, 5] = grid[0, 0]
    assert highest_cosines(apart, 4)[0] == pytest.approx(1)
    assert highest_cosines(beside, 4)[0] < 0.9
    assert highest_cosines(np.zeros((1, 16, 2)), 4)[0] == 0
    with pytest.raises(MetricError, match="all cells touch"):
        highest_cosines(np.zeros((1, 4, 2)), 2)


def test_repeated_images_are_similar_to_themselves() -> None:
    fake = stream(3, "noise").normal((N, 16, 8))
    real = bank(stream(4, "noise").normal((N, 16, 8)))
    repeated = fake.reshape(N, 4, 4, 8)[:, :2, :2]
    repeated = np.tile(repeated, (1, 2, 2, 1)).reshape(N, 16, 8)
    metric = metric_from("self-similarity")
    assert metric.finish(real, bank(fake), stream(0))["similarity_excess"] == pytest.approx(
        0, abs=0.05
    )
    assert metric.finish(real, bank(repeated), stream(0))["similarity_excess"] > 0.1


def test_cells_are_drawn_by_index_alone() -> None:
    rows, index = cells(0, 9), np.arange(9)
    all_of = drawn_cells(rows, index, 0)
    some = drawn_cells(rows[4:], index[4:], 0)
    np.testing.assert_array_equal(all_of[4:], some)
    assert len({tuple(row) for row in all_of.round(6).tolist()}) == 9


def test_directions_are_those_of_the_largest_variance() -> None:
    rows = stream(0).normal((500, 4)) * [1, 9, 3, 0.1]
    np.testing.assert_allclose(np.abs(principal(rows, 2)).sum(axis=1), [0, 1, 1, 0], atol=0.1)
    assert principal(rows, 9).shape == (4, 4)


def test_vectors_that_are_no_cells_are_refused() -> None:
    odd = FeatureBank([0, 1], [0, 1], np.ones((2, 30), np.float32))
    for name in ("layout", "self-similarity"):
        with pytest.raises(MetricError, match="4 x 4 cells"):
            metric_from(name).finish(odd, odd, stream(0))
