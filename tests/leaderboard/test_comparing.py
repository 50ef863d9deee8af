"""Moments of samples against those made here; features and pictures are in `test_verifying`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DataError
from anyres_bench.features.stats import FeatureBank
from anyres_bench.leaderboard.comparing import RowDraw, compare_features, compare_moments
from anyres_bench.leaderboard.feature_files import feature_files
from anyres_bench.leaderboard.moment_files import moment_files
from anyres_bench.leaderboard.rules import NotSaid

N, DIM = 20, 6
ROWS = np.random.default_rng(0).normal(3, 1, (N, DIM)).astype(np.float32)


class Samples:
    """Samples whose views are the numbers of their items."""

    key = {"side": "fake"}
    order = range(N)

    def __len__(self) -> int:
        return N

    def batches(self, parts: Any) -> Any:
        return ((torch.tensor(part),) for part in parts)


def extractor(moved: float) -> Any:
    return lambda items: torch.from_numpy(ROWS + np.float32(moved))[items]


def written(folder: Path, files: Any) -> tuple[Enclosure, list[str]]:
    for name, data in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return Enclosure(folder), [path.relative_to(folder).as_posix() for path in folder.rglob("*.s*")]


BANK = FeatureBank(np.arange(N), np.arange(N), ROWS)


def test_moments_that_rounding_moves_fit_and_others_do_not(tmp_path: Path) -> None:
    inside, names = written(tmp_path, moment_files(BANK, {}, "e"))
    made: Any = Samples()
    said = compare_moments(inside, names, made, extractor(0.001), RowDraw(1, 0))
    assert said.startswith("20 rows made again")
    with pytest.raises(DataError, match="moments of other features"):
        compare_moments(inside, names, made, extractor(0.1), RowDraw(1, 0))
    with pytest.raises(NotSaid, match="--fraction 1"):
        compare_moments(inside, names, made, extractor(0), RowDraw(0.5, 0))


def test_a_draw_of_rows(tmp_path: Path) -> None:
    inside, names = written(tmp_path, feature_files(BANK, {}, "e", "float16"))
    made: Any = Samples()
    said = compare_features(inside, names, made, extractor(0), RowDraw(0.25, 1))
    assert said.startswith("5 of 20 rows made again")
    with pytest.raises(DataError, match="5 of 5 rows are others"):
        compare_features(inside, names, made, extractor(0.1), RowDraw(0.25, 1))
