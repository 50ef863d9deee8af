"""What a command takes: seconds of the processor and memory, all of its processes together."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

_EVERY = 0.1  # s
_SHARE = 20  # looking takes one part in as many: a process that is looked at waits for memory


def measured(arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, float]:
    """Run `anyres-bench` in a process of its own; see `measured_command`."""
    return measured_command([sys.executable, "-m", "anyres_bench", *arguments], environment)


def measured_command(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, float]:
    """Run a command in a process of its own.

    Returns:
        `cpu_s`: user and system seconds of it and of all that it has waited for; `peak_mib`: the
        most that it and its descendants held together at a moment, looked at ten times a second
        or, where that takes long, a twentieth of the time, pages that several of them share
        counted once; `wall_s`: seconds of the clock.

    Raises:
        SystemExit: it failed, with what it said.
    """
    start, peak = time.perf_counter(), 0.0
    with subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        said = b""
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            looked = time.perf_counter()
            peak = max(peak, sum(map(_held, _tree(process.pid))))
            said += process.stdout.read() or b""
            time.sleep(max(_EVERY, (_SHARE - 1) * (time.perf_counter() - looked)))
        said += process.stdout.read() or b""
        process.returncode = os.waitstatus_to_exitcode(ended[1])
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}\n{said.decode(errors='replace')}")
    used = ended[2]
    wall = time.perf_counter() - start
    return {"cpu_s": used.ru_utime + used.ru_stime, "wall_s": wall, "peak_mib": peak}


def _tree(root: int) -> list[int]:
    """A process and its descendants."""
    children = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:  # it has ended
            continue
        children[int(parent)].append(int(folder.name))
    found = [root]
    for process in found:
        found += children[process]
    return found


def _held(process: int) -> float:
    """Proportional set size, MiB; 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
