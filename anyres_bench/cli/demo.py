"""`anyres-bench demo`: collect, evaluate and report, as one would by hand."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import click

import anyres_bench
from anyres_bench.cli.console import Console, show
from anyres_bench.core.reporting import progress, say

_MODELS = ("real", "resample:lanczos@64", "resample:bicubic@32", "constant")
_N_FAKES = 64  # for each number: enough to see the order of the models, within minutes

_TRAINED = "embedded:ours-seed0"
_SIDES = (32, 128)  # px: what it was trained at, and four times that
_N_SCENES = 160  # each half has more whole images than a number needs

_ROOT = Path(anyres_bench.__file__).parent.parent
_Process: TypeAlias = "subprocess.Popen[str]"


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of photographs to use instead of the procedural world.",
)
def command(out: Path, images: Path | None) -> None:
    """Collect images, evaluate what needs no training, write a report and a leaderboard under OUT.

    Without --images: 160 scenes of the procedural world; the perfect model, held-out images (the
    ceiling), images shrunk and enlarged again (the floors), a constant, and a folder of images of
    all the wrong sizes. Then pictures of a trained network that the package holds, of 32 and of 128
    px; the leaderboard also has what was measured of all such networks. With --images: the same on
    your photographs, less the perfect model and the networks.

    Every step is a command that you could have typed, and is shown as such; once the first model
    has measured the reference, the others run side by side. The features are those of the built-in
    extractor, which needs no download; its distances are no FID.

    \b
    Examples:
      anyres-bench demo out
      anyres-bench demo out --images ~/Pictures
    """
    data, results, wrong = out / "data", out / "results", out / "wrong-sizes"
    source = ["scenes", "--n", str(_N_SCENES)] if images is None else ["folder", str(images)]
    name = "scenes" if images is None else "photos"
    _run("collect", *source, str(data), "--id", name)
    from anyres_bench.data.dataset import Dataset
    from anyres_bench.evaluation.demonstration import window_tasks, write_wrong_sizes

    dataset = Dataset.read(data)
    write_wrong_sizes(dataset, wrong)
    common = ("--dataset", str(data), "--out", str(results), "--n", str(_N_FAKES))
    first, *others = _MODELS if images is not None else ("scenes", *_MODELS)
    _run("evaluate", first, *common, "--suite", "quick")
    windows = [word for task in window_tasks(dataset) for word in ("--suite", task)]
    evaluations = [["evaluate", model, *common, "--suite", "quick"] for model in others]
    evaluations.append(["evaluate", f"folder:{wrong}", *common, *windows])
    pictures = [
        ["generate", _TRAINED, "--size", str(side), "--seeds", "0-15", "--grid"]
        + ["--out", str(out / f"houses-{side}")]
        for side in (_SIDES if images is None else ())
    ]
    _run_side_by_side([*evaluations, *pictures])
    page, site, title = out / "report.html", out / "site", f"anyres-bench on {name}"
    own = ("--show-pixels",) if images is not None else ()
    _run("report", str(results), "--out", str(page), "--title", title, *own)
    embedded = ("--embedded",) if images is None else ()
    _run("leaderboard", "build", str(results), *embedded, "--out", str(site), "--title", title)
    show(f"\nopen {(site / 'index.html').resolve()}\n  or {page.resolve()}")


def _run(*arguments: str) -> None:
    """Show a command and run it in this process, which has paid for its imports already."""
    from anyres_bench.cli.main import cli

    _show_command(arguments)
    outer = click.get_current_context().find_object(Console)
    cli.main(list(arguments), "anyres-bench", standalone_mode=False, obj=outer)


def _show_command(arguments: Sequence[str]) -> None:
    show(f"\n$ anyres-bench {shlex.join(arguments)}", bold=True)


def _run_side_by_side(commands: Iterable[Sequence[str]]) -> None:
    """Run commands in processes, as many at a time as there are cores, and show each in turn."""
    waiting, running = deque(commands), deque[tuple[Sequence[str], _Process]]()
    with progress("running", len(waiting), unit="commands") as bar:
        try:
            while waiting or running:
                while waiting and len(running) < _n_cores():
                    arguments = waiting.popleft()
                    running.append((arguments, _started(arguments)))
                _finish(*running[0])
                running.popleft()
                bar.update()
        finally:
            for _, process in running:
                process.terminate()  # as Ctrl-C would
            for _, process in running:
                process.communicate()


def _started(arguments: Sequence[str]) -> _Process:
    """A process of this package, whatever lies in the current folder."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "anyres_bench", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONPATH": path},
    )


def _finish(arguments: Sequence[str], process: _Process) -> None:
    """Wait for a command's end and show it; SystemExit where it failed."""
    out, err = process.communicate()
    _show_command(arguments)
    show(out.strip("\n"))
    if err.strip():
        say(err.strip("\n"))
    if process.returncode:
        raise SystemExit(max(1, process.returncode))


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
