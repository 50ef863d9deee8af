"""`anyres-bench demo`: collect, evaluate and report, as one would by hand."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click

import anyres_bench
from anyres_bench.cli.console import Console, show
from anyres_bench.cli.options import LocalPath
from anyres_bench.core.reporting import progress, say

_MODELS = ("real", "resample:lanczos@64", "resample:bicubic@32", "constant")  # the fastest first
_N_FAKES = 64  # for each number: enough to see the order of the models, within minutes

_TRAINED = "embedded:ours-seed0"
_SIDES = (32, 128)  # px: what it was trained at, and four times that
_N_SCENES = 136  # each half has more whole images than a number needs

_ROOT = Path(anyres_bench.__file__).parent.parent
_GLANCE_S = 0.05  # between two looks at running processes


@click.command()
@click.argument("out", type=LocalPath(file_okay=False))
@click.option(
    "--images",
    type=LocalPath(exists=True, file_okay=False),
    help="A folder of photographs, 10 or more, to use instead of the procedural world.",
)
def command(out: Path, images: Path | None) -> None:
    """Collect images, evaluate what needs no training, write a report and a leaderboard under OUT.

    Without --images: 136 scenes of the procedural world; the perfect model, held-out images (the
    ceiling), images shrunk and enlarged again (the floors), a constant, and a folder of images of
    all the wrong sizes. Then pictures of a trained network that the package holds, of 32 and of 128
    px; the leaderboard also has what was measured of all such networks. With --images: the same on
    your photographs, less the perfect model and the networks.

    Every step is a command that you could have typed, and is shown as such; those that do not wait
    for one another run side by side, as the models do once the first has measured the reference.
    The features are those of the built-in extractor, which needs no download; its distances are no
    FID.

    \b
    Examples:
      anyres-bench demo out
      anyres-bench demo out --images ~/Pictures
    """
    data, results, wrong = out / "data", out / "results", out / "wrong-sizes"
    source = ["scenes", "--n", str(_N_SCENES)] if images is None else ["folder", str(images)]
    name = "scenes" if images is None else "photos"
    from anyres_bench.data.dataset import Dataset
    from anyres_bench.evaluation.demonstration import (
        check_enough,
        check_origin,
        window_tasks,
        write_wrong_sizes,
    )

    check_origin(data, name, images)
    _run("collect", *source, str(data), "--id", name)
    dataset = Dataset.read(data)
    check_enough(dataset)
    write_wrong_sizes(dataset, wrong)
    common = ("--dataset", str(data), "--out", str(results), "--n", str(_N_FAKES))
    first, *others = _MODELS
    if images is None:
        others.insert(0, "scenes")  # the slowest, so that it begins first
    pictures = [
        ["generate", _TRAINED, "--size", str(side), "--seeds", "0-15", "--grid"]
        + ["--out", str(out / f"houses-{side}")]
        for side in (_SIDES if images is None else ())
    ]
    _run_side_by_side([["evaluate", first, *common, "--suite", "quick"], *pictures])
    windows = [word for task in window_tasks(dataset) for word in ("--suite", task)]
    evaluations = [["evaluate", model, *common, "--suite", "quick"] for model in others]
    _run_side_by_side([*evaluations, ["evaluate", f"folder:{wrong}", *common, *windows]])
    page, site, title = out / "report.html", out / "site", f"anyres-bench on {name}"
    own = ["--show-pixels"] if images is not None else []
    embedded = ["--embedded"] if images is None else []
    report = ["report", str(results), "--out", str(page), "--title", title, *own]
    build = ["leaderboard", "build", str(results), *embedded, "--out", str(site), "--title", title]
    _run_side_by_side([report, build])
    show(f"\nopen {(site / 'index.html').resolve()}\n  or {page.resolve()}")


def _run(*arguments: str) -> None:
    """Show a command and run it in this process, which has paid for its imports already."""
    from anyres_bench.cli.main import cli

    _show_command(arguments)
    outer = click.get_current_context().find_object(Console)
    cli.main(list(arguments), "anyres-bench", standalone_mode=False, obj=outer)


def _show_command(arguments: Sequence[str]) -> None:
    show(f"\n$ anyres-bench {shlex.join(arguments)}", bold=True)


def _run_side_by_side(commands: Sequence[Sequence[str]]) -> None:
    """Run commands in processes, as many at a time as there are cores, and show each in turn."""
    with progress("running", len(commands), unit="commands") as bar, ExitStack() as stack:
        started: list[_Running] = []
        for turn, arguments in enumerate(commands):
            while len(started) <= turn or started[turn].is_running:
                n_running = sum(one.is_running for one in started)
                if n_running < _n_cores() and len(started) < len(commands):
                    started.append(stack.enter_context(_started(commands[len(started)])))
                else:
                    time.sleep(_GLANCE_S)
            _show_command(arguments)
            started[turn].show()
            bar.update()


@dataclass(frozen=True)
class _Running:
    """A command in a process, and what it says."""

    process: subprocess.Popen[bytes]
    out: IO[bytes]
    err: IO[bytes]

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def show(self) -> None:
        """Show what it said; SystemExit where it failed."""
        out, err = (_content(file).strip("\n") for file in (self.out, self.err))
        show(out)
        if err.strip():
            say(err)
        if self.process.returncode:
            raise SystemExit(max(1, self.process.returncode))


@contextmanager
def _started(arguments: Sequence[str]) -> Iterator[_Running]:
    """A process of this package, whatever lies in the current folder; ended with the block."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "anyres_bench", *arguments],
            stdout=out,
            stderr=err,
            env={**os.environ, "PYTHONPATH": path},
        )
        try:
            yield _Running(process, out, err)
        finally:
            process.terminate()  # as Ctrl-C would; one that has ended does not mind
            process.wait()


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
