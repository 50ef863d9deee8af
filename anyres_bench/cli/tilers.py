"""`anyres-bench tilers`: list them, export the conformance kit, check an engine against it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from anyres_bench.cli.console import show


@click.group()
def command() -> None:
    """Native-resolution tilers of vision-language models: list, export, check.

    \b
    Examples:
      anyres-bench tilers list
      anyres-bench tilers export kit/
      anyres-bench tilers check internvl -- python my_engine.py
    """


@command.command("list")
def list_() -> None:
    """List the tilers and their options."""
    import dataclasses

    from anyres_bench.tilers import TILERS, load

    for name in TILERS:
        fields = dataclasses.asdict(load(name))  # type: ignore[call-overload]
        options = {k: v for k, v in fields.items() if k != "name" and not isinstance(v, tuple)}
        text = " ".join(f"{key}={value}" for key, value in options.items())
        show(f"{name:20} {text}")


@command.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="KIT")
def export(folder: Path) -> None:
    """Write the plans of every tiler as JSON lines into the folder KIT, with a schema.

    Each line is what a conforming engine says of one size; any engine in any language can be
    tested against it.
    """
    from anyres_bench.tilers import TILERS, load
    from anyres_bench.tilers.kit import export as write

    for path in write(folder, {name: load(name) for name in TILERS}):
        show(f"written: {path}")


@command.command()
@click.argument("spec", metavar="TILER")
@click.argument("engine", nargs=-1, required=True, metavar="-- COMMAND")
@click.option(
    "--timeout", default=10.0, show_default=True, help="Longest silence before an answer, seconds."
)
@click.option("--json", "as_json", is_flag=True, help="Print each disagreement as a JSON line.")
def check(spec: str, engine: tuple[str, ...], timeout: float, as_json: bool) -> None:
    """Hold an engine's answers against TILER; exits 1 on any disagreement.

    COMMAND is started once, reads `height width` lines until its input ends, and writes for each a
    JSON line {"grid": [rows, columns], "resized": [height, width], "tokens": n}, or
    {"refused": "why"}. The grid is that of the tiles, or of the patches of a native picture.
    TILER may have options: internvl:max_tiles=6,tile=336.

    \b
    Example:
      anyres-bench tilers check internvl -- python my_engine.py
    """
    from anyres_bench.tilers import load, relatives
    from anyres_bench.tilers.conformance import compare, record, told
    from anyres_bench.tilers.engine import ask
    from anyres_bench.tilers.kit import sizes

    tiler = load(spec)
    asked = sizes(tiler)
    found = compare(tiler, asked, ask(engine, asked, timeout), relatives(tiler))
    if as_json:
        for one in found:
            show(json.dumps(record(one)))
    elif found:
        show(told(found, len(asked), spec))
    else:
        show(f"{spec}: all {len(asked)} sizes agree")
    if found:
        sys.exit(1)
