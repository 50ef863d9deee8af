"""One small fuzzer for every parser of foreign bytes, and the corpora that it leaves.

A target reads bytes and may raise what it promises to; anything else, a crash, a hang or a hunger
for memory is a fault. Inputs are mutations of known ones, drawn from a fixed seed; one that ends in
a way not seen before is mutated further. Those are what a corpus holds: `tests/corpus/TARGET/`
is replayed by the fast tests, and grows with FUZZ_KEEP=1. An input that shows a fault is written
there at once, and named. FUZZ_SEED and FUZZ_SECONDS search elsewhere, and longer.

    fuzz("lists", SEEDS, read, allowed=(AnyresBenchError,))     # in a slow test: a minute
    replay("lists", read, allowed=(AnyresBenchError,))          # in a fast one: the corpus
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import multiprocessing
import os
import random
import re
import resource
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
_LONGEST = 1 << 16  # bytes of an input that is kept
_MOST_BYTES = 1 << 18  # of a corpus, to which no more is added then
_MOST_KEPT = 60  # inputs of a corpus
_MOST_CHANGES = 6
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
_TOKENS = (
    b'"', b"'", b"[" * 900, b"{", b"}", b"null", b"NaN", b"1e999", b"-1", b"9" * 5000, b"\\ud800",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"../", b"/dev/zero", b"\r\n", b"http://[", b"=cmd()",
    b"\x1b]0;x\x07", "\u202e".encode(), b"%00", b",", b":",
)  # fmt: skip
_VALUES = (
    None, True, False, -1, 0, 2**31, 2**63, 10**400, 0.5, -1e-320, 1e308, float("nan"),
    float("inf"), "", "x" * 5000, [], {}, [[]], {"": {}}, ["a"], {"a": 1}, [0] * 300,
)  # fmt: skip

Target = Callable[[bytes], object]


def fuzz(
    name: str,
    seeds: Iterable[bytes],
    target: Target,
    allowed: tuple[type[BaseException], ...],
    *,
    seconds: float = 60.0,
    seed: int = 0,
    limit_s: float = 10.0,
    memory_bytes: int = 2 << 30,
    mutate: Callable[[random.Random, Sequence[bytes]], bytes] | None = None,
) -> int:
    """Feed mutations of `seeds` and of the corpus to `target`; how many there were.

    Args:
        name: of the target, and of its corpus.
        seeds: inputs that are well formed, or nearly.
        target: reads one input.
        allowed: what it may raise.
        seconds: how long.
        seed: of the mutations.
        limit_s: longest time of the processor for one input.
        memory_bytes: address space beyond what the process has when it begins.
        mutate: makes an input of known ones; byte by byte in its absence.

    Raises:
        AssertionError: an input shows a fault; it is in the corpus now.
    """
    seed = int(os.environ.get("FUZZ_SEED", seed))
    seconds = float(os.environ.get("FUZZ_SECONDS", seconds))
    known = [*seeds, *_corpus(name)]
    last = CORPUS / f".{name}.{os.getpid()}.tmp"
    CORPUS.mkdir(exist_ok=True)
    arguments = (last, known, target, allowed, seconds, seed, limit_s, memory_bytes, mutate)
    told = _forked(*arguments)
    # Threads of libraries that other tests have loaded, Ray's for one, can end a forked process;
    # what an input does it does again.
    if isinstance(told, int):
        told = _forked(*arguments)
    if isinstance(told, int):
        told = 0, [], (last.read_bytes(), f"it died with {told}, twice")
    n, found, fault = told
    last.unlink(missing_ok=True)
    if os.environ.get("FUZZ_KEEP"):
        _keep(name, found)
    if fault is not None:
        path = _write(name, fault[0])
        raise AssertionError(f"{name}: {path} shows a fault after {n} inputs\n{fault[1]}")
    return int(n)


def _forked(*arguments: Any) -> Any:
    """What `_run` sends from a process of its own, or the exit code that it dies with."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        told = ours.recv()
    except EOFError:
        told = None
    process.join()
    return process.exitcode if told is None else told


@contextlib.contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder for targets that write, in memory where there is such: disks are waited for."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def replay(name: str, target: Target, allowed: tuple[type[BaseException], ...]) -> int:
    """Feed the corpus to `target`; how many inputs it has.

    Raises:
        AssertionError: an input shows a fault, or there is no corpus.
    """
    inputs = list(_corpus(name))
    assert inputs, f"no corpus of {name}: run its slow test with FUZZ_KEEP=1"
    for data in inputs:
        ending, fault = _ending(target, data, allowed)
        assert fault is None, f"{name}: {hashlib.sha256(data).hexdigest()[:16]}\n{fault}"
        assert ending
    return len(inputs)


