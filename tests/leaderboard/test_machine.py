from __future__ import annotations

from anyres_bench.leaderboard.machine import probe


def test_the_probe_takes_a_time() -> None:
    assert 0 < probe("cpu") < 600
