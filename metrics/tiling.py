"""Layout and repetition: what windows of single images cannot see.

`layout` and `self-similarity` read `cells:4:EXTRACTOR`, the vectors of 4 x 4 cells of each image;
`repetition` reads `autocorrelation`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import column_means, pair
from anyres_bench.metrics.frechet import frechet_distance
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.sampling import keys

Rows = NDArray[Any]

N_JOINT = 4  # cells of one image that are looked at together


@dataclass(frozen=True)
class Layout(BankMetric):
    """Fréchet distances of cells by their place, and of four cells of one image together.

    Cells are seen in the `components` directions in which the cells of real images vary most.
    """

    grid: int = 4
    components: int = 32

    name: ClassVar[str] = "layout"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "cells": (0, math.inf),
        "joint": (0, math.inf),
    }
    higher_is_better: ClassVar[Mapping[str, bool]] = {"cells": False, "joint": False}

    @property
    def extractor(self) -> str:  # type: ignore[override]
        """Of cells of the same grid."""
        return f"cells:{self.grid}:{{}}"

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """Squared feature units.

        `cells`, mean over the places of the grid of the distance between the cells there;
        `joint`, distance between the vectors of four cells drawn of each image, behind each other.
        """
        truth = required(real)
        a, b = as_cells(truth, fake, self.grid)
        basis = principal(a.reshape(-1, a.shape[2]), self.components)
        a, b = a @ basis, b @ basis
        places = [frechet_distance(a[:, k], b[:, k]) for k in range(a.shape[1])]
        seed = int(rng.words(1)[0])
        drawn = drawn_cells(a, truth.index, seed), drawn_cells(b, fake.index, seed)
        return {"cells": float(np.mean(places)), "joint": frechet_distance(drawn[0], drawn[1])}


@dataclass(frozen=True)
class SelfSimilarity(BankMetric):
    """How alike the two most similar cells of an image are, less that of real images."""

    grid: int = 4

    name: ClassVar[str] = "self-similarity"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"similarity_excess": (-2, 2)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"similarity_excess": False}

    @property
    def extractor(self) -> str:  # type: ignore[override]
        """Of cells of the same grid."""
        return f"cells:{self.grid}:{{}}"

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"similarity_excess": difference of the means of the highest cosines}; 0 for real."""
        a, b = (
            x - x.mean(axis=1, keepdims=True) for x in as_cells(required(real), fake, self.grid)
        )
        scale = a.std(axis=(0, 1))
        unit = np.where(scale > 0, scale, np.inf)
        highest = [highest_cosines(x / unit, self.grid).mean() for x in (a, b)]
        return {"similarity_excess": float(highest[1] - highest[0])}


@dataclass(frozen=True)
class Repetition(BankMetric):
    """How well images agree with themselves when moved, less that of real images."""

    name: ClassVar[str] = "repetition"
    dim: ClassVar[int | None] = 1
    extractor: ClassVar[str | None] = "autocorrelation"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"repetition": (-2, 2)}
    higher_is_better: ClassVar[Mapping[str, bool]] = {"repetition": False}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """{"repetition": difference of the mean highest correlations}; 0 for real images."""
        a, b = pair(required(real).features(), fake.features())
        return {"repetition": column_means(b)[0] - column_means(a)[0]}


def as_cells(real: FeatureBank, fake: FeatureBank, grid: int) -> tuple[Rows, Rows]:
    """Both sides as (n, cells, dim) float64.

    Raises:
        MetricError: a side has fewer than two rows, or they are not of grid x grid cells.
    """
    a, b = pair(real.features(), fake.features(), at_least=2)
    if a.shape[1] % grid**2:
        raise MetricError(
            f"features of {a.shape[1]} dimensions are not those of {grid} x {grid} cells; use the "
            f"extractor cells:{grid}:EXTRACTOR"
        )
    whole = (x.reshape(len(x), grid**2, -1).astype(np.float64) for x in (a, b))
    return next(whole), next(whole)


def principal(rows: Rows, n: int) -> Rows:
    """(dim, n) directions of the largest variance of (m, dim) rows; all where there are fewer."""
    dim = rows.shape[1]
    if dim <= n:
        return np.eye(dim)
    centred = rows - rows.mean(axis=0)
    _, vectors = scipy.linalg.eigh(centred.T @ centred, subset_by_index=(dim - n, dim - 1))
    return np.asarray(vectors)


def drawn_cells(cells: Rows, index: NDArray[np.int64], seed: int) -> Rows:
    """(n, N_JOINT * dim): cells drawn for each row by its index, in the order drawn."""
    rng = stream(seed, "drawn cells")
    places = np.stack([keys(index, rng) for _ in range(cells.shape[1])], axis=1)
    drawn = np.argsort(places, axis=1, kind="stable")[:, :N_JOINT]
    return np.take_along_axis(cells, drawn[..., None], axis=1).reshape(len(cells), -1)


def highest_cosines(cells: Rows, grid: int) -> Rows:
    """(n,): the largest cosine between two cells of an image that are no neighbours.

    Raises:
        MetricError: all cells are neighbours.
    """
    y, x = np.divmod(np.arange(grid**2), grid)
    apart = np.maximum(np.abs(y[:, None] - y), np.abs(x[:, None] - x)) >= 2
    if not apart.any():
        raise MetricError(f"in a grid of {grid} x {grid} all cells touch; use grid3 or more")
    length = np.linalg.norm(cells, axis=2, keepdims=True)
    unit = cells / np.where(length > 0, length, 1)
    cosines = unit @ unit.swapaxes(1, 2)
    return np.asarray(cosines[:, apart].max(axis=1))
