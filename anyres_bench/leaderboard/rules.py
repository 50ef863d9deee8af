"""What rules of a submission are made of: a folder that is read further rule by rule, verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import AnyresBenchError, DataError
from anyres_bench.leaderboard.submission import MANIFEST, Submission
from anyres_bench.results import Result

_SAID = 5  # reasons that a verdict lists


@dataclass(frozen=True)
class Verdict:
    """What came of one rule.

    Attributes:
        rule: in words.
        state: "ok", "failed", or "not said" where a submission leaves out what the rule is about.
        said: why, or how much was looked at.
    """

    rule: str
    state: str
    said: str

    def __str__(self) -> str:
        return f"{self.state:<8}  {self.rule}: {self.said}"


class NotSaid(Exception):  # noqa: N818 - no error
    """The submission leaves out what a rule is about."""


@dataclass
class SubmittedFolder:
    """A submission as far as it could be read; rules are asked in order and read further."""

    inside: Enclosure
    names: list[str] = field(default_factory=list)
    submission: Submission | None = None
    records: dict[str, Result] = field(default_factory=dict)

    def of(self, part: str) -> list[str]:
        """Names of the files in one of its folders."""
        return [name for name in self.names if name.startswith(f"{part}/")]

    def need(self) -> Submission:
        """Its manifest.

        Raises:
            DataError: it could not be read.
        """
        if self.submission is None:
            raise DataError(f"without a {MANIFEST} that can be read nothing can be said of it")
        return self.submission

    def some(self) -> dict[str, Result]:
        """Its records by file.

        Raises:
            DataError: none could be read.
        """
        if not self.records:
            raise DataError("no record could be read")
        return self.records


def refuse(reasons: Iterable[str]) -> None:
    """Raise DataError with the first few reasons, where there is one."""
    found = list(reasons)
    if found:
        more = f"; and {len(found) - _SAID} more" if len(found) > _SAID else ""
        raise DataError("; ".join(found[:_SAID]) + more)


Look = Callable[[SubmittedFolder], str]
"""What looks at a folder: how much it has seen, or an error."""


def verdict_of(rule: str, look: Look, folder: SubmittedFolder) -> Verdict:
    """Ask one rule; what cannot be decided has failed."""
    try:
        return Verdict(rule, "ok", look(folder))
    except NotSaid as why:
        return Verdict(rule, "not said", str(why))
    except (AnyresBenchError, OSError) as error:
        return Verdict(rule, "failed", str(error))
    except RecursionError:
        return Verdict(rule, "failed", "something in it is nested too deeply")
    except (MemoryError, ArithmeticError, ValueError) as error:
        return Verdict(rule, "failed", f"it cannot be decided: {type(error).__name__}: {error}")