def mutated(rng: random.Random, known: Sequence[bytes]) -> bytes:
    """A known input with a few changes: bits, bytes, numbers, pieces lost, doubled or exchanged."""
    data = bytearray(rng.choice(known))
    for _ in range(rng.randint(1, _MOST_CHANGES)):
        at = rng.randrange(len(data) + 1)
        span = rng.randint(1, rng.choice((1, 4, 64)))
        match rng.randrange(8):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 2:
                width = rng.choice((1, 2, 4, 8))
                number = rng.choice(_NUMBERS) % (1 << 8 * width)
                data[at : at + width] = number.to_bytes(width, rng.choice(("little", "big")))
            case 3:
                del data[at : at + span]
            case 4:
                data[at:at] = data[at : at + span] * rng.choice((1, 2, 50))
            case 5:
                other = rng.choice(known)
                start = rng.randrange(len(other) + 1)
                data[at : at + span] = other[start : start + span]
            case 6:
                data[at:at] = rng.choice(_TOKENS)
            case _:
                del data[at:]
    return bytes(data)


def mutated_json(rng: random.Random, value: Any) -> Any:
    """A JSON value with one part of it lost, doubled, or of another type or size."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(list(value))
        kept = {key: one for key, one in value.items() if key != name or rng.random() < 0.95}
        return {**kept, name if name in kept else _odd(rng): mutated_json(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        many = rng.choice((0, 1, 1, 1, 2, 200))
        return [*value[:at], *([mutated_json(rng, value[at])] * many), *value[at + 1 :]]
    if isinstance(value, str) and rng.random() < 0.5:
        return mutated(rng, [value.encode()]).decode(errors="replace")
    return rng.choice((_odd(rng), rng.choice(_VALUES)))


def _odd(rng: random.Random) -> str:
    return rng.choice(_TOKENS).decode(errors="replace")


def _run(
    pipe: multiprocessing.connection.Connection,
    last: Path,
    known: list[bytes],
    target: Target,
    allowed: tuple[type[BaseException], ...],
    seconds: float,
    seed: int,
    limit_s: float,
    memory_bytes: int,
    mutate: Callable[[random.Random, Sequence[bytes]], bytes] | None,
) -> None:
    """The process of one target: what it found, and the fault that ended it."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    faulthandler.disable()  # how it dies is told by the parent
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, _too_long)
    rng, end, n = random.Random(seed), time.monotonic() + seconds, 0
    endings: set[str] = set()
    found: list[bytes] = []
    queue = iter(list(known))
    with open(last, "wb", buffering=0) as trace:
        while time.monotonic() < end:
            data = next(queue, None)
            if data is None:
                data = (mutate or mutated)(rng, known)
            os.ftruncate(trace.fileno(), 0)
            os.pwrite(trace.fileno(), data, 0)
            _set_timers(limit_s)
            ending, fault = _ending(target, data, allowed)
            _set_timers(0)
            n += 1
            if fault is not None:
                return pipe.send((n, found, (data, fault)))
            if ending not in endings:
                endings.add(ending)
                known.append(data)
                found.append(data)
    pipe.send((n, found, None))


def _ending(
    target: Target, data: bytes, allowed: tuple[type[BaseException], ...]
) -> tuple[str, str | None]:
    """How a target ends, in short; and the fault, where that is one."""
    try:
        target(data)
    except allowed as error:
        return _in_short(error), None
    except BaseException as error:  # also what should pass all handlers
        return _in_short(error), traceback.format_exc(limit=-12)
    return "read", None


def _in_short(error: BaseException) -> str:
    reason = getattr(error, "reason", "")
    words = re.sub(r"[^a-z ]+", "", re.sub(r"'[^']*'", "", str(error)))[:60]
    return f"{type(error).__name__} {reason} {words}"


def _set_timers(limit_s: float) -> None:
    """Stop what takes longer: time of the processor, as others may be at work; and ever so long."""
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    signal.setitimer(signal.ITIMER_REAL, 6 * limit_s)


def _too_long(_: int, frame: FrameType | None) -> None:
    raise TimeoutError("the input takes too long")


def _corpus(name: str) -> Iterator[bytes]:
    folder = CORPUS / name
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        yield path.read_bytes()


def _keep(name: str, found: Iterable[bytes]) -> None:
    """Add what is short to the corpus, up to its limit."""
    kept = list(_corpus(name))
    for data in (data for data in found if len(data) <= _LONGEST):
        if len(kept) < _MOST_KEPT and sum(map(len, kept)) < _MOST_BYTES:
            kept.append(data)
            _write(name, data)


def _write(name: str, data: bytes) -> Path:
    path = CORPUS / name / hashlib.sha256(data).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
