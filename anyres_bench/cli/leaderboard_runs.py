"""`anyres-bench leaderboard plan|reproduce|verify`: numbers of others, made again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import device_option
from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError


def _folders(pairs: tuple[str, ...]) -> dict[str, Path]:
    """NAME=PATH pairs.

    Raises:
        UsageError: one is no such pair, or names a dataset twice.
    """
    found: dict[str, Path] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not (name and equals and path) or name in found:
            raise UsageError(f"--dataset {pair!r} is not NAME=PATH, each name once")
        found[name] = Path(path)
    return found


@click.command()
@click.argument("what", type=click.Choice(["paper"]))
@click.option("--dataset", "pairs", multiple=True, metavar="NAME=PATH", help="One that is here.")
@click.option("--json", "as_json", is_flag=True, help="Everything, for programs.")
@click.option("--csv", "as_csv", is_flag=True, help="A line a number.")
@device_option
def plan(
    what: str, pairs: tuple[str, ...], as_json: bool, as_csv: bool, device: str | None
) -> None:
    """Print the published table as a plan: what is missing, where it is, hours on this machine.

    Every number with its source, its complete task, the dataset and checkpoint that it needs,
    whether they are here, how to get them (size, licence, address), the command that measures it
    and the hours that it takes. Nothing is fetched. What is not known is said to be unknown.

    \b
    Examples:
      anyres-bench leaderboard plan paper
      anyres-bench leaderboard plan paper --dataset ffhq6k=data/ffhq6k --dataset birds=data/birds
      anyres-bench leaderboard plan paper --csv > plan.csv
    """
    from anyres_bench.leaderboard.machine import probe
    from anyres_bench.leaderboard.plan import plan_paper
    from anyres_bench.leaderboard.plan_output import plan_csv, plan_json, plan_text

    assert what == "paper"
    if as_json and as_csv:
        raise UsageError("--json and --csv are two answers; ask for one")
    made = plan_paper(_folders(pairs), device or str(distributed.device()), probe)
    if as_json:
        show(json.dumps(plan_json(made), indent=2))
    else:
        show(plan_csv(made) if as_csv else plan_text(made))
