"""How a command ends when something was raised: what is said, what is kept, and the exit code.

What the operating system, its limits and its files raise is told in words, with what to do. What
remains is a fault of ours: it is said to be one, and a report file holds what we need to mend it.
"""

from __future__ import annotations

import errno
import importlib.metadata
import io
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

import anyres_bench
from anyres_bench import __version__
from anyres_bench.core.errors import AnyresBenchError
from anyres_bench.core.factories import own_code

_LIBRARIES = ("torch", "numpy", "scipy", "pillow", "pyarrow", "click")
STOPPED = 130  # what a shell makes of Ctrl-C
FAULT = 70  # EX_SOFTWARE of sysexits.h
_GO_ON = "the same command goes on where it was"
# errno -> (what happened, what to do)
_SYSTEM = {
    errno.ENOSPC: ("the disk is full, or takes no more files", f"free some space; {_GO_ON}"),
    errno.EDQUOT: ("the disk quota is used up", f"free some space; {_GO_ON}"),
    errno.EFBIG: ("the file grew beyond what is allowed here", "see `ulimit -f`, or another disk"),
    errno.EROFS: ("this file system is read-only", "choose a folder elsewhere"),
    errno.EACCES: ("permission denied", "change its permissions, or choose another place"),
    errno.EPERM: ("the system does not permit that", "choose another place"),
    errno.ENOENT: ("no such file or folder", "check the spelling and that its disk is mounted"),
    errno.ENOTDIR: ("a part of this path is a file, no folder", "choose another place"),
    errno.EISDIR: ("this is a folder, where a file is wanted", "name a file"),
    errno.EEXIST: ("something is there already", "remove it or choose another name"),
    errno.ENOTEMPTY: ("this folder is not empty", "empty it or choose another name"),
    errno.ENAMETOOLONG: ("this name is too long for the disk", "choose a shorter one"),
    errno.ELOOP: ("links lead round in a circle", "name the file itself"),
    errno.EBUSY: ("this is in use", "close what uses it and try again"),
    errno.ETXTBSY: ("this is in use", "close what uses it and try again"),
    errno.EIO: ("the disk answered with an error", "look into the system's log; save what you can"),
    errno.ESTALE: ("the network disk lost this file", f"mount it again; {_GO_ON}"),
    errno.EMFILE: ("too many files are open", "raise `ulimit -n`, or ask for fewer workers"),
    errno.ENFILE: ("too many files are open on this machine", "close other programs"),
    errno.EAGAIN: ("the system gives no more processes", "see `ulimit -u`; ask for fewer workers"),
    errno.ENOMEM: ("memory ran out", "ask for less: smaller batches, sizes or numbers of workers"),
    errno.ENOLCK: ("this disk gives no locks", "choose a folder on a local disk"),
    errno.EINVAL: ("this disk does not take such a file", "choose a folder on another disk"),
}
_MEMORY = _SYSTEM[errno.ENOMEM]
_KILLED = ("a process was killed, as when memory runs out", _MEMORY[1])
_DISK = _SYSTEM[errno.ENOSPC]
# Words of libraries that tell what the system did without its error number: (words, what happened).
_SPOKEN = (
    (("can't allocate memory", "cannot allocate memory", "out of memory"), _MEMORY),
    (("failed to map segment", "bad_alloc", "unable to allocate"), _MEMORY),
    (("no space left on device", "disk is full", "file write failed"), _DISK),
    (("attempt to write a readonly", "read-only file system"), _SYSTEM[errno.EROFS]),
    (("unable to open database file",), ("a file cannot be opened or made", "check its folder")),
    (("disk i/o error", "input/output error"), _SYSTEM[errno.EIO]),
    (("database is locked",), _SYSTEM[errno.EBUSY]),
    (("can't start new thread",), _SYSTEM[errno.EAGAIN]),
    (("terminated abruptly", "dataloader worker (pid"), _KILLED),
    (("cuda error", "cudnn", "cublas", "nccl"), ("the accelerator failed", "try --device cpu")),
)


def ending(error: BaseException, arguments: Sequence[str]) -> tuple[str, int]:
    """What is said of what ended a command, and the exit code."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return "stopped; " + _GO_ON, STOPPED
    if isinstance(error, click.ClickException):
        error = _of_argument(error) if isinstance(error, click.NoSuchOption) else error
        usage = io.StringIO()
        error.show(usage)
        return usage.getvalue().rstrip(), error.exit_code
    if isinstance(error, BrokenPipeError):
        return "", 1  # the reader of our output has gone (`| head`): nothing is left to say
    if isinstance(error, OSError) and _came_from_printing(error):
        error.filename = error.filename or "standard output"
    known = explanation(error)
    if known is not None:
        return f"error: {known}", getattr(error, "exit_code", 1)
    if own := _own_line(error):
        return f"error: {_own_message(error, own, arguments)}", 1
    return f"error: {fault_message(error, arguments)}", FAULT


def _of_argument(error: click.NoSuchOption) -> click.UsageError:
    """What is said of an option that is an argument: some commands have `--out`, others OUT."""
    name = error.option_name.lstrip("-")
    arguments = error.ctx.command.params if error.ctx else ()
    if not any(isinstance(one, click.Argument) and one.name == name for one in arguments):
        return error
    told = f"{name.upper()} is an argument here: write it without {error.option_name}."
    return click.UsageError(told, error.ctx)


def of_own_code(error: BaseException) -> bool:
    """Whether the user's own model or extractor raised an error, and none of ours."""
    return _own_line(error) is not None


