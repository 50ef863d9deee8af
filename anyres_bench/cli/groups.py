"""Groups of commands: what every command takes, at any depth, and what a wrong name is answered."""

from __future__ import annotations

from pathlib import Path

import click

from anyres_bench.cli.console import Console
from anyres_bench.cli.options import LocalPath
from anyres_bench.core.errors import UsageError
from anyres_bench.core.registry import nearest


class Group(click.Group):
    """Commands that take `-q`, `-v` and `--log`; a wrong name is told the near ones."""

    of = "command"  # what its commands are called

    def named(self, name: str) -> click.Command | None:
        """The command of that name, where there is one."""
        return self.commands.get(name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = self.named(cmd_name)
        return found and with_options(found)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            ctx.fail(f"no {self.of} {args[0]!r}; {nearest(args[0], names)}")
        return super().resolve_command(ctx, args)


def with_options(command: click.Command) -> click.Command:
    """The command with `-q`, `-v` and `--log`."""
    if not any(parameter.name == "quiet" for parameter in command.params):
        command.params += [
            click.Option(
                ["-q", "--quiet"],
                is_flag=True,
                expose_value=False,
                callback=_quiet,
                help="Tell errors alone.",
            ),
            click.Option(
                ["-v", "--verbose"],
                is_flag=True,
                expose_value=False,
                callback=_verbose,
                help="Tell details too.",
            ),
            click.Option(
                ["--log"],
                type=LocalPath(dir_okay=False),
                metavar="FILE",
                expose_value=False,
                callback=_log_to,
                help="Append what is told to FILE, with the time.",
            ),
        ]
    return command


def _quiet(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and (console := context.find_object(Console)) is not None:
        console.loudness -= 1


def _verbose(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and (console := context.find_object(Console)) is not None:
        console.loudness += 1


def _log_to(context: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    if value is not None and (console := context.find_object(Console)) is not None:
        try:
            console.log_to(value)
        except OSError as error:
            raise UsageError(f"--log {value} cannot be written: {error.strerror}") from error
