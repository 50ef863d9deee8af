"""`anyres-bench`: the group of commands, loaded one at a time so that `--help` is instant."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import os
import sys
from collections.abc import Sequence

import click

from anyres_bench import __version__
from anyres_bench.cli import faults
from anyres_bench.cli.console import Console
from anyres_bench.cli.groups import Group, with_options
from anyres_bench.cli.interrupts import Interrupts
from anyres_bench.cli.memory import check_room
from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError
from anyres_bench.core.reporting import SILENT, report_to

# Libraries ask for these once, when they are loaded.
_SETTINGS = {
    # Tensors in large pages are had with a tenth of the page faults.
    "THP_MEM_ALLOC_ENABLE": "1",
    # Threads that wait for work sleep; by default they spin, which on a machine with other work
    # takes the very cores that they wait for (benchmarks/waiting_threads.py).
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_THREAD_TIMEOUT": "4",  # 16 ticks of the clock, the least it takes, for 67 million
}
# name -> (module, one line for --help); each module has a click command named `command`
COMMANDS = {
    "cache": ("anyres_bench.cli.cache", "Show what the cache holds; remove parts of it."),
    "check-model": ("anyres_bench.cli.check_model", "Hold one's own model to the contract."),
    "collect": ("anyres_bench.cli.collect", "Build a dataset of images at their native sizes."),
    "compare": ("anyres_bench.cli.compare", "Say how far two folders of images are apart."),
    "convert": ("anyres_bench.cli.convert", "Turn official checkpoints into safetensors, safely."),
    "demo": ("anyres_bench.cli.demo", "Collect, evaluate and report: everything in one go."),
    "doctor": ("anyres_bench.cli.doctor", "Test whether this machine computes right."),
    "evaluate": ("anyres_bench.cli.evaluate", "Measure a model on a dataset."),
    "export": ("anyres_bench.cli.export", "Write a dataset as WebDataset or StyleGAN zip."),
    "generate": ("anyres_bench.cli.generate", "Render images of any size from a model."),
    "inspect": ("anyres_bench.cli.inspect", "Show what a dataset holds."),
    "leaderboard": (
        "anyres_bench.cli.leaderboard",
        "Submit results, check submissions, list published numbers.",
    ),
    "recheck": ("anyres_bench.cli.recheck", "Drop photographs that were withdrawn since."),
    "report": ("anyres_bench.cli.report", "Turn results into a self-contained HTML page."),
    "stats": ("anyres_bench.cli.stats", "Write, show and compare reference statistics."),
    "tasks": ("anyres_bench.cli.tasks", "List suites, tasks, metrics and extractors."),
    "tile": ("anyres_bench.cli.tile", "Show what vision-language models make of an image."),
    "tilers": ("anyres_bench.cli.tilers", "Test an engine's tiling against published tilers."),
    "train": ("anyres_bench.cli.train", "Train a model, resumable, on one machine or many."),
    "upscale": ("anyres_bench.cli.upscale", "Enlarge a folder of images with a baseline."),
}


class LazyGroup(Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def named(self, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[name][0]).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in COMMANDS and not {"-h", "--help"}.intersection(args):
            _check_here()
            check_room(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


def _check_here() -> None:
    """Refuse to run in a folder that is gone: there MKL ends the process in words of its own.

    Raises:
        UsageError: it is.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UsageError("the folder that you are in was removed; cd to one that exists") from None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="anyres-bench")
@click.pass_context
def cli(context: click.Context) -> None:
    """Collect, measure and compare image generators of any resolution.

    \b
    A first true number, without a download:
      anyres-bench collect scenes data/scenes
      anyres-bench evaluate resample:lanczos@64 --dataset data/scenes --suite quick
      anyres-bench report results/ --out report.html
    """
    if os.environ.get("NO_COLOR"):
        context.color = False
    console = context.ensure_object(Console)
    context.with_resource(report_to(console if distributed.is_main() else SILENT))


with_options(cli)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    0 where all went well, 1 for a failure, 2 for a wrong call, 70 for a fault of ours, 130 when
    stopped. SIGTERM, a cluster's way to say so, and SIGHUP, a closed terminal's, stop a command as
    Ctrl-C does: what is complete is kept and nothing half-written stays.
    """
    # The end of an interpreter looks through all objects for garbage: half a second with torch.
    atexit.register(gc.freeze)
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a letter that a terminal lacks is spelled out
            stream.reconfigure(errors="backslashreplace")
    with Interrupts() as interrupts:
        try:
            code = _run(arguments, interrupts, Console())
        except KeyboardInterrupt as late:  # one more, in the moment before the end was told
            code = _tell(late, arguments, interrupts, Console())
    sys.exit(code)


def _run(arguments: list[str], interrupts: Interrupts, console: Console) -> int:
    """Run one command and tell how it ended; the exit code."""
    try:
        code = cli.main(arguments, "anyres-bench", standalone_mode=False, obj=console)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except SystemExit as stop:
        if faults.of_own_code(stop):  # it would end as if all were done, without a word
            return _tell(stop, arguments, interrupts, console)
        return stop.code if isinstance(stop.code, int) else 1
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told in words
        return _tell(error, arguments, interrupts, console)
    finally:
        _drop_unwritable_output()


def _tell(
    error: BaseException, arguments: list[str], interrupts: Interrupts, console: Console
) -> int:
    """Say what ended a command; the exit code."""
    interrupts.ending = True
    ended = KeyboardInterrupt() if interrupts.heard else error
    text, code = faults.ending(ended, arguments)
    with contextlib.suppress(OSError, ValueError):  # unless nothing can be told any more
        console.tell(text)
    return code


def _drop_unwritable_output() -> None:
    """Let the interpreter's end not stumble over output that no disk or pipe takes any more."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
