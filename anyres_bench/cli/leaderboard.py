"""`anyres-bench leaderboard`: submissions made and checked, claims of papers beside results."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from anyres_bench.cli import leaderboard_runs
from anyres_bench.cli.console import show
from anyres_bench.core.quoting import one_line_each
from anyres_bench.core.reporting import say


@click.group()
def command() -> None:
    """Results that others can check, and published numbers beside them.

    \b
    From a model to a checked submission:
      anyres-bench evaluate out/mine --dataset data/photos
      anyres-bench leaderboard submit results --model out/mine --out mine \\
          --licence Apache-2.0 --training-data "10,000 photographs of our own"
      anyres-bench leaderboard check mine
    """


command.add_command(leaderboard_runs.plan)


@command.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="New folder.")
@click.option("--model", help="Whose results, where there are those of several: id or spec.")
@click.option("--licence", required=True, help="Of the model's weights.")
@click.option("--training-data", required=True, help="What the model was trained on.")
@click.option(
    "--trained-on-reference/--not-trained-on-reference",
    "on_reference",
    default=None,
    help="Whether images of the reference were among it.  [default: unknown]",
)
@click.option("--link", default="", help="To a paper, a page or a repository.")
@click.option("--contact", default="", help="By choice; it is published.")
@click.option("--notes", default="", help="What else readers should know.")
@click.option(
    "--features",
    default="none",
    show_default=True,
    type=click.Choice(["none", "float16", "float32"]),
    help="Enclose the features, so that anybody can compute the numbers again.",
)
@click.option("--no-samples", is_flag=True, help="Enclose no pictures.")
def submit(
    results: tuple[Path, ...],
    out: Path,
    model: str | None,
    licence: str,
    training_data: str,
    on_reference: bool | None,
    link: str,
    contact: str,
    notes: str,
    features: str,
    no_samples: bool,
) -> None:
    """Make a submission of RESULTS, files or folders: one new folder that stands for itself.

    With features the numbers become `recomputed` on a leaderboard: metric and interval follow from
    them without the model and without the images. They are read from this machine's cache. At most
    32 pictures of the model go with it, those that a report would show.

    \b
    Examples:
      anyres-bench leaderboard submit results --model out/mine --out mine \\
          --licence MIT --training-data FFHQ --features float16
    """
    from anyres_bench.leaderboard.submission import Card
    from anyres_bench.leaderboard.submitting import Enclosed, chosen, submit
    from anyres_bench.metrics import METRICS
    from anyres_bench.results import read_results

    reading = read_results(results, metrics=METRICS)
    if reading.oddities:
        say(one_line_each(reading.oddities))
    card = Card(licence, training_data, on_reference, link, contact, notes)
    made = submit(chosen(reading.results, model), out, card, Enclosed(features, not no_samples))
    show(
        f"wrote {out}: {len(made.files)} files of {made.model}; "
        f"next: anyres-bench leaderboard check {out}"
    )


@command.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
def check(folder: Path) -> None:
    """Hold the submission DIR to every rule; one line each, and the exit code is the verdict.

    Needs no network, no model and no images. Values are computed again where their features are
    enclosed.
    """
    from anyres_bench.leaderboard.checks import check

    checked = check(folder)
    show(one_line_each(checked.verdicts))
    show(f"accepted: {checked.tier}" if checked.fits else "refused", bold=True)
    if not checked.fits:
        sys.exit(1)


@command.command()
@click.option("--dataset", help="Of this dataset alone, as the source calls it.")
@click.option("--system", help="Of this system alone.")
@click.option("--csv", "as_csv", is_flag=True, help="All columns, with sources.")
def claims(dataset: str | None, system: str | None, as_csv: bool) -> None:
    """List what papers and repositories state; none of it was measured here.

    \b
    confidence: A read in the source itself, B read on a page of others about it, C recollection
    """
    from anyres_bench.results.claims import claim_table, published_claims

    chosen = [
        claim
        for claim in published_claims()
        if dataset in (None, claim.dataset) and system in (None, claim.system)
    ]
    show(claim_table(chosen, as_csv))
