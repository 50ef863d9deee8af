"""Jobs that wait for their host come first in, first out, however many are on disk."""

from __future__ import annotations

import random

import pytest

from anyres_bench.building.backlog import Backlog, Spool
from anyres_bench.building.outcomes import Job
from tests.building.rogues import candidate


@pytest.mark.parametrize("seed", range(3))
def test_two_hosts_share_a_file_and_keep_their_order(seed: int) -> None:
    rng, spool = random.Random(seed), Spool()
    backlogs = [Backlog(spool), Backlog(spool)]
    put: list[list[int]] = [[], []]
    taken: list[list[int]] = [[], []]
    for number in range(2500):
        which = rng.randrange(2)
        backlogs[which].append(Job(number, candidate(f"{number}")))
        put[which].append(number)
        if rng.random() < 0.3 and len(backlogs[which]):
            taken[which].append(backlogs[which].popleft().number)
    for which, backlog in enumerate(backlogs):
        assert len(backlog) == len(put[which]) - len(taken[which])
        while len(backlog):
            job = backlog.popleft()
            assert job.candidate == candidate(f"{job.number}")
            taken[which].append(job.number)
    spool.close()
    assert taken == put
