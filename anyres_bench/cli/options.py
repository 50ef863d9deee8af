"""Options that several commands take: the device, and options of models."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError
from anyres_bench.core.quoting import from_shell

F = TypeVar("F", bound=Callable[..., Any])


class Text(click.ParamType):  # type: ignore[type-arg]
    """Text that becomes a part of a record: the same under any locale."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """What was written, as UTF-8 reads it."""
        return from_shell(str(value))


class LocalPath(click.Path):
    """A path; a nameless one, such as a variable that is not set leaves, is not this folder.

    `~/` is home also where no shell has said so, as behind the = of `--out=~/results`: a folder of
    the name ~ would be made, and nobody should have to remove one.
    """

    def __init__(self, **kinds: bool) -> None:
        super().__init__(path_type=Path, **kinds)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as a `Path`."""
        if value == "":
            self.fail("an empty path; write . for the folder that you are in", param, ctx)
        if isinstance(value, str) and value.startswith("~/"):
            value = os.path.expanduser(value)
        return super().convert(value, param, ctx)


class Number(click.FloatRange):
    """A number within a range; NaN, which lies in every range, is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is no number; write one, such as 0.5", param, ctx)
        return number


class Device(click.ParamType):  # type: ignore[type-arg]
    """A device that this machine has."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Its full name, such as cuda:0."""
        try:
            return str(distributed.device(str(value)))
        except UsageError as error:
            self.fail(str(error), param, ctx)


def device_option(command: F) -> F:
    """`--device`, looked at before anything is started."""
    text = "cpu, cuda, cuda:1, mps or xpu.  [default: the accelerator, else cpu]"
    return click.option("--device", type=Device(), metavar="DEVICE", help=text)(command)


def workers_option(command: F) -> F:
    """`--workers`, of what reads images."""
    text, least = "Threads that decode images.", click.IntRange(min=0)
    return click.option("--workers", default=2, show_default=True, type=least, help=text)(command)


def option_option(command: F) -> F:
    """`--option NAME=VALUE`, any number of times."""
    text = "An option of the model, such as weights=FILE; may be given several times. A wrong name "
    text += "is told the right ones."
    decorate = click.option("--option", "pairs", multiple=True, metavar="NAME=VALUE", help=text)
    return decorate(command)


def label_options(command: F) -> F:
    """`--label` and `--labels`, of models that know labels."""
    one = click.option("--label", type=click.IntRange(min=0), help="Show this label alone.")
    many = click.option(
        "--labels",
        type=click.Choice(["uniform", "dataset"]),
        help="Draw labels all alike often, or as often as in training.  [default: uniform]",
    )
    return one(many(command))


def reference_options(command: F) -> F:
    """`--reference`, `--reference-n` and `--reference-part`."""
    path = LocalPath()
    file = click.option(
        "--reference", type=path, metavar="FILE", help="Statistics in the place of a dataset."
    )
    n = click.option(
        "--reference-n",
        type=click.IntRange(min=2),
        help="Of how many images FILE is, where it does not say.",
    )
    part = click.option(
        "--reference-part",
        type=click.Choice(["moments", "images"]),
        help="Where FILE holds both.  [default: moments for frechet, images for others]",
    )
    return file(n(part(command)))


def check_owners(**owners: Sequence[str]) -> None:
    """Refuse options that would be passed over, since they speak of another that was not given.

    Args:
        owners: by an option's parameter those of the options that it speaks of.

    Raises:
        UsageError: one was given, and none of its owners.
    """
    given, flags = given_options(), _flags(click.get_current_context())
    for name, of in owners.items():
        if name in given and not given & set(of):
            wanted = " or ".join(flags[owner] for owner in of)
            raise UsageError(f"{flags[name]} is of {wanted}; give that too, or leave it out")


def check_alone(name: str) -> None:
    """Refuse what would be passed over beside an option that does one thing and stops.

    Raises:
        UsageError: it was given, and something else.
    """
    given, flags = given_options(), _flags(click.get_current_context())
    others = ", ".join(sorted(flags[other] for other in given - {name}))
    if name in given and others:
        raise UsageError(f"{flags[name]} stands alone; leave {others} out")


def given_options() -> set[str]:
    """Parameters of the command that were written out, arguments among them."""
    context = click.get_current_context()
    source = context.get_parameter_source
    return {name for name in _flags(context) if source(name) is not ParameterSource.DEFAULT}


def _flags(context: click.Context) -> dict[str, str]:
    """What a user calls every parameter."""
    return {
        str(one.name): one.opts[0] if isinstance(one, click.Option) else one.make_metavar(context)
        for one in context.command.params
    }


def read_options(pairs: Iterable[str], **named: Any) -> dict[str, str]:
    """Options by name: those that were said, and those that have a flag of their own.

    Raises:
        UsageError: one is not NAME=VALUE, or is said twice.
    """
    options = {name: str(value) for name, value in named.items() if value is not None}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--option {pair!r} is not NAME=VALUE, such as weights=model.pth")
        if name in options:
            raise UsageError(f"option {name} is given twice")
        options[name] = value
    return options
