"""`anyres-bench collect NAME ... OUT`: build a dataset of images at their native sizes."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anyres_bench.building.effort import Effort
from anyres_bench.building.engines import Engine, LocalEngine
from anyres_bench.building.outcomes import Outcome
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.plan import Plan, plan
from anyres_bench.building.ray_engine import RayEngine
from anyres_bench.building.rules import Rules
from anyres_bench.collectors import COLLECTORS
from anyres_bench.collectors.collector import Collector
from anyres_bench.core.quoting import terminal
from anyres_bench.core.registry import nearest

if TYPE_CHECKING:
    from anyres_bench.building.assemble import Built

_MOST_ROWS = 12


class Collectors(click.Group):
    """One subcommand a registered collector, made from the fields of its class."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COLLECTORS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command_of(COLLECTORS.get(cmd_name)) if cmd_name in COLLECTORS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COLLECTORS and not args[0].startswith("-"):
            ctx.fail(f"no collector {args[0]!r}; {nearest(args[0], COLLECTORS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=Collectors)
def command() -> None:
    """Build a dataset of images at their native sizes.

    Every run can be stopped at any moment; the same command goes on where it was.
    """


def _command_of(kind: type[Collector]) -> click.Command:
    """The subcommand of a collector."""

    def run(out: Path, **values: Any) -> None:
        collector = _taken(kind, values)
        order = Order(
            collector,
            out,
            values.pop("id") or out.resolve().name,
            _taken(Rules, values),
            values.pop("retry"),
            values.pop("refresh"),
        )
        effort = _taken(Effort, values)
        if values.pop("dry_run"):
            _show(plan(order, effort))
        else:
            policy = effort.policy(values.pop("allow_private"))
            on_ray = values.pop("engine") == "ray"
            address = values.pop("ray_address")
            engine = RayEngine(effort, policy, address) if on_ray else LocalEngine(effort, policy)
            _build(order, engine)

    parameters = list(_parameters(kind))
    parameters += [
        click.Argument(["out"], type=click.Path(path_type=Path)),
        click.Option(["--id"], default="", help="The dataset's name; the folder's by default."),
        *_parameters(Rules),
        *_parameters(Effort),
        click.Option(
            ["--engine"],
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Run on this machine, or on a Ray cluster that shares the folder.",
        ),
        click.Option(["--ray-address"], help="Of the cluster; the running one by default."),
        click.Option(["--dry-run"], is_flag=True, help="Say what a run would do, and stop."),
        click.Option(["--retry"], multiple=True, help="Try again what was rejected for REASON."),
        click.Option(["--refresh"], is_flag=True, help="List the candidates of a source anew."),
        click.Option(["--allow-private"], is_flag=True, hidden=True),
    ]
    summary = inspect.getdoc(kind) or ""
    return click.Command(kind.name, callback=run, params=parameters, help=summary)


def _parameters(kind: type[Any]) -> Iterator[click.Parameter]:
    """Arguments for the fields without a default, options for the others."""
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        type_, help_text = typing.get_args(hints[field.name])
        many = typing.get_origin(type_) is tuple
        optional = typing.get_origin(type_) is types.UnionType  # X | None
        plain: Any = typing.get_args(type_)[0] if many or optional else type_
        plain = click.Path(path_type=Path) if plain is Path else plain
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
            show_default=field.default not in ("", (), False),
            help=help_text,
        )


def _taken(kind: type[Any], values: dict[str, Any]) -> Any:
    """An object of `kind` made of its own fields, which are taken out of `values`."""
    return kind(**{field.name: values.pop(field.name) for field in dataclasses.fields(kind)})


def _build(order: Order, engine: Engine) -> None:
    with _progress() as (on_start, on_outcome):
        built = build(order, engine, on_start, on_outcome)
    _report(built)


@contextmanager
def _progress() -> Iterator[tuple[Callable[[int, int], None], Callable[[Outcome], None]]]:
    """A bar on stderr: how many are done and left, how fast, how many were refused."""
    from tqdm import tqdm

    states: Counter[str] = Counter()
    with tqdm(unit="img", dynamic_ncols=True) as bar:

        def on_start(n_pending: int, n_all: int) -> None:
            bar.reset(n_all)
            bar.update(n_all - n_pending)

        def on_outcome(outcome: Outcome) -> None:
            states[outcome.state] += 1
            if bar.update():  # it was drawn
                bar.set_postfix(states, refresh=False)

        try:
            yield on_start, on_outcome
        finally:
            bar.set_postfix(states, refresh=False)


def _show(planned: Plan) -> None:
    click.echo(f"{planned.n_listed:8} candidates")
    for reason, n in planned.refused.items():
        click.echo(f"{n:8} would be left out unseen: {terminal(reason)}")
    click.echo(f"{planned.n_left:8} would be obtained")
    for title, counts in (("licence", planned.licences), ("host", planned.hosts)):
        for word, n in list(counts.items())[:_MOST_ROWS]:
            click.echo(f"{n:8} {title} {terminal(word)}")
        if len(counts) > _MOST_ROWS:
            click.echo(f"{'':8} and {len(counts) - _MOST_ROWS} more")
    if planned.n_sized:
        click.echo(f"{planned.n_bytes / 1e9:8.1f} GB, as {planned.n_sized} of them say")
    if planned.seconds:
        click.echo(f"{planned.seconds / 60:8.1f} minutes at least, at the rate for one host")
    if planned.estimate:
        click.echo(f"         {planned.estimate}")


def _report(built: Built) -> None:
    dataset = built.dataset
    click.echo(terminal(f"{dataset.id}: {len(dataset.manifest)} images in {dataset.folder}"))
    for reason, n in built.rejects.items():
        click.echo(f"  {n:8} left out: {terminal(reason)}")
    for note in built.notes:
        click.echo(f"  {terminal(note)}")
    click.echo(f"  recipe {dataset.recipe_id[:12]}, digest {dataset.digest[:12]}")
    if built.n_failed:
        click.echo(f"  {built.n_failed} failed in passing; the same command tries them again")
