"""What a run would do: how many requests, bytes and hours, and under which licences."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from anyres_bench.building.pipeline import Order
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.collectors.collector import Asking, Candidate, Estimating, Resolver
from anyres_bench.core.errors import FetchError, ImageError
from anyres_bench.core.quoting import one_line_each
from anyres_bench.fetching.addresses import check_literal, check_url
from anyres_bench.fetching.http import Policy

_MOST_ROWS = 12  # of licences and of hosts


@dataclass(frozen=True)
class BuildPlan:
    """What a run would do, as far as the source says beforehand.

    Attributes:
        n_listed: candidates, the same id counted once.
        n_repeated: that name what another one names, and count no more.
        refused: those that the rules leave out already, by reason.
        licences: of all candidates.
        hosts: requests to each host, of those that are left.
        n_bytes, n_sized: bytes that are claimed, and by how many candidates.
        seconds: the least time that the busiest host takes at the rate that is set.
        estimate: what the collector itself says that it costs.
        unlisted: why the candidates cannot be listed beforehand; nothing else is known then.
    """

    n_listed: int = 0
    n_repeated: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    licences: dict[str, int] = field(default_factory=dict)
    hosts: dict[str, int] = field(default_factory=dict)
    n_bytes: int = 0
    n_sized: int = 0
    seconds: float = 0.0
    estimate: str = ""
    unlisted: str = ""

    @property
    def n_left(self) -> int:
        """Candidates that would be obtained."""
        return self.n_listed - sum(self.refused.values())

    def text(self) -> str:
        """For people, a fact a line; of long tables the largest rows."""
        if self.unlisted:
            return one_line_each([self.unlisted])
        lines = [f"{self.n_listed:8} candidates"]
        if self.n_repeated:
            lines.append(f"{self.n_repeated:8} name what another one names, which counts once")
        lines += [f"{n:8} would be left out unseen: {why}" for why, n in self.refused.items()]
        lines.append(f"{self.n_left:8} would be obtained")
        for title, counts in (("licence", self.licences), ("host", self.hosts)):
            lines += [f"{n:8} {title} {word}" for word, n in [*counts.items()][:_MOST_ROWS]]
            if len(counts) > _MOST_ROWS:
                lines.append(f"{'':8} and {len(counts) - _MOST_ROWS} more")
        if self.n_sized:
            lines.append(f"{self.n_bytes / 1e9:8.1f} GB, as {self.n_sized} of them say")
        if self.seconds:
            lines.append(f"{self.seconds / 60:8.1f} minutes at least, at the rate for one host")
        if self.estimate:
            lines.append(f"{'':8} {self.estimate}")
        return one_line_each(lines)


def plan(order: Order, resources: ResourceLimits, policy: Policy | None = None) -> BuildPlan:
    """List the candidates of an order and count; nothing is fetched or written.

    Every rule is applied that a run would apply before it asks anybody.

    Args:
        order: what would be built.
        resources: what a run might use.
        policy: how far one fetch might go; that of `resources` by default.
    """
    policy = policy or resources.policy(allow_private=False)
    if isinstance(order.collector, Asking) and (why := order.collector.unlisted()):
        return BuildPlan(unlisted=why)
    seen: set[str] = set()
    licences: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    hosts: Counter[str] = Counter()
    n_bytes = n_sized = n_repeated = 0
    for candidate in order.collector.candidates():
        if candidate.key + candidate.source_id in seen:
            n_repeated += 1
            continue
        seen.add(candidate.key + candidate.source_id)
        licences[candidate.licence_id] += 1
        try:
            order.rules.check_claims(candidate, isinstance(order.collector, Resolver))
            is_known = bool(candidate.url) or not isinstance(order.collector, Resolver)
            if is_known and not order.collector.local:
                _check_fetch(candidate, policy)
        except (ImageError, FetchError) as error:
            refused[error.reason] += 1
            continue
        hosts[_host(candidate)] += 1
        n_bytes += candidate.n_bytes or 0
        n_sized += candidate.n_bytes is not None
    del hosts[""]
    collector = order.collector
    n_left = len(seen) - refused.total()
    busiest = max(hosts.values(), default=0)
    return BuildPlan(
        n_listed=len(seen),
        n_repeated=n_repeated,
        refused=dict(refused.most_common()),
        licences=dict(licences.most_common()),
        hosts=dict(hosts.most_common()),
        n_bytes=n_bytes,
        n_sized=n_sized,
        seconds=busiest / resources.rate if resources.rate else 0.0,
        estimate=collector.estimate(n_left) if isinstance(collector, Estimating) else "",
    )


def _check_fetch(candidate: Candidate, policy: Policy) -> None:
    """Refuse what the fetcher would refuse before it asks the host.

    Raises:
        FetchError: for what the URL is, the address that it spells out, or the claimed length.
    """
    check_url(candidate.url, policy.allow_private, policy.ports)
    check_literal(_host(candidate), policy.allow_private)
    if candidate.n_bytes is not None and candidate.n_bytes > policy.max_bytes:
        told = f"it says that it has {candidate.n_bytes} bytes, the limit is {policy.max_bytes}"
        raise FetchError("too-many-bytes", told)


def _host(candidate: Candidate) -> str:
    try:
        return urlsplit(candidate.url).hostname or ""
    except ValueError:
        return ""
