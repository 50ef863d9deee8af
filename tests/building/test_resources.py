"""Resource limits: their bounds, and the shares of several processes."""

from __future__ import annotations

import pytest

from anyres_bench.building.resources import ResourceLimits
from anyres_bench.core.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "value"),
    [("threads", 0), ("per_host", 0), ("processes", -1), ("rate", -1.0), ("rate", float("nan")),
     ("deadline", 0.0), ("memory", 0), ("max_megabytes", float("inf")), ("decode_limit", -3.0)],
)  # fmt: skip
def test_limits_that_make_no_sense(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')} is {value}"):
        ResourceLimits(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_shares_of_all_processes_make_the_whole(n: int) -> None:
    resources = ResourceLimits(threads=11, processes=7, per_host=5)
    shares = [resources.share(i, n) for i in range(n)]
    for name, total in (("threads", 11), ("processes", 7), ("per_host", 5)):
        parts = [getattr(share, name) for share in shares]
        assert sum(parts) == total
        assert max(parts) - min(parts) <= 1
