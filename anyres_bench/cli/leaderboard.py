"""`anyres-bench leaderboard`: submissions made and checked, claims of papers, the site of both."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from anyres_bench.cli import leaderboard_runs
from anyres_bench.cli.console import show
from anyres_bench.cli.groups import Group
from anyres_bench.cli.options import LocalPath, check_owners
from anyres_bench.core.counts import counted
from anyres_bench.core.errors import UsageError
from anyres_bench.core.quoting import one_line_each, terminal
from anyres_bench.core.reporting import say


@click.group(cls=Group)
def command() -> None:
    """Results that others can check, and published numbers beside them.

    \b
    From a model to a checked submission:
      anyres-bench evaluate out/mine --dataset data/photos
      anyres-bench leaderboard submit results --model out/mine --out mine \\
          --licence Apache-2.0 --training-data "10,000 photographs of our own"
      anyres-bench leaderboard check mine
    """


for _part in (
    leaderboard_runs.plan,
    leaderboard_runs.reproduce,
    leaderboard_runs.verify,
    leaderboard_runs.serve,
    leaderboard_runs.log,
    leaderboard_runs.export,
):
    command.add_command(_part)


@command.command()
@click.argument("results", nargs=-1, required=True, type=LocalPath())
@click.option("--out", required=True, type=LocalPath(), help="New folder.")
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
    type=click.Choice(["none", "moments", "float16", "float32"]),
    help="Enclose the features, or their moments, so that anybody can compute the numbers again.",
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
    them without the model and without the images. From moments, which are smaller and show no
    single image, Frechet distances alone follow. Both are read from this machine's cache. At most
    32 pictures of the model go with it, those that a report would show, and the recipe, with which
    `evaluate --recipe` makes the numbers again. What was written is checked; nothing is left where
    a rule fails.

    \b
    Examples:
      anyres-bench leaderboard submit results --model out/mine --out mine \\
          --licence MIT --training-data FFHQ --features float16
    """
    from anyres_bench.leaderboard.submission import Card
    from anyres_bench.leaderboard.submitting import Enclosed, chosen, submit
    from anyres_bench.metrics import is_known
    from anyres_bench.results import check_outside, read_results

    check_outside(out, results)
    reading = read_results(results, is_known=is_known)
    if reading.oddities:
        say(one_line_each(reading.oddities))
    card = Card(licence, training_data, on_reference, link, contact, notes)
    made = submit(chosen(reading.results, model), out, card, Enclosed(features, not no_samples))
    show(one_line_each(made.verdicts))
    show(f"wrote {out}: accepted by `leaderboard check {shlex.quote(str(out))}`: {made.tier}")


@command.command()
@click.argument("folder", required=False, type=LocalPath(), metavar="[DIR]")
@click.option("--board-log", type=LocalPath(), help="Log of the board, checked as well.")
@click.option("--base", type=LocalPath(), help="That log before.")
def check(folder: Path | None, board_log: Path | None, base: Path | None) -> None:
    """Hold the submission DIR to every rule; one line each, and the exit code is the verdict.

    Needs no network, no model and no images. Values are computed again where their features are
    enclosed. With --board-log the submission has to be in that log, and the last line says what it
    is by it: one that was retracted is still the folder that was entered, and has no rank. With
    --base the log may differ from what it was only by lines that were added.

    \b
    Examples:
      anyres-bench leaderboard check mine
      anyres-bench leaderboard check submissions/mine --board-log log.csv --base before/log.csv
      anyres-bench leaderboard check --board-log log.csv --base before/log.csv
    """
    from anyres_bench.core.quoting import one_line_each
    from anyres_bench.leaderboard.checks import check
    from anyres_bench.leaderboard.log import load_log
    from anyres_bench.leaderboard.logged import check_log, standing

    if folder is None and board_log is None:
        raise UsageError("check needs the folder of a submission, --board-log FILE, or both")
    check_owners(base=["board_log"])
    checked = None if folder is None else check(folder)
    verdicts = list(checked.verdicts) if checked else []
    verdicts += check_log(board_log, base, checked) if board_log else []
    show(one_line_each(verdicts))
    fits = all(verdict.state != "failed" for verdict in verdicts)
    lines = load_log(board_log) if fits and board_log else ()
    tier = f": {standing(lines, checked)}" if checked else ""
    show(f"accepted{tier}" if fits else "refused", bold=True)
    if not fits:
        sys.exit(1)


@command.command()
@click.argument("results", nargs=-1, type=LocalPath())
@click.option(
    "--out", default="site", show_default=True, type=LocalPath(), help="Folder of the site."
)
@click.option(
    "--submissions",
    multiple=True,
    type=LocalPath(),
    metavar="DIR",
    help="Folder in which every folder is a submission; may be given several times.",
)
@click.option("--board-log", type=LocalPath(), help="Log of the board.")
@click.option("--embedded", is_flag=True, help="Also the records that the package holds.")
@click.option(
    "--title", default="anyres-bench leaderboard", show_default=True, help="Title of the pages."
)
def build(
    results: tuple[Path, ...],
    out: Path,
    submissions: tuple[Path, ...],
    board_log: Path | None,
    embedded: bool,
    title: str,
) -> None:
    """Build the site of RESULTS, folders of results of your own and submissions of others.

    One folder comes of it, which works from the disk and from any host of static files: tables of
    every task as pages, csv, Markdown, LaTeX and JSON, ranks with ties, curves, costs, pictures
    where their licence permits, claims and the log on pages of their own. A submission that fails a
    rule of `leaderboard check` stays out, and is named in the log's page. What is in a folder of
    results is taken as measured by you, so that of others belongs into --submissions.

    \b
    Examples:
      anyres-bench leaderboard build results --out site
      anyres-bench leaderboard build --embedded --out site
      anyres-bench leaderboard build --submissions submissions --board-log log.csv --out site
    """
    from anyres_bench.leaderboard.committed import SCENES
    from anyres_bench.leaderboard.log import load_log
    from anyres_bench.leaderboard.site.building import build_site, check_replaceable
    from anyres_bench.leaderboard.site.entries import read_board
    from anyres_bench.results import check_outside

    paths = results or (() if submissions or embedded else (Path("results"),))
    paths = (*paths, SCENES) if embedded else paths
    check_outside(out, [*paths, *submissions])
    check_replaceable(out)
    log = load_log(board_log) if board_log is not None else None
    board = read_board(paths, submissions, log)
    if board.oddities:
        say(one_line_each(board.oddities))
    for refusal in board.refused:
        say(terminal(f"refused {refusal.name}: {refusal.reasons[0]}"))
    built = build_site(board, out, title)
    tables, models = counted(built.n_tables, "table"), counted(built.n_models, "model")
    files = counted(built.n_files, "file")
    show(f"wrote {out}: {tables} of {models} in {files}; open {out / 'index.html'}")


@command.command()
@click.option("--dataset", help="Of this dataset alone, as the source calls it.")
@click.option("--system", help="Of this system alone.")
@click.option("--csv", "as_csv", is_flag=True, help="All columns, with sources.")
def claims(dataset: str | None, system: str | None, as_csv: bool) -> None:
    """List what papers and repositories state; none of it was measured here.

    \b
    confidence: A read in the source itself, B read on a page of others about it, C recollection

    \b
    Examples:
      anyres-bench leaderboard claims --dataset FFHQ-6K
      anyres-bench leaderboard claims --csv > claims.csv
    """
    from anyres_bench.results.claims import claim_table, claims_of

    show(claim_table(claims_of(dataset, system), as_csv))
