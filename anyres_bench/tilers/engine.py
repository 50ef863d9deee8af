"""A command that tiles: sizes written to it, answers read from it, one JSON line a size.

The command is started once. It reads `height width` lines from standard input until that ends, and
writes for each, in order, one line

    {"grid": [rows, columns], "resized": [height, width], "tokens": n}

or `{"refused": "why"}`. It may answer at once or when its input ends; other keys are ignored.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from anyres_bench.core.errors import CommandError, UsageError
from anyres_bench.core.geometry import Size

_LINE_BYTES = 1 << 16
_STDERR_LINES = 5
_GRACE_S = 5.0
_LONGEST_S = 86_400


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says of one size; all None where it refuses."""

    grid: Size | None = None
    resized: Size | None = None
    tokens: int | None = None

    @property
    def refused(self) -> bool:
        """Whether the size is refused."""
        return self.tokens is None

    def __str__(self) -> str:
        if self.refused:
            return "refused"
        return f"grid {self.grid}, resized {self.resized}, {self.tokens} tokens"


def ask(command: Sequence[str], sizes: Sequence[Size], timeout_s: float = 10.0) -> list[Answer]:
    """The command's answer for each size.

    Args:
        command: program and arguments; no shell.
        sizes: what is asked.
        timeout_s: longest silence before each answer, seconds.

    Raises:
        UsageError: the command cannot be started, or the timeout is none.
        CommandError: it is silent for too long, ends too early, says too much, or something that
            is no answer. The command and what it started are ended in any case.
    """
    if not 0 < timeout_s <= _LONGEST_S:
        raise UsageError(f"a timeout of {timeout_s} s; expected more than 0, up to {_LONGEST_S}")
    with _started(command) as process, _Conversation(process, sizes) as lines:
        answers = [
            parse(lines.next(size, timeout_s), size, number)
            for number, size in enumerate(sizes, start=1)
        ]
        lines.finish(timeout_s)
        return answers


def parse(line: str, size: Size, number: int) -> Answer:
    """One line as an answer; raises CommandError with the line where it is none."""
    said = f"answer {number} (for {size}) is {line[:200]!r}"
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise CommandError(f"{said}: not JSON; {_EXPECTED}") from None
    if not isinstance(values, dict):
        raise CommandError(f"{said}: no object; {_EXPECTED}")
    if values.get("refused"):
        return Answer()
    pairs = [_pair(values.get(key)) for key in ("grid", "resized")]
    tokens = values.get("tokens")
    if None in pairs or not _count(tokens):
        raise CommandError(f"{said}: a key is missing or no whole number; {_EXPECTED}")
    return Answer(pairs[0], pairs[1], tokens)


_EXPECTED = (
    'expected {"grid": [rows, columns], "resized": [height, width], "tokens": n} '
    'or {"refused": "why"}'
)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _pair(value: Any) -> Size | None:
    if isinstance(value, list) and len(value) == 2 and all(map(_count, value)):
        return Size(*value)
    return None


@contextlib.contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process group of its own, which is ended with the block."""
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, start_new_session=True, stdin=pipe, stdout=pipe, stderr=pipe
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot start {command[0]!r}: {error}; name a program to run") from None
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class _Conversation:
    """Writes the sizes and reads lines, each in a thread, so neither side can block the other."""

    def __init__(self, process: subprocess.Popen[bytes], sizes: Sequence[Size]) -> None:
        self._process = process
        self._sizes = sizes
        self._lines: queue.Queue[bytes | None] = queue.Queue(maxsize=1024)
        self._stderr: deque[bytes] = deque(maxlen=_STDERR_LINES)
        self._closed = threading.Event()
        targets = (self._write, self._read, self._listen)
        self._threads = [threading.Thread(target=target, daemon=True) for target in targets]
        self._answered = 0

    def __enter__(self) -> _Conversation:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for thread in self._threads:
            thread.join(_GRACE_S)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError, ValueError):
                _open(pipe).close()

    def next(self, size: Size, timeout_s: float) -> str:
        """The next line, for this size."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise CommandError(
                f"no answer for {size} within {timeout_s:g} s, after {self._answered} of "
                f"{len(self._sizes)}; answer each line (and flush), or give it longer with "
                f"--timeout{self._last_words()}"
            ) from None
        if line is None:
            raise CommandError(
                f"the command ended ({self._status()}) after {self._answered} of "
                f"{len(self._sizes)} answers, at {size}{self._last_words()}"
            )
        if len(line) > _LINE_BYTES:
            raise CommandError(f"the answer for {size} has over {_LINE_BYTES} bytes; {_EXPECTED}")
        self._answered += 1
        return line.decode("utf-8", "replace").strip()

    def finish(self, timeout_s: float) -> None:
        """Wait for the end; more lines than sizes, or a failure after them, is an error."""
        try:
            extra = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return  # it answered everything; what it still does is of no interest
        if extra is not None:
            said = extra[:200].decode("utf-8", "replace").strip()
            raise CommandError(
                f"more answers than the {len(self._sizes)} sizes asked, such as {said!r}; "
                "answer each line once and print nothing else"
            )

    def _write(self) -> None:
        pipe = _open(self._process.stdin)
        with contextlib.suppress(OSError, ValueError):
            for size in self._sizes:
                pipe.write(f"{size.height} {size.width}\n".encode())
                pipe.flush()
        with contextlib.suppress(OSError, ValueError):
            pipe.close()

    def _read(self) -> None:
        pipe = _open(self._process.stdout)
        with contextlib.suppress(OSError, ValueError):
            while line := pipe.readline(_LINE_BYTES + 1):
                self._put(line)
        self._put(None)

    def _put(self, line: bytes | None) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._lines.put(line, timeout=0.1)
                return

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := _open(self._process.stderr).readline(_LINE_BYTES):
                self._stderr.append(line)

    def _status(self) -> str:
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return "its output was closed"
        self._threads[2].join(1.0)
        return f"status {code}" if code >= 0 else f"signal {-code}"

    def _last_words(self) -> str:
        text = b"".join(self._stderr).decode("utf-8", "replace").strip()
        return f"; it said: {text[-500:]}" if text else ""


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
