"""`anyres-bench check-model MODEL`: does one's own model keep what metrics rely on?"""

from __future__ import annotations

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import device_option, option_option, read_options
from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Size


@click.command(name="check-model")
@click.argument("model")
@click.option("--size", metavar="PX|HEIGHTxWIDTH", help="Canvas.  [default: twice its own size]")
@device_option
@option_option
def command(model: str, size: str | None, device: str | None, pairs: tuple[str, ...]) -> None:
    """Hold MODEL to the contract of generators, and say how to mend what it breaks.

    MODEL is what `evaluate` takes; for a model of one's own, file.py:factory.

    \b
    Examples:
      anyres-bench check-model my_model.py:make
      anyres-bench check-model models/ffhq6k --size 512
    """
    from anyres_bench.models.checking import check_model
    from anyres_bench.models.loading import load

    generator = load(model, read_options(pairs), device=device)
    show(f"{generator.id}")
    for step in check_model(generator, Size.parse(size) if size else None):
        note = f": {step.note}" if step.note else ""
        show(f"{'FAIL' if step.fault else 'ok  '}  {step.name}{note}")
        if step.fault:
            raise GeneratorError(f"{step.fault}\nto mend it: {step.mend}")
