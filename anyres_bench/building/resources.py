"""Resource limits of a run: how many at once, how often, how much, how long."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from anyres_bench.core.errors import ConfigError
from anyres_bench.fetching.http import Policy
from anyres_bench.fetching.limits import Rate, States, ThreadStates, TokenBuckets

_LEAST: dict[str, float] = {
    "threads": 1,
    "processes": 0,
    "per_host": 1,
    "rate": 0,
    "max_megabytes": 0.001,
    "deadline": 0.1,
    "memory": 64,
    "decode_limit": 0.1,
}


@dataclass(frozen=True)
class ResourceLimits:
    """What a run may use, and how hard it may ask; none of it changes what comes out."""

    threads: Annotated[int, "Most fetches under way at once."] = 32
    processes: Annotated[int, "Processes that work at once; 0 means one a core."] = 0
    per_host: Annotated[int, "Fetches from one host under way at once."] = 8
    rate: Annotated[float, "Requests a second to one host; 0 means no limit."] = 16.0
    max_megabytes: Annotated[float, "Largest file that is fetched."] = 256.0
    deadline: Annotated[float, "Seconds that one fetch may take."] = 180.0
    memory: Annotated[int, "MiB of address space of each process that decodes."] = 4096
    decode_limit: Annotated[float, "Seconds that decoding one image may take."] = 120.0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise ConfigError(
                    f"--{name.replace('_', '-')} is {value}; it must be {least} or more, and finite"
                )

    @property
    def n_processes(self) -> int:
        """Processes that work at once."""
        return self.processes or os.cpu_count() or 1

    def policy(self, allow_private: bool) -> Policy:
        """How far one fetch may go."""
        return Policy(
            deadline_s=self.deadline,
            max_bytes=int(self.max_megabytes * (1 << 20)),
            allow_private=allow_private,
        )

    def buckets(self, rates: Mapping[str, Rate], states: States | None = None) -> TokenBuckets:
        """What paces the requests of all who share `states`; by default, of all threads.

        Args:
            rates: those of hosts and APIs by name.
            states: where buckets are kept.
        """
        default = Rate(self.rate, burst=max(1, int(self.rate / 2)))
        return TokenBuckets(default, rates, states=states or ThreadStates())

    def share(self, i: int, n: int) -> ResourceLimits:
        """The limits of the `i`-th of `n` processes; all together make this one.

        No part is empty: `n` is at most what is to be divided, but for processes where none is
        needed.
        """
        parts = {
            name: max(total // n + (i < total % n), 1)
            for name, total in (
                ("threads", self.threads),
                ("processes", self.n_processes),
                ("per_host", self.per_host),
            )
        }
        return dataclasses.replace(self, **parts)
