"""Long pauses that hosts ask for: a run that waits for hours says whom it waits for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from anyres_bench.fetching.limits import Limits

_LONG_S = 60.0  # shorter ones are over before anybody wonders


@dataclass(frozen=True)
class Pause:
    """A host, or the name of an API, that asked to be left alone for so many seconds."""

    key: str
    seconds: float

    def text(self) -> str:
        """For people."""
        minutes = f"{self.seconds / 60:.0f} minutes"
        return (
            f"{self.key} asked to be left alone for {minutes}; the run waits for it, and goes on "
            "with what others have meanwhile. It may be stopped: the same command goes on"
        )


@dataclass(frozen=True)
class TellingLimits:
    """`Limits` that tell of each long pause once.

    Attributes:
        limits: what paces requests.
        tell: is told, in the thread that met the pause.
    """

    limits: Limits
    tell: Callable[[Pause], None]

    def reserve(self, key: str, patience_s: float = math.inf) -> float:
        """As those that are told of."""
        return self.limits.reserve(key, patience_s)

    def ready_in(self, key: str) -> float:
        """As those that are told of."""
        return self.limits.ready_in(key)

    def paused_for(self, key: str) -> float:
        """As those that are told of."""
        return self.limits.paused_for(key)

    def throttled(self, key: str, retry_after_s: float | None) -> float:
        """As those that are told of; the pause is told where it is longer than the one before."""
        before = self.limits.paused_for(key)
        pause = self.limits.throttled(key, retry_after_s)
        if pause >= before + _LONG_S:
            self.tell(Pause(key, pause))
        return pause

    def succeeded(self, key: str) -> None:
        """As those that are told of."""
        self.limits.succeeded(key)
