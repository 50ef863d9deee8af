"""The engine of this machine: every job's outcome exactly once, and an end when it is asked for."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.outcomes import Cursor, Job
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.steps import Site
from tests.building.builds import HEADER
from tests.building.rogues import Given, candidate

ENGINE = LocalEngine(ResourceLimits(processes=1))
N = 12


def jobs(cursor: Cursor) -> Generator[Job, None, None]:
    yield from (Job(i, candidate("refuse" if i % 3 else str(i))) for i in range(N))


def site(folder: Path) -> Site:
    made = Site(folder, HEADER, Given(()))
    made.incoming(Job(0, candidate("0"))).parent.mkdir(parents=True)
    return made


def test_every_job_has_one_outcome(tmp_path: Path) -> None:
    outcomes = list(ENGINE.run(site(tmp_path), jobs))
    assert sorted(outcome.job.number for outcome in outcomes) == list(range(N))
    assert {o.job.number for o in outcomes if o.state == "done"} == set(range(0, N, 3))


def test_closing_ends_the_run(tmp_path: Path) -> None:
    outcomes = ENGINE.run(site(tmp_path), jobs)
    next(outcomes)
    outcomes.close()
    assert not list(outcomes)
