"""`anyres-bench leaderboard plan|reproduce|verify|serve|log|export`: made again, kept, shown."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import (
    LocalPath,
    Number,
    check_owners,
    device_option,
    option_option,
    read_options,
)
from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError
from anyres_bench.core.quoting import one_line_each
from anyres_bench.core.reporting import say

if TYPE_CHECKING:
    from anyres_bench.evaluation.requests import Request
    from anyres_bench.evaluation.running import EvaluationOptions


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
@click.option(
    "--dataset",
    "pairs",
    multiple=True,
    metavar="NAME=PATH",
    help="One that is here; may be given several times.",
)
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


@click.command()
@click.argument("what", type=click.Choice(["paper", "scenes"]))
@click.option(
    "--dataset",
    "pairs",
    multiple=True,
    metavar="NAME=PATH",
    help="One of the paper's; may be given several times.",
)
@click.option(
    "--fraction",
    default=1.0,
    show_default=True,
    type=Number(0, 1, min_open=True),
    help="Share of the numbers, drawn by --seed.",
)
@click.option("--seed", default=0, show_default=True, help="Of the draw.")
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="A system of `scenes`; may be given several times.  [default: all]",
)
@click.option("--fresh", is_flag=True, help="Measure again what is there already.")
@click.option("--accept-licence", is_flag=True, help="Accept the licence of downloaded weights.")
@click.option(
    "--out",
    default="reproduced",
    show_default=True,
    type=LocalPath(),
    help="Working folder, where it goes on.",
)
@device_option
def reproduce(
    what: str,
    pairs: tuple[str, ...],
    fraction: float,
    seed: int,
    only: tuple[str, ...],
    fresh: bool,
    accept_licence: bool,
    out: Path,
    device: str | None,
) -> None:
    """Make numbers again: the embedded benchmark's, or those of the paper whose parts are here.

    `scenes` draws its own images, measures every system that needs no download, and compares with
    the committed records: exit code 0 only where every number lies within the stated tolerance.
    `paper` measures the cells that `leaderboard plan paper` calls ready, and shows each beside the
    published number; a paper's number has no tolerance, so the exit code says whether there was
    any. After Ctrl-C the same command goes on where it was.

    \b
    Examples:
      anyres-bench leaderboard reproduce scenes
      anyres-bench leaderboard reproduce scenes --fraction 0.2 --seed 7
      anyres-bench leaderboard reproduce scenes --only ours-seed0 --only real
      anyres-bench leaderboard reproduce paper --dataset ffhq6k=data/ffhq6k --device cuda
    """
    check_owners(seed=["fraction"])
    where = device or str(distributed.device())
    if what == "scenes":
        from anyres_bench.leaderboard.reproducing import CommittedRun, reproduce, reproduction_text

        if pairs:
            raise UsageError("scenes draws its own images; --dataset is of reproduce paper")
        found = reproduce(CommittedRun(out / "scenes", where, fraction, seed, fresh, only))
        show(reproduction_text(found))
        if not found.fits:
            sys.exit(1)
        return
    from anyres_bench.evaluation.requests import Request
    from anyres_bench.evaluation.running import EvaluationOptions

    if only:
        raise UsageError("--only names systems of scenes; for paper there is --fraction")
    request = Request((), device=where, accept_licence=accept_licence)
    how = EvaluationOptions(out / "paper", fresh=fresh)
    _reproduce_paper(_folders(pairs), request, how, fraction, seed)


def _reproduce_paper(
    folders: dict[str, Path], request: Request, how: EvaluationOptions, fraction: float, seed: int
) -> None:
    from anyres_bench.leaderboard.paper_runs import measure_cells, measured_text, sample_cells
    from anyres_bench.leaderboard.plan import missing, plan_paper, ready

    made = plan_paper(folders, request.device, lambda device: 1.0)
    cells = [one.cell for one in ready(made)]
    if not cells:
        absent = ", ".join(need.name for need in missing(made))
        raise UsageError(
            f"no cell of the table has all its parts here; missing are {absent}: `anyres-bench "
            "leaderboard plan paper` says where they are"
        )
    found = list(measure_cells(sample_cells(cells, fraction, seed), folders, request, how))
    show(measured_text(found))
    if not any(one.result for one in found):
        sys.exit(1)


@click.command()
@click.argument("folder", type=LocalPath(), metavar="DIR")
@click.option("--dataset", required=True, type=LocalPath(), help="Folder of the images.")
@click.option("--model", help="Its spec here; a record names only models without files.")
@click.option(
    "--fraction",
    default=0.05,
    show_default=True,
    type=Number(0, 1, min_open=True),
    help="Share of the rows of every set of features, drawn by --seed.",
)
@click.option("--seed", default=0, show_default=True, help="Of the draw.")
@click.option("--accept-licence", is_flag=True, help="Accept the licence of downloaded weights.")
@option_option
@device_option
def verify(
    folder: Path,
    dataset: Path,
    model: str | None,
    fraction: float,
    seed: int,
    accept_licence: bool,
    pairs: tuple[str, ...],
    device: str | None,
) -> None:
    """Render a part of the submission DIR again and compare; the exit code is the verdict.

    Every picture, and a seeded part of every set of features, of the model and of the reference,
    is made again from the model and the images. A line says what was compared and how far it was
    off. A submission that encloses neither cannot be verified and is refused.

    \b
    Examples:
      anyres-bench leaderboard verify mine --dataset data/photos
      anyres-bench leaderboard verify mine --dataset data/photos --model out/mine --fraction 0.2
    """
    from anyres_bench.leaderboard.verifying import VerifyRequest, verify

    where = device or str(distributed.device())
    options = read_options(pairs)
    request = VerifyRequest(dataset, where, options, model, fraction, seed, accept_licence)
    verdicts = verify(folder, request)
    show(one_line_each(verdicts))
    fits = all(verdict.state != "failed" for verdict in verdicts)
    show("verified" if fits else "refused", bold=True)
    if not fits:
        sys.exit(1)


@click.command()
@click.argument("folder", type=LocalPath(), metavar="DIR")
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65535),
    help="Of this machine.  [default: a free one]",
)
def serve(folder: Path, port: int) -> None:
    """Show the folder DIR, such as `leaderboard build` makes, to a browser on this machine.

    Only this machine can reach it, only regular files inside DIR are sent, and nothing runs here.
    Ctrl-C ends it.

    \b
    Examples:
      anyres-bench leaderboard serve site
      anyres-bench leaderboard serve site --port 8000
    """
    from anyres_bench.leaderboard.serving import FolderServer

    with FolderServer(folder, port) as server:
        show(server.address)
        if not (folder / "index.html").is_file():
            say(f"{folder} has no index.html; write the name of a page of it behind the address")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


@click.command()
@click.argument("file", type=LocalPath())
@click.option("--add", type=LocalPath(), metavar="DIR", help="Enter a submission.")
@click.option("--re-rendered", metavar="SEAL", help="It was verified: say so.")
@click.option("--retract", metavar="SEAL", help="It no longer stands: say so, and --why.")
@click.option("--record", default="", metavar="KEY", help="One record of it alone.")
@click.option("--why", default="", help="Of a retraction; else by choice.")
def log(
    file: Path,
    add: Path | None,
    re_rendered: str | None,
    retract: str | None,
    record: str,
    why: str,
) -> None:
    """Show the log FILE of a leaderboard, or add a line to it; no line ever changes or goes.

    \b
    Examples:
      anyres-bench leaderboard log log.csv
      anyres-bench leaderboard log log.csv --add submissions/mine
      anyres-bench leaderboard log log.csv --retract 4f2a91c0 --why "wrong images"
    """
    from anyres_bench.leaderboard.checks import check
    from anyres_bench.leaderboard.log import RETRACTED, TABLE_HEAD, TIERS, load_log
    from anyres_bench.leaderboard.logged import add_submission, change_state

    states = ("re_rendered", "retract")
    check_owners(record=states, why=states)
    if sum(one is not None for one in (add, re_rendered, retract)) > 1:
        raise UsageError("one line at a time: --add, --re-rendered or --retract")
    if add is not None:
        show(add_submission(file, check(add)).csv().rstrip())
    elif re_rendered is not None:
        show(change_state(file, re_rendered, TIERS[-1], record, why).csv().rstrip())
    elif retract is not None:
        show(change_state(file, retract, RETRACTED, record, why).csv().rstrip())
    else:
        show(TABLE_HEAD + "".join(line.csv() for line in load_log(file)).rstrip())


@click.command()
@click.argument("results", nargs=-1, required=True, type=LocalPath())
@click.option("--out", required=True, type=LocalPath(), help="New folder.")
@click.option("--benchmark", required=True, metavar="ORG/NAME", help="Dataset repository.")
@click.option("--licence", required=True, help="Of the table of results.")
@click.option("--title", default="anyres-bench", show_default=True, help="Title of the table.")
@click.option("--source", default="", metavar="URL", help="Where the evidence is.")
def export(
    results: tuple[Path, ...], out: Path, benchmark: str, licence: str, title: str, source: str
) -> None:
    """Write RESULTS as other boards read them: Hugging Face's YAML, and Croissant.

    OUT/dataset goes into the dataset repository that is the benchmark: `eval.yaml`, the results as
    csv and their Croissant description. OUT/models/ID goes into the repository of each model.
    Nothing is sent anywhere.

    \b
    Examples:
      anyres-bench leaderboard export results --out hub --benchmark me/scenes --licence CC0-1.0
    """
    from anyres_bench.leaderboard.exchange import HubBenchmark, export_results
    from anyres_bench.metrics import is_known
    from anyres_bench.results import check_outside, read_results

    wanted = HubBenchmark(benchmark, title, licence, source)
    check_outside(out, results)
    reading = read_results(results, is_known=is_known)
    if reading.oddities:
        say(one_line_each(reading.oddities))
    names = export_results(reading.results, wanted, out)
    show("\n".join(f"{out}/{name}" for name in names))
