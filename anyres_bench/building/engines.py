"""What runs the candidates: the contract of engines, and the one for this machine."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Protocol

from anyres_bench.building.forks import n_shares, run_forks
from anyres_bench.building.outcomes import Jobs, Outcome, ThreadCursor
from anyres_bench.building.pauses import Pause
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.steps import Site
from anyres_bench.building.threads import run_threads
from anyres_bench.fetching.http import Policy
from anyres_bench.fetching.shared import SharedStates


class Engine(Protocol):
    """Runs jobs in any order, and says what became of each exactly once."""

    def run(self, site: Site, jobs: Jobs) -> Generator[Outcome | Pause, None, None]:
        """Outcomes as they come; the caller commits them. Closing the iterator stops the run.

        Among them is each long pause that somebody asks for, to be told.

        Args:
            site: where images go and by which rules.
            jobs: gives those that a cursor has not come by yet, in order.
        """


@dataclass(frozen=True)
class LocalEngine:
    """All cores of this machine: in this process where that is enough, else in several."""

    resources: ResourceLimits = field(default_factory=ResourceLimits)
    policy: Policy = field(default_factory=Policy)

    def run(self, site: Site, jobs: Jobs) -> Generator[Outcome | Pause, None, None]:
        """Outcomes as they come.

        Raises:
            DatasetError: the folder cannot be written to.
        """
        if (n := n_shares(self.resources, site)) == 1:
            limits = self.resources.buckets(site.rates)
            return run_threads(self.resources, self.policy, limits, site, jobs(ThreadCursor()))
        limits = self.resources.buckets(site.rates, SharedStates())
        return run_forks(n, self.resources, self.policy, limits, site, jobs)
