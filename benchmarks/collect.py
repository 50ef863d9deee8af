"""Collecting URLs: ours against img2dataset, both in one run, whole commands from a loopback host.

    python -m benchmarks.collect --img2dataset ENV/bin/img2dataset [--work DIR] [--rounds 3]
        [--beside 2] [--out benchmarks/results/collect.json]

img2dataset 1.47.0 lives in an environment of its own (it would change what is installed here):
`python -m venv ENV && ENV/bin/pip install img2dataset==1.47.0`. The host serves 1,000 JPEGs of 256
to 2048 px from memory in a process of its own that is not counted. Both sides write to the same
folder; name one in memory with --work (such as /dev/shm/collect) to leave the disk out, because
ours waits until each file is on the disk and img2dataset does not. CPU seconds and memory are those
of all processes of a command; memory is sampled in one more run, because looking at every thread of
img2dataset's costs it a fifth of its speed. Seconds are only worth something on a machine with
nothing else to do: where others compete, what is short of CPU is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from anyres_bench.core.files import write_json
from benchmarks.busy import busy_loops
from benchmarks.machine import machine

SIZES = (256, 2048)
SAMPLE_S = 0.02


@dataclass(frozen=True)
class Run:
    """One command: seconds and CPU seconds of all its processes.

    `load` is how many were waiting for a core when it ended, those of the command included.
    """

    seconds: float
    cpu_s: float
    load: float


@dataclass(frozen=True)
class Contest:
    """One pair of commands and what is claimed of their ratios.

    Attributes:
        name: what both do.
        ours, theirs: the commands; {out} is where they write.
        claims: measure -> least ratio of theirs to ours.
        tls: whether the host speaks https.
    """

    name: str
    ours: list[str]
    theirs: list[str]
    claims: dict[str, float]
    tls: bool = False


def contests(img2dataset: str) -> list[Contest]:
    """What is compared."""
    ours = [sys.executable, "-m", "anyres_bench", "collect", "urls", "{list}", "{out}"]
    ours += ["--rate", "0", "--per-host", "64", "--allow-private"]
    theirs = [img2dataset, "--url_list", "{list}", "--output_folder", "{out}"]
    theirs += ["--processes_count", "2", "--thread_count", "32", "--output_format", "files"]
    raw = [*theirs, "--disable_all_reencoding", "True"]
    return [
        Contest(
            "raw download",
            [*ours, "--measure", "header"],
            raw,
            {"seconds": 4.0, "cpu_s": 3.0, "peak_mb": 3.0},
        ),
        Contest(
            "decode and measure",
            [*ours, "--measure", "decode"],
            [*theirs, "--resize_mode", "no", "--skip_reencode", "True"],
            {"seconds": 1.5},
        ),
        Contest(
            "raw download over TLS", [*ours, "--measure", "header"], raw, {"seconds": 4.0}, True
        ),
    ]


def main() -> None:
    """Run both sides in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--img2dataset", required=True, help="its command, in its own environment")
    parser.add_argument("--work", type=Path, default=Path("build/benchmark-collect"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--only", default="", help="contests whose name holds this")
    parser.add_argument("--beside", type=int, default=0, help="busy loops that run beside all")
    parser.add_argument("--out", type=Path, help="JSON file for all runs")
    arguments = parser.parse_args()
    with busy_loops(arguments.beside):
        kept = compare(arguments)
    sys.exit(0 if kept else 1)


def compare(arguments: argparse.Namespace) -> bool:
    """Run the contests, print and write; whether all claims are kept."""
    photos = make_photos(arguments.work / "photos", arguments.n)
    pem = certificate(arguments.work)
    told: dict[str, Any] = {
        "machine": machine() | {"urllib3": metadata.version("urllib3")},
        "busy_loops_beside": arguments.beside,
        "img2dataset": version_of(arguments.img2dataset),
        "contests": {},
    }
    kept = True
    for contest in contests(arguments.img2dataset):
        if arguments.only not in contest.name:
            continue
        with host(photos, pem if contest.tls else None) as url:
            url_list = arguments.work / "list.txt"
            url_list.write_text("\n".join(f"{url}/{p.name}" for p in sorted(photos.iterdir())))
            runs: dict[str, list[Run]] = {"ours": [], "theirs": []}
            peaks = {}
            for i in range(arguments.rounds + 1):
                for side, command in (("ours", contest.ours), ("theirs", contest.theirs)):
                    out = arguments.work / side
                    filled = [part.format(list=url_list, out=out) for part in command]
                    shutil.rmtree(out, ignore_errors=True)
                    touch_memory(arguments.work)
                    if i < arguments.rounds:
                        runs[side].append(measured(filled, arguments.work))
                    else:
                        peaks[side] = peak_mb(filled, arguments.work)
                    check(out, side, arguments.n)
        kept &= report(contest, runs, peaks, arguments.n)
        rows = {side: [dataclasses.asdict(run) for run in runs[side]] for side in runs}
        told["contests"][contest.name] = {
            "images": arguments.n,
            "claims": contest.claims,
            "peak_mb": peaks,
            **rows,
        }
    if arguments.out:
        write_json(arguments.out, told)
    return kept


def version_of(command: str) -> str:
    """Version of the img2dataset that a command belongs to."""
    code = "from importlib import metadata; print(metadata.version('img2dataset'))"
    python = str(Path(command).with_name("python"))
    result = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return result.stdout.strip()


def report(contest: Contest, runs: dict[str, list[Run]], peaks: dict[str, float], n: int) -> bool:
    """Print the table of a contest; whether its claims are kept."""
    print(f"\n{contest.name}: {n} images, medians of {len(runs['ours'])}")
    print(f"{'':14}{'ours':>10}{'img2dataset':>13}{'ratio':>8}")
    kept = True
    for measure in ("seconds", "cpu_s", "peak_mb"):
        ours, theirs = (
            peaks[side]
            if measure == "peak_mb"
            else statistics.median(getattr(run, measure) for run in runs[side])
            for side in runs
        )
        ratio, claim = theirs / ours, contest.claims.get(measure)
        verdict = ""
        if claim is not None:
            kept &= ratio >= claim
            verdict = f"  claimed {claim:g}: {'kept' if ratio >= claim else 'MISSED'}"
        print(f"{measure:14}{ours:10.2f}{theirs:13.2f}{ratio:8.2f}{verdict}", flush=True)
        if measure == "seconds":
            print(f"{'images/s':14}{n / ours:10.1f}{n / theirs:13.1f}")
    return kept


def measured(command: list[str], work: Path) -> Run:
    """Run a command."""
    start = time.monotonic()
    process = started(command, work)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    refuse_failure(command, os.waitstatus_to_exitcode(status))
    return Run(seconds, usage.ru_utime + usage.ru_stime, os.getloadavg()[0])


def peak_mb(command: list[str], work: Path) -> float:
    """Peak of the resident memory of all processes of a command, in MiB."""
    process = started(command, work)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(resident, tree(process.pid))))
        time.sleep(SAMPLE_S)
    refuse_failure(command, process.returncode)
    return peak / (1 << 20)


