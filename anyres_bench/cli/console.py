"""The terminal of the one who gave the command: results on stdout, all else on stderr.

Whatever is printed is made inert first. Bars are drawn on terminals alone; where stderr is a file,
progress is a line now and then.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import click

from anyres_bench.core import distributed, quoting
from anyres_bench.core.errors import UsageError
from anyres_bench.core.reporting import Progress

_LINE_EVERY_S = 60.0
_LOG_HEAD = b"# log of anyres-bench\n"
_SCREEN = 80, 24  # columns and rows of a terminal that does not know its size


def show(text: object, bold: bool = False) -> None:
    """Print a result: on stdout, line by line, with nothing in it that a terminal would obey.

    Under `torchrun` the first process alone prints.
    """
    if not distributed.is_main():
        return
    lines = "\n".join(quoting.terminal(line) for line in str(text).split("\n"))
    click.echo(click.style(lines, bold=True) if bold else lines)
    console = _console()
    if console is not None:
        console.keep(lines)


class Console:
    """A `Reporter` on stderr, as loud as was asked for."""

    def __init__(self) -> None:
        self.loudness = 0  # -1: errors alone; 1: details too
        self._log: IO[str] | None = None
        self._n_bars = 0

    def log_to(self, path: Path) -> None:
        """Append everything that is told from now on to a file, with the time.

        Raises:
            OSError: it cannot be written.
            UsageError: there is something else than a log of ours.
        """
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK  # a pipe is not waited for
        descriptor = os.open(path, flags, 0o666)
        try:
            _check_log(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        how: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "buffering": 1}
        self._log = open(descriptor, "a", **how)  # noqa: SIM115 - as long as the command runs

    def log(self, text: str) -> None:
        """Write to the log alone, where there is one."""
        self.keep(quoting.terminal_lines(text))

    def keep(self, plain: str) -> None:
        """Write text that is inert, of whatever length, to the log alone."""
        if self._log is not None:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
            self._log.writelines(f"{stamp} {line}\n" for line in plain.split("\n"))

    def tell(self, text: str) -> None:
        """What is said however quiet one wants it."""
        if not text:
            return
        self.log(text)
        plain = quoting.terminal_lines(text)
        if self._n_bars:
            from tqdm import tqdm

            tqdm.write(plain, file=sys.stderr)
        else:
            click.echo(plain, err=True)

    def say(self, text: str) -> None:
        """What everyone should know."""
        if self.loudness >= 0:
            self.tell(text)
        else:
            self.log(text)

    def detail(self, text: str) -> None:
        """What only those want to know who ask for it: -v, or the log."""
        if self.loudness > 0:
            self.tell(text)
        else:
            self.log(text)

    @contextlib.contextmanager
    def progress(self, title: str, total: int | None, done: int, unit: str) -> Iterator[Progress]:
        """A bar with rate and time left; nothing where all is done already."""
        shown = self.loudness >= 0 and sys.stderr is not None and done != total
        if not shown or not sys.stderr.isatty():
            yield _Lines(self.say if shown else self.log, title, total, done, unit)
            return
        with self._bar(title, total, done, unit) as bar:
            self._n_bars += 1
            try:
                yield bar
            finally:
                self._n_bars -= 1

    def _bar(self, title: str, total: int | None, done: int, unit: str) -> Any:
        from tqdm import tqdm

        class Bar(tqdm):  # type: ignore[misc]
            def expect(self, total: int) -> None:
                self.total = total

            def note(self, text: str) -> None:
                self.set_postfix_str(quoting.terminal(text), refresh=False)

        known = os.get_terminal_size(sys.stderr.fileno()).columns > 0
        return Bar(
            total=total,
            initial=done,
            desc=quoting.terminal(title),
            unit=unit,
            unit_scale=unit == "B",
            file=sys.stderr,
            dynamic_ncols=known,
            ncols=None if known else _SCREEN[0],
            nrows=None if known else _SCREEN[1],
        )


def _check_log(descriptor: int, path: Path) -> None:
    """Refuse to append to a file that somebody keeps something else in.

    Raises:
        UsageError: it is no regular file, or not empty and does not begin as our logs do.
    """
    what = f"--log {path}"
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise UsageError(f"{what} is no regular file; name a new one, or a log of anyres-bench")
    if os.fstat(descriptor).st_size == 0:
        os.write(descriptor, _LOG_HEAD)
    elif os.pread(descriptor, len(_LOG_HEAD), 0) != _LOG_HEAD:
        raise UsageError(
            f"{what} is there and is no log of anyres-bench, so nothing is appended to it; "
            "name a new file"
        )


class _Lines:
    """Progress where no bar can be drawn: a line a minute."""

    def __init__(
        self, say: Callable[[str], None], title: str, total: int | None, done: int, unit: str
    ) -> None:
        self._say, self._title, self._unit = say, title, unit
        self._total = total
        self._n, self._note = done, ""
        self._next = time.monotonic() + _LINE_EVERY_S

    def update(self, n: int = 1) -> None:
        """`n` more are done."""
        self._n += n
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _LINE_EVERY_S
            of = "" if self._total is None else f" of {self._total:,}"
            self._say(f"{self._title}: {self._n:,}{of} {self._unit} {self._note}".rstrip())

    def expect(self, total: int) -> None:
        """How many there are, where that is known only now."""
        self._total = total

    def note(self, text: str) -> None:
        """What stands behind the numbers from now on."""
        self._note = text


def _console() -> Console | None:
    context = click.get_current_context(silent=True)
    return context.find_object(Console) if context is not None else None
