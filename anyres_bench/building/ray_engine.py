"""`--engine ray`: the same steps on the machines of a Ray cluster that share the dataset's folder.

A shard of candidates is a task; the token buckets of hosts and APIs are one actor on the machine
that began the run, so that all machines together ask no more often than one would. A shard whose
machine dies is done again elsewhere: its files have the same names and its rows were not committed
yet, so nothing is lost or there twice.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import secrets
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from anyres_bench.building.outcomes import Job, Jobs, Outcome, ThreadCursor
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.steps import Site
from anyres_bench.building.threads import run_threads
from anyres_bench.core.errors import AnyresBenchError, DatasetError, UsageError
from anyres_bench.fetching.http import Policy
from anyres_bench.fetching.limits import TokenBuckets

SHARD = 64  # candidates; as many rows as the ledger commits at once
_SHARDS_A_CPU = 2  # under way or waiting, so that no machine is idle
_RETRIES = 5  # of a shard whose machine died
_ANSWER_S = 10.0


@dataclass(frozen=True)
class RayEngine:
    """Ray tasks on a cluster.

    Attributes:
        resources: of each task; `processes` and `threads` are per task, a task takes one CPU.
        policy: how far one fetch may go.
        address: of the cluster; None joins the one that is running, or starts one on this machine.
    """

    resources: ResourceLimits = field(default_factory=ResourceLimits)
    policy: Policy = field(default_factory=Policy)
    address: str | None = None

    def run(self, site: Site, jobs: Jobs) -> Generator[Outcome, None, None]:
        """Outcomes, shard by shard as they come.

        Raises:
            UsageError: Ray is not installed, or no cluster answers at the address.
            DatasetError: a shard failed on one machine after another, or the folder cannot be
                written to.
        """
        with _joined(self.address) as ray:
            buckets = _shared_buckets(ray, self.resources.buckets(site.rates))
            try:
                yield from self._outcomes(ray, buckets, site, jobs(ThreadCursor()))
            finally:
                ray.kill(buckets)

    def _outcomes(
        self, ray: Any, buckets: Any, site: Site, jobs: Iterator[Job]
    ) -> Iterator[Outcome]:
        """Keep every CPU of the cluster busy; it may grow and shrink meanwhile."""
        shard = ray.remote(num_cpus=1, max_retries=_RETRIES)(_run_shard)
        site = dataclasses.replace(site, folder=site.folder.absolute())
        resources = dataclasses.replace(self.resources, processes=1)
        shards = iter(lambda: list(itertools.islice(jobs, SHARD)), [])
        under_way: set[Any] = set()
        try:
            while True:
                n_wanted = _SHARDS_A_CPU * max(int(ray.cluster_resources().get("CPU", 1)), 1)
                for some in itertools.islice(shards, max(n_wanted - len(under_way), 0)):
                    under_way.add(shard.remote(site, resources, self.policy, buckets, some))
                if not under_way:
                    return
                done, _ = ray.wait(list(under_way))
                under_way -= set(done)
                yield from _outcomes_of(ray, done[0])
        finally:
            _end(ray, list(under_way))


@dataclass(frozen=True)
class RemoteBuckets:
    """`Limits` that asks the one actor that all machines ask."""

    actor: Any

    def reserve(self, key: str, patience_s: float = math.inf) -> float:
        """Take the next place in the queue of `key`; the seconds to wait until it is due.

        No place is taken while `key` must be left alone for more than `patience_s`; those are the
        seconds then.
        """
        return self._ask("reserve", key, patience_s)

    def ready_in(self, key: str) -> float:
        """Seconds until a place taken now would be due; nothing is taken."""
        return self._ask("ready_in", key)

    def paused_for(self, key: str) -> float:
        """Seconds that `key` must still be left alone; 0 when it is not paused."""
        return self._ask("paused_for", key)

    def throttled(self, key: str, retry_after_s: float | None) -> float:
        """Pause `key` for everybody, because it said 429; the seconds of the pause."""
        return self._ask("throttled", key, retry_after_s)

    def succeeded(self, key: str) -> None:
        """`key` answered: forget its strikes."""
        self.actor.succeeded.remote(key)

    def _ask(self, name: str, *arguments: Any) -> float:
        return float(_ray().get(getattr(self.actor, name).remote(*arguments)))


def _run_shard(
    site: Site, resources: ResourceLimits, policy: Policy, buckets: Any, jobs: list[Job]
) -> list[Outcome]:
    """One shard, on whichever machine; a token keeps a machine given up for dead out of the way."""
    here = dataclasses.replace(site, token=f".{secrets.token_hex(4)}")
    found = run_threads(resources, policy, RemoteBuckets(buckets), here, iter(jobs))
    return [outcome for outcome in found if isinstance(outcome, Outcome)]


def _outcomes_of(ray: Any, reference: Any) -> list[Outcome]:
    try:
        outcomes = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        raise cause if isinstance(cause, AnyresBenchError) else error from error
    except ray.exceptions.RayError as error:
        raise DatasetError(
            f"a shard failed on {_RETRIES + 1} machines, last with: {error}; the same command goes "
            "on with it"
        ) from error
    assert isinstance(outcomes, list)
    return outcomes


def _end(ray: Any, shards: list[Any]) -> None:
    """Stop shards, and return when they have: a run that is over asks nobody and writes nothing."""
    for shard in shards:
        ray.cancel(shard, force=True)
    if shards:
        ray.wait(shards, num_returns=len(shards), timeout=_ANSWER_S, fetch_local=False)


@contextmanager
def _joined(address: str | None) -> Iterator[Any]:
    """Ray, connected to a cluster; who was connected before stays so."""
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    try:
        if address and (port := address.rpartition(":")[2]).isdecimal():
            # Ray itself would go on trying for minutes.
            host = address.removesuffix(f":{port}").removeprefix("ray://")
            socket.create_connection((host, int(port)), _ANSWER_S).close()
        ray.init(address, log_to_driver=False)
    except OSError as error:
        raise UsageError(
            f"no Ray cluster answers at {address}: {error}; start one with `ray start --head`, or "
            "leave --ray-address out"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _shared_buckets(ray: Any, buckets: TokenBuckets) -> Any:
    """The buckets as an actor on this machine, which lives as long as the run."""
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    options = {"num_cpus": 0, "scheduling_strategy": here}
    # One that was killed for memory begins anew, without what it knew of pauses.
    options |= {"max_restarts": -1, "max_task_retries": -1}
    actor = ray.remote(**options)(TokenBuckets)
    return actor.remote(buckets.default, buckets.rates, buckets.longest_pause_s)


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise UsageError(
            "--engine ray needs Ray: pip install 'anyres-bench[ray]', or leave --engine out"
        ) from None
    return ray
