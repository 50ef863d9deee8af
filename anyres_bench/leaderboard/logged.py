"""The log of a leaderboard held against what it was and against submissions."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from anyres_bench.core.counts import counted
from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.leaderboard.checks import CheckedSubmission
from anyres_bench.leaderboard.log import (
    RETRACTED,
    TIERS,
    LogLine,
    append,
    check_appended,
    load_log,
    log_text,
    state_of,
    states,
)
from anyres_bench.leaderboard.rules import Verdict
from anyres_bench.leaderboard.submission import Submission


def submission_seal(submission: Submission) -> str:
    """By which a log knows a submission: 64 hex digits."""
    return str(submission.to_json()["seal"])


def check_log(path: Path, base: Path | None, checked: CheckedSubmission | None) -> list[Verdict]:
    """Verdicts on a log.

    Args:
        path: of the log.
        base: the log that it is to take the place of; None: it is the first.
        checked: a submission that has to be in it; None: no particular one.
    """
    try:
        lines = load_log(path)
        today = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)  # of all
        if lines and lines[-1].date > today.isoformat():
            raise DataError(f"{lines[-1].date} is still to come")
    except DataError as error:
        return [Verdict("log", "failed", str(error))]
    found = [Verdict("log", "ok", counted(len(lines), "line"))]
    if base is not None:
        found.append(_grown(path, base))
    if checked is not None:
        found += entered(lines, checked)
        if strays := stray_records(lines, checked):
            found.append(Verdict("records in the log", "failed", "; ".join(strays)))
    return found


def _grown(path: Path, base: Path) -> Verdict:
    try:
        n_added = check_appended(log_text(base), log_text(path))
        lines = load_log(path)
    except DataError as error:
        return Verdict("log only grows", "failed", str(error))
    states_added = Counter(line.state for line in lines[len(lines) - n_added :])
    listed = ", ".join(f"{n} {state}" for state, n in states_added.items())
    return Verdict("log only grows", "ok", f"added: {listed or 'nothing'}")


def entered(lines: Sequence[LogLine], checked: CheckedSubmission) -> Iterator[Verdict]:
    """Whether a submission is in the log, by no higher tier than its check has found."""
    rule = "entry in the log"
    if checked.submission is None:
        yield Verdict(rule, "failed", "there is no submission that could be in it")
        return
    known = state_of(states(lines), submission_seal(checked.submission))
    if known is None:
        yield Verdict(rule, "failed", "it has no line; `leaderboard log FILE --add DIR` adds one")
    elif known.model != checked.submission.model:
        yield Verdict(rule, "failed", f"the log calls its model {known.model}")
    elif known.state == TIERS[1] and checked.tier == TIERS[0]:
        yield Verdict(rule, "failed", f"the log says {known.state}, its features do not")
    else:
        why = f": {known.why}" if known.why.strip() else ""
        yield Verdict(rule, "ok", f"{known.state} since {known.date}{why}")


def stray_records(lines: Sequence[LogLine], checked: CheckedSubmission) -> list[str]:
    """What the log says of records that a submission does not hold, a sentence each.

    Such a line does nothing: the number that was to be retracted still stands.
    """
    if checked.submission is None:
        return []
    seal, held = submission_seal(checked.submission), {record.key for record in checked.records}
    known = ", ".join(sorted(key[:12] for key in held)[:8])
    return [
        f"the log calls record {line.record[:12]} {line.state}, and there is none of that key; "
        f"those that are there begin with {known}"
        for line in lines
        if line.submission == seal and line.record and line.record not in held
    ]


def standing(lines: Sequence[LogLine], checked: CheckedSubmission) -> str:
    """What a submission counts as by its check and its log: a tier, or that it was retracted.

    Empty where a rule failed.
    """
    if checked.submission is None or not checked.tier:
        return ""
    known, seal = states(lines), submission_seal(checked.submission)
    whole = state_of(known, seal)
    if whole is None or whole.state not in (RETRACTED, TIERS[-1]):
        tier = checked.tier
    else:
        tier = whole.state
    records = [state_of(known, seal, record.key) for record in checked.records]
    gone = sum(line is not None and line.state == RETRACTED for line in records)
    partly = gone and tier != RETRACTED
    return f"{tier}, {gone} of {len(records)} records retracted" if partly else tier


def today() -> str:
    """The day in UTC, as 2026-01-31."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def add_submission(path: Path, checked: CheckedSubmission) -> LogLine:
    """Enter a submission into a log with the tier that its check has found.

    Raises:
        UsageError: a rule failed, or it is in the log already.
    """
    if not checked.fits or checked.submission is None:
        raise UsageError("it was refused; `leaderboard check` says why")
    submission = checked.submission
    line = LogLine(today(), checked.tier, submission_seal(submission), "", submission.model, "")
    append(path, line)
    return line


def change_state(path: Path, beginning: str, state: str, record: str, why: str) -> LogLine:
    """Enter that a submission, or a record of one, was re-rendered or retracted.

    Args:
        path: of the log.
        beginning: of the submission's seal, 8 digits or more.
        state: the last of `TIERS`, or `RETRACTED`.
        record: key of a record; empty for all.
        why: of a retraction.

    Raises:
        UsageError: the log has no such submission, or it cannot become that.
    """
    lines = load_log(path)
    seals = {line.submission: line.model for line in lines}
    found = [seal for seal in seals if len(beginning) >= 8 and seal.startswith(beginning)]
    if len(found) != 1:
        raise UsageError(
            f"{path} has {len(found)} submissions whose seal begins with {beginning!r}; name 8 "
            "digits or more of one"
        )
    if state == RETRACTED and not why.strip():
        raise UsageError("a retraction says why: give --why")
    try:
        line = LogLine(today(), state, found[0], record, seals[found[0]], why)
    except DataError as error:
        raise UsageError(str(error)) from error
    append(path, line)
    return line
