from __future__ import annotations

import torch

from anyres_bench.leaderboard.machine import probe, probed_on


def test_the_probe_takes_a_time_and_leaves_threads_as_they_were() -> None:
    before = torch.get_num_threads()
    assert 0 < probe("cpu") < 600
    assert torch.get_num_threads() == before


def test_what_it_was_measured_by_is_said() -> None:
    assert "one thread of" in probed_on("cpu")
    assert "CPU time" in probed_on("cpu:0")
    assert probed_on("cuda:0") == "cuda:0, by the clock"
