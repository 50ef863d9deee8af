"""`anyres-bench tilers`: list them, export the conformance kit, check an engine against it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.groups import Group
from anyres_bench.cli.options import LocalPath


@click.group(cls=Group)
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
    """List the tilers and their options.

    \b
    Example:
      anyres-bench tilers list
    """
    from anyres_bench.tilers import listed

    show(listed())


@command.command()
@click.argument("folder", type=LocalPath(), metavar="KIT")
def export(folder: Path) -> None:
    """Write the plans of every tiler as JSON lines into the folder KIT, with a schema.

    Each line is what a conforming engine says of one size; any engine in any language can be
    tested against it.

    \b
    Example:
      anyres-bench tilers export kit/
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
    from anyres_bench.tilers.conformance import check_engine

    outcome = check_engine(spec, engine, timeout)
    for line in outcome.json_lines() if as_json else [outcome.text()]:
        show(line)
    if outcome.found:
        sys.exit(1)