def started(command: list[str], work: Path) -> subprocess.Popen[bytes]:
    """A command that trusts the host's certificate and says nothing."""
    environment = {**os.environ, "SSL_CERT_FILE": str(work / "cert.pem")}
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )


def refuse_failure(command: list[str], code: int) -> None:
    """Stop where a command has failed."""
    if code:
        sys.exit(f"failed with {code}: {' '.join(command)}")


def touch_memory(work: Path, n_mb: int = 1024) -> None:
    """Have the free memory in hand: a virtual machine's host takes seconds to give it again."""
    path = work / "memory"
    with open(path, "wb") as file:
        for _ in range(n_mb):
            file.write(bytes(1 << 20))
    path.unlink()


def tree(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                yield from tree(int(child))


def resident(pid: int) -> int:
    """Bytes of resident memory."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def check(out: Path, side: str, n: int) -> None:
    """Stop unless a side has all images."""
    if side == "ours":
        found = json.loads((out / "dataset.json").read_text())["counts"]["images"]
    else:
        stats = [json.loads(path.read_text()) for path in out.glob("*_stats.json")]
        found = sum(shard["successes"] for shard in stats)
    if found != n:
        sys.exit(f"{side} has {found} of {n} images")


def make_photos(folder: Path, n: int) -> Path:
    """JPEGs of 256 to 2048 px with the detail of photographs; the same each time."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    if len(list(folder.iterdir())) == n:
        return folder
    for i in range(n):
        longer = int(SIZES[0] * (SIZES[1] / SIZES[0]) ** rng.random())
        shorter = int(longer * rng.uniform(0.6, 1))
        height, width = (longer, shorter) if rng.random() < 0.5 else (shorter, longer)
        grain = rng.integers(0, 256, (max(2, height // 16), max(2, width // 16), 3), dtype=np.uint8)
        smooth = Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC)
        pixels = np.asarray(smooth).astype(np.int16) + rng.integers(-14, 15, (height, width, 1))
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(folder / f"{i:04}.jpg", quality=88)
    return folder


def certificate(work: Path) -> Path:
    """A certificate of 127.0.0.1 with its key."""
    pem = work / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(pem), "-out", str(work / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    pem.write_bytes(pem.read_bytes() + (work / "cert.pem").read_bytes())
    return pem


@contextlib.contextmanager
def host(photos: Path, pem: Path | None) -> Iterator[str]:
    """A process that serves the photos; its address."""
    command = [sys.executable, "-m", "benchmarks.collect", "serve", str(photos), str(pem or "")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http{'s' if pem else ''}://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


class _Answers(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, from memory."""

    def __init__(self, files: dict[bytes, bytes]) -> None:
        self.files = files
        self.asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self.asked += data
        while b"\r\n\r\n" in self.asked:
            head, _, self.asked = self.asked.partition(b"\r\n\r\n")
            body = self.files[head.split(b" ", 2)[1]]
            self.transport.write(  # type: ignore[attr-defined]
                b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
                % len(body)
            )
            self.transport.write(body)  # type: ignore[attr-defined]
            if b"\nconnection: close" in head.lower():
                self.transport.close()


async def serve(photos: Path, pem: str) -> None:
    """Serve until killed; the port is printed."""
    files = {b"/" + path.name.encode(): path.read_bytes() for path in photos.iterdir()}
    context = None
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
    answers: Callable[[], _Answers] = lambda: _Answers(files)  # noqa: E731
    loop = asyncio.get_running_loop()
    server = await loop.create_server(answers, "127.0.0.1", 0, ssl=context, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(Path(sys.argv[2]), sys.argv[3]))
    main()