def _came_from_printing(error: OSError) -> bool:
    """Whether click's `echo` raised it, or `_run`, which empties the buffer of stdout."""
    frames = traceback.extract_tb(error.__traceback__)[-1:]
    return any(frame.name in {"echo", "_run"} for frame in frames)


def explanation(error: BaseException) -> str | None:
    """What an error means for the one who gave the command; None for a fault of ours."""
    cause: BaseException | None = error
    while cause is not None:
        if text := _explained(cause):
            return text
        cause = cause.__cause__
    return None


def _explained(error: BaseException) -> str | None:
    if isinstance(error, AnyresBenchError):
        return str(error)
    if isinstance(error, MemoryError):
        return _sentence("", *_MEMORY)
    if isinstance(error, RecursionError):
        return "something that was read is nested too deeply; is it what it should be?"
    if isinstance(error, UnicodeEncodeError):
        return (
            f"this system's encoding, {error.encoding}, has no letter for "
            f"{error.object[error.start : error.end]!a}; set LC_ALL=C.UTF-8, or PYTHONUTF8=1"
        )
    if isinstance(error, ModuleNotFoundError) and not _is_ours(error.name):
        return f"{error.name} is not installed; install anyres-bench again, with its dependencies"
    if isinstance(error, OSError):
        return _of_system(error)
    return _spoken(error)


def _of_system(error: OSError) -> str:
    place = error.filename if error.filename2 is None else error.filename2
    name = "" if place is None else f"{os.fsdecode(place) if isinstance(place, bytes) else place}: "
    known = _SYSTEM.get(error.errno or 0)
    if known is not None:
        return _sentence(name, *known)
    return _spoken(error) or f"{name}{error.strerror or error or type(error).__name__}"


def _spoken(error: BaseException) -> str | None:
    """What the message of a library that met the system's limits means."""
    if type(error).__name__ in {"BrokenProcessPool", "OutOfMemoryError"}:
        return _sentence("", *_MEMORY)
    if not isinstance(error, (OSError, RuntimeError, ImportError)) and (
        type(error).__module__ not in {"sqlite3", "safetensors", "safetensors_rust", "pyarrow.lib"}
    ):
        return None
    said = str(error).casefold()
    for words, known in _SPOKEN:
        if any(word in said for word in words):
            return _sentence("", *known)
    return None


def _sentence(name: str, what: str, advice: str) -> str:
    return f"{name}{what}; {advice}"


def _is_ours(module: str | None) -> bool:
    return (module or "").split(".")[0] in {"", "anyres_bench"}


def _own_line(error: BaseException) -> traceback.FrameSummary | None:
    """The line of the user's own model or extractor that raised; None where ours did."""
    package = os.path.dirname(os.path.abspath(anyres_bench.__file__)) + os.sep
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if own_code(frame.filename):
            return frame
        if os.path.abspath(frame.filename).startswith(package):
            return None
    return None


def _own_message(
    error: BaseException, line: traceback.FrameSummary, arguments: Sequence[str]
) -> str:
    where = f"{Path(line.filename).name} line {line.lineno}, in {line.name}"
    said = f"your own code raised {type(error).__name__}: {error} ({where})"
    try:
        return f"{said}\nthe whole traceback is in {_write_report(error, arguments)}"
    except OSError:
        return said


def fault_message(error: BaseException, arguments: Sequence[str]) -> str:
    """What is said of a fault of ours; the report file is written on the way."""
    kind = type(error).__name__
    lines = [f"this is a fault of anyres-bench, not of yours: {kind}: {error}"]
    try:
        path = _write_report(error, arguments)
        lines.append(f"please report it with {path}; read that first, it holds your command")
    except OSError as failed:
        place = traceback.extract_tb(error.__traceback__)[-1:]
        where = ", ".join(f"{Path(one.filename).name} line {one.lineno}" for one in place)
        lines.append(f"it arose in {where}; no report could be written: {failed.strerror}")
    return "\n".join(lines)


def _write_report(error: BaseException, arguments: Sequence[str]) -> Path:
    """The command, versions and the traceback, in a file of its own."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    versions = [f"{library} {_version(library)}" for library in _LIBRARIES]
    lines = [
        f"anyres-bench {__version__}, {stamp}",
        f"Python {sys.version}",
        f"{platform.platform()}, {os.cpu_count()} processors",
        *versions,
        f"arguments: {list(arguments)!a}",
        "",
        *traceback.format_exception(error),
    ]
    descriptor, name = tempfile.mkstemp(".txt", f"anyres-bench-fault-{stamp}-")
    try:
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write("\n".join(lines))
    except OSError:
        os.unlink(name)
        raise
    return Path(name)


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "is not installed"
