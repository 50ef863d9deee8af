"""A plan says what a run would do."""

from __future__ import annotations

from pathlib import Path

from anyres_bench.building.pipeline import Order
from anyres_bench.building.plan import plan
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from tests.building.rogues import Given, candidate


def test_a_plan_fetches_nothing(tmp_path: Path) -> None:
    listed = tuple(
        candidate(f"http://{'ab'[i % 2]}.example/{i}", key=f"{i}", n_bytes=1000 if i else None,
                  licence_id="CC0-1.0" if i < 4 else "ARR")
        for i in range(5)
    )  # fmt: skip
    order = Order(Given((*listed, listed[0])), tmp_path / "out", "g", Rules(licences=("CC0-1.0",)))
    planned = plan(order, ResourceLimits(rate=2))
    assert (planned.n_listed, planned.n_left, planned.refused) == (5, 4, {"licence": 1})
    assert planned.n_repeated == 1
    assert "1 name what another one names" in planned.text()
    assert planned.licences == {"CC0-1.0": 4, "ARR": 1}
    assert planned.hosts == {"a.example": 2, "b.example": 2}
    assert (planned.n_bytes, planned.n_sized, planned.seconds) == (3000, 3, 1.0)
    assert not (tmp_path / "out").exists()
