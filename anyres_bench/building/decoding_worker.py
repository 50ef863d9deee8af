"""One worker process: reads jobs from stdin, writes outcomes to stdout, ends with its parent."""

from __future__ import annotations

import os
import pickle
import resource
import sys

from anyres_bench.building.steps import Site, faulted, refused, run_finish, run_local
from anyres_bench.core.errors import AnyresBenchError, ImageError

READY = b"ready"


def main() -> None:
    """Serve until stdin ends."""
    jobs, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not mix with the replies
    site, memory_bytes = pickle.load(jobs)
    assert isinstance(site, Site)
    _, allowed = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY:
        memory_bytes = min(memory_bytes, allowed)  # what a shell's `ulimit -v` left us
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    replies.write(READY)
    replies.flush()
    run = run_local if site.collector.local else run_finish
    while True:
        try:
            job = pickle.load(jobs)
        except EOFError:
            return
        try:
            reply: object = run(site, job)
        except MemoryError:
            limit = f"{memory_bytes >> 20} MiB"
            reply = refused(job, ImageError("memory", f"decoding needs more than {limit}"))
        except AnyresBenchError as error:
            reply = str(error)
        except OSError as error:
            told = "once it can, the same command goes on"
            reply = f"{site.folder} cannot be written to: {error}; {told}"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this candidate's alone
            reply = faulted(job, error)
        pickle.dump(reply, replies)
        replies.flush()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # the parent has gone, and wants no reply
        os._exit(1)
