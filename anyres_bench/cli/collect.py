"""`anyres-bench collect NAME ... OUT`: build a dataset of images at their native sizes."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.plan import plan
from anyres_bench.building.ray_engine import RayEngine
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.cli.console import show
from anyres_bench.cli.groups import Group
from anyres_bench.cli.options import LocalPath, Text
from anyres_bench.collectors import COLLECTORS
from anyres_bench.collectors.collector import Collector
from anyres_bench.core.errors import UsageError
from anyres_bench.core.quoting import from_shell


class Collectors(Group):
    """One subcommand a registered collector, made from the fields of its class."""

    of = "collector"

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COLLECTORS)

    def named(self, name: str) -> click.Command | None:
        return _command_of(COLLECTORS.get(name)) if name in COLLECTORS else None


class _Collect(click.Command):
    """A collector's command; where an argument is missing it says what each one is.

    Attributes:
        kind: the collector's class.
    """

    kind: type[Collector]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            raise click.UsageError(f"{error.format_message()}{_wanted(self.kind)}", ctx) from error


@click.group(cls=Collectors)
def command() -> None:
    """Build a dataset of images at their native sizes.

    Every run can be stopped at any moment; the same command goes on where it was.

    \b
    Examples:
      anyres-bench collect folder ~/photographs data/photos
      anyres-bench collect scenes data/scenes --n 500 --max-size 1024
      anyres-bench collect flickr birds-hr data/birds --ids birds.txt \\
          --licences CC-BY-2.0 --dry-run
    """


def _command_of(kind: type[Collector]) -> click.Command:
    """The subcommand of a collector."""

    def run(out: Path, **values: Any) -> None:
        on_ray, address = values["engine"] == "ray", values["ray_address"]
        if address and not on_ray:
            raise UsageError(f"--ray-address {address} needs --engine ray; add it")
        collector, rules = _made(kind, values), _made(Rules, values)
        name = values["id"] or from_shell(out.resolve().name)
        order = Order(collector, out, name, rules, values["retry"], values["refresh"])
        resources = _made(ResourceLimits, values)
        policy = resources.policy(values["allow_private"])
        if values["dry_run"]:
            show(plan(order, resources, policy).text())
            return
        engine = RayEngine(resources, policy, address) if on_ray else LocalEngine(resources, policy)
        show(build(order, engine).text())

    must = hasattr(kind, "default_licences")
    licences = "  [required, but for a dry run]" if must else "  [default: all]"
    parameters = list(_parameters(kind))
    parameters += [
        click.Argument(["out"], type=LocalPath()),
        click.Option(
            ["--id"], type=Text(), default="", help="The dataset's name; the folder's by default."
        ),
        *_parameters(Rules, licences=licences),
        *_parameters(ResourceLimits),
        click.Option(
            ["--engine"],
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Run on this machine, or on a Ray cluster that shares the folder.",
        ),
        click.Option(["--ray-address"], help="Of the cluster; the running one by default."),
        click.Option(["--dry-run"], is_flag=True, help="Say what a run would do, and stop."),
        click.Option(
            ["--retry"],
            multiple=True,
            metavar="REASON",
            help="Try again what was rejected for it; may be given several times.",
        ),
        click.Option(["--refresh"], is_flag=True, help="List the candidates of a source anew."),
        click.Option(["--allow-private"], is_flag=True, hidden=True),
    ]
    text = (inspect.getdoc(kind) or "").replace("\nExamples:\n", "\n\b\nExamples:\n")
    made = _Collect(kind.name, callback=run, params=parameters, help=text)
    made.kind = kind
    return made


def _wanted(kind: type[Any]) -> str:
    """What the arguments are and an example; of lists that others publish, where and how large."""
    hints = typing.get_type_hints(kind, include_extras=True)
    lines = [
        f"  {field.name.upper():8} {typing.get_args(hints[field.name])[1]}"
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING
    ]
    example = next(line for line in (kind.__doc__ or "").splitlines() if "anyres-bench " in line)
    lines.append("  OUT      Folder of the dataset, made where it is not there.")
    lines.append(f"such as {example.strip()}")
    sources = getattr(kind, "sources", None)
    return "\n".join(["", *lines, *([sources()] if sources else [])])


def _parameters(kind: type[Any], **more: str) -> Iterator[click.Parameter]:
    """Arguments for the fields without a default, options for the others; `more` ends a help."""
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        type_, help_text = typing.get_args(hints[field.name])
        many = typing.get_origin(type_) is tuple
        optional = typing.get_origin(type_) is types.UnionType  # X | None
        plain: Any = typing.get_args(type_)[0] if many or optional else type_
        plain = {Path: LocalPath(), str: Text()}.get(plain, plain)
        if field.default is dataclasses.MISSING:
            yield click.Argument([field.name], type=plain)
            continue
        name = field.name.replace("_", "-")
        name = f"--{name}/--no-{name}" if type_ is bool and field.default else f"--{name}"
        yield click.Option(
            [name],
            type=plain,
            default=field.default,
            multiple=many,
            is_flag=type_ is bool,
            show_default=field.default is not False and field.default not in ("", ()),
            help=(f"{help_text.rstrip('.')}; may be given several times." if many else help_text)
            + more.get(field.name, ""),
        )


def _made(kind: type[Any], values: dict[str, Any]) -> Any:
    """An object of `kind`, made of the values that are called like its fields."""
    return kind(**{field.name: values[field.name] for field in dataclasses.fields(kind)})
