"""Whether the shell's memory limit (`ulimit -v`) leaves room for a command's libraries.

Libraries of linear algebra end or hang the process where the address space runs out while they
start, with no error that anybody could tell in words. So the limit is looked at before they load.
"""

from __future__ import annotations

import importlib.util
import os
import resource
from pathlib import Path

from anyres_bench.core.errors import AnyresBenchError

# Commands that load torch, and those that load no library of arrays; all others load numpy.
_WITH_TORCH = frozenset(
    ["check-model", "compare", "convert", "demo", "doctor"]
    + ["evaluate", "generate", "stats", "train", "upscale"]
)
_WITHOUT_NUMPY = frozenset(["cache", "tasks"])
_MIB = 1 << 20
_NUMPY_BYTES = 512 * _MIB  # with scipy and pyarrow, and a little work
_TORCH_BYTES = 1280 * _MIB  # the same with torch, without its libraries
_PER_THREAD_BYTES = 96 * _MIB  # stacks and arenas of one more thread of each library


def check_room(command: str) -> None:
    """Refuse a command whose libraries do not fit into the address space that the shell allows.

    Raises:
        AnyresBenchError: they do not.
    """
    allowed, needed = resource.getrlimit(resource.RLIMIT_AS)[0], needed_bytes(command)
    if allowed == resource.RLIM_INFINITY or allowed >= needed:
        return
    fewer = ", or set OMP_NUM_THREADS=1, which saves some" if _n_threads() > 1 else ""
    raise AnyresBenchError(
        f"the shell allows {allowed // _MIB} MiB of memory, and {command} needs {needed // _MIB} "
        f"to begin with; raise `ulimit -v` to {needed >> 10} or more{fewer}"
    )


def needed_bytes(command: str) -> int:
    """Address space, in bytes, in which the libraries of a command start and a little work fits."""
    if command in _WITHOUT_NUMPY:
        return 0
    own = _TORCH_BYTES + _torch_library_bytes() if command in _WITH_TORCH else _NUMPY_BYTES
    return own + _PER_THREAD_BYTES * _n_threads()


def _n_threads() -> int:
    told = os.environ.get("OMP_NUM_THREADS", "")
    n_processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return int(told) if told.isdecimal() and int(told) else n_processors


def _torch_library_bytes() -> int:
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return 0
    libraries = Path(found.origin).parent.joinpath("lib").glob("*.so*")
    return sum(path.stat().st_size for path in libraries)
