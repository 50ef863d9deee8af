"""A dataset of seven small pictures."""

from __future__ import annotations

import pytest

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.data.dataset import Dataset
from tests.building.rogues import Given, candidate


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    listed = [
        candidate(f"{i}@{40 + i}x{60 - i}", key=f"g_{i}", label="ab"[i % 2] if i else "")
        for i in range(7)
    ]
    out = tmp_path_factory.mktemp("export") / "out"
    order = Order(Given(tuple(listed)), out, "seven", Rules(measure="header"))
    return build(order, LocalEngine(ResourceLimits(processes=1))).dataset
