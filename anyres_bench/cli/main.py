"""`anyres-bench`: the group of commands, loaded one at a time so that `--help` is instant."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import click

from anyres_bench import __version__
from anyres_bench.core.errors import AnyresBenchError
from anyres_bench.core.registry import nearest

_AGAIN_S = 0.05
# name -> (module, one line for --help); each module has a click command named `command`
COMMANDS = {
    "collect": ("anyres_bench.cli.collect", "Build a dataset of images at their native sizes."),
    "convert": ("anyres_bench.cli.convert", "Turn official checkpoints into safetensors, safely."),
    "demo": ("anyres_bench.cli.demo", "Collect, evaluate and report: everything in one go."),
    "evaluate": ("anyres_bench.cli.evaluate", "Measure a model on a dataset."),
    "export": ("anyres_bench.cli.export", "Write a dataset as WebDataset or StyleGAN zip."),
    "generate": ("anyres_bench.cli.generate", "Render images of any size from a model."),
    "inspect": ("anyres_bench.cli.inspect", "Show what a dataset holds."),
    "recheck": ("anyres_bench.cli.recheck", "Drop photographs that were withdrawn since."),
    "report": ("anyres_bench.cli.report", "Turn results into a self-contained HTML page."),
    "tasks": ("anyres_bench.cli.tasks", "List suites, tasks, metrics and extractors."),
    "tile": ("anyres_bench.cli.tile", "Show what vision-language models make of an image."),
    "tilers": ("anyres_bench.cli.tilers", "Test an engine's tiling against published tilers."),
    "train": ("anyres_bench.cli.train", "Train a model, resumable, on one machine or many."),
    "upscale": ("anyres_bench.cli.upscale", "Enlarge a folder of images with a baseline."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no command {args[0]!r}; {nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="anyres-bench")
def cli() -> None:
    """Collect, measure and compare image generators of any resolution.

    \b
    A first true number, without a download:
      anyres-bench collect scenes data/scenes
      anyres-bench evaluate resample:lanczos@64 --dataset data/scenes --suite quick
      anyres-bench report results/ --out report.html
    """


def main(argv: Sequence[str] | None = None) -> Any:
    """Run the command line; exits 0, 2 for a wrong call, 1 for a failure, 130 when stopped.

    SIGTERM, a cluster's way to say so, stops a command as Ctrl-C does: what is complete is kept and
    nothing half-written stays.
    """
    # The end of an interpreter looks through all objects for garbage: half a second with torch.
    atexit.register(gc.freeze)
    with _stoppable():
        _run(argv)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM interrupts the block, and no interrupt is lost.

    One that falls into a destructor or a callback ends that alone, so it is sent once more.
    """
    again: list[threading.Timer] = []

    def hear(lost: sys.UnraisableHookArgs) -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):
            # A moment later: at once would be within this function, and as lost.
            thread = threading.main_thread().ident
            again.append(threading.Timer(_AGAIN_S, signal.pthread_kill, [thread, signal.SIGTERM]))
            again[-1].start()
        else:
            sys.__unraisablehook__(lost)

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    hook, sys.unraisablehook = sys.unraisablehook, hear
    try:
        yield
    finally:
        for timer in again:
            timer.cancel()
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, before)


def _run(argv: Sequence[str] | None) -> None:
    try:
        cli.main(args=argv, prog_name="anyres-bench", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; the same command goes on where it was", err=True)
        sys.exit(130)
    except AnyresBenchError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is left to say, nor to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
