"""`anyres-bench evaluate`: measure a model on a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from anyres_bench.cli.console import show
from anyres_bench.cli.options import (
    LocalPath,
    check_owners,
    device_option,
    given_options,
    label_options,
    option_option,
    read_options,
    reference_options,
    workers_option,
)
from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError

if TYPE_CHECKING:
    from anyres_bench.evaluation.recipes import EvaluationRecipe

_SAID = {"wanted": "--suite", "extractor": "--extractor", "n": "--n", "seed": "--seed"}


@click.command()
@click.argument("model", required=False)
@click.option("--dataset", "folder", type=LocalPath(), metavar="DIR", help="A dataset's folder.")
@reference_options
@click.option(
    "--suite",
    "wanted",
    multiple=True,
    default=("quick",),
    show_default=True,
    metavar="quick|paper|ar1|memorisation|TASK",
    help="What to measure; may be given several times.",
)
@click.option(
    "--recipe",
    "recipe_file",
    type=LocalPath(),
    metavar="FILE",
    help="Measure what a recipe says; MODEL may be left out, or be another.",
)
@click.option(
    "--save-recipe",
    type=LocalPath(),
    metavar="FILE",
    help="Write down all that it takes to get these numbers again.",
)
@click.option("--extractor", help="Where the task names none.  [default: builtin]")
@click.option(
    "--n",
    type=click.IntRange(min=2),
    help="Fakes, where the task names no number.  [default: 1000, fewer where the dataset has "
    "fewer]",
)
@click.option("--seed", default=0, show_default=True, help="Of windows and latents.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    help="Images at a time.  [default: 16, or 32 for networks on a GPU]",
)
@workers_option
@click.option(
    "--out", default="results", show_default=True, type=LocalPath(), help="Folder of the results."
)
@device_option
@click.option("--psi", help="Truncation, for models that have it.")
@click.option("--assembly", help="How tiles become an image, for models that have a choice.")
@label_options
@option_option
@click.option("--accept-licence", is_flag=True, help="Accept the licence of downloaded weights.")
@click.option("--as", "kind", metavar="DATASET", help="What the dataset is, for --suite paper.")
@click.option("--fresh", is_flag=True, help="Measure again what is there already.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Time a few items; say tasks, hours, memory, disk and downloads; write nothing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the records instead of the table.")
def command(
    model: str | None,
    folder: Path | None,
    reference: Path | None,
    reference_n: int | None,
    reference_part: Literal["moments", "images"] | None,
    wanted: tuple[str, ...],
    recipe_file: Path | None,
    save_recipe: Path | None,
    extractor: str | None,
    n: int | None,
    seed: int,
    batch_size: int | None,
    workers: int,
    out: Path,
    device: str | None,
    psi: str | None,
    assembly: str | None,
    label: int | None,
    labels: str | None,
    pairs: tuple[str, ...],
    accept_licence: bool,
    kind: str | None,
    fresh: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Measure MODEL on a dataset.

    MODEL is a folder made by `convert` or `train`, an official checkpoint, a registered name, or a
    factory of one's own, file.py:factory or package.module:factory. `folder:PATH` takes images of
    any size from anywhere; `real` is the ceiling and `resample:lanczos@64` a floor, made of images
    that the reference does not hold.

    --reference FILE takes the place of --dataset: statistics as pytorch-fid, clean-fid, ADM and
    StyleGAN publish them, a reference batch of ADM, or what `anyres-bench stats export` wrote.

    A task is PROTOCOL/METRIC, such as anyres-full256/frechet, or complete as the table shows it, or
    a paper's name, such as fid-patch256-min256max0. `anyres-bench tasks` lists what there is.
    Results are kept: what was measured before is marked and not measured again, and after Ctrl-C
    the same command goes on where it was.

    \b
    Examples:
      anyres-bench evaluate real --dataset data/scenes
      anyres-bench evaluate resample:bicubic@64 --dataset data/photos --suite anyres-full256/kid
      anyres-bench evaluate folder:my/samples --dataset data/photos --n 2000
      anyres-bench evaluate folder:my/samples --reference stats.npz \\
        --suite anyres-full256/frechet --extractor inception-v3+legacy_pytorch
      anyres-bench evaluate folder:my/samples --dataset data/photos --save-recipe table1.toml
      anyres-bench evaluate --recipe table1.toml --dataset data/photos
      anyres-bench evaluate ffhq6k.pkl --dataset data/ffhq6k --suite paper --dry-run
      anyres-bench evaluate liif:folder:small --option weights=liif.pth --dataset data/photos
      torchrun --nproc-per-node 4 -m anyres_bench -- evaluate out/mine --dataset data/x --n 2000

    \b
    The -- keeps torchrun from taking --n for one of its own options.
    """
    from anyres_bench.evaluation.recipes import EvaluationRecipe, check_place, write_recipe
    from anyres_bench.evaluation.reference_plans import ReferenceFile
    from anyres_bench.evaluation.requests import Request
    from anyres_bench.evaluation.running import EvaluationOptions, forecast_request, run_request
    from anyres_bench.results import result_table

    if (folder is None) == (reference is None):
        raise UsageError("evaluate needs --dataset DIR or --reference FILE, and not both")
    check_owners(reference_n=["reference"], reference_part=["reference"])
    if kind is not None and "paper" not in wanted:
        raise UsageError(f"--as {kind} is of --suite paper; give that too, or leave it out")
    source = folder or ReferenceFile(Path(str(reference)), reference_n, reference_part)
    recipe = None if recipe_file is None else _recipe(recipe_file)
    if model is None and recipe is None:
        raise UsageError("evaluate needs MODEL, or --recipe FILE; --help shows examples")
    if save_recipe is not None:
        check_place(save_recipe)
    where = device or str(distributed.device())
    request = Request(wanted, extractor, n, where, accept_licence, kind)
    how = EvaluationOptions(out, seed, batch_size, workers, fresh)
    options = read_options(pairs, psi=psi, assembly=assembly, label=label, labels=labels)
    if recipe is not None and model is None:
        options = {**recipe.model.options, **options}
    if dry_run:
        if folder is None or model is None:
            raise UsageError("--dry-run takes MODEL and --dataset; a recipe or a file has none")
        show(forecast_request(model, folder, request, options, how))
        return
    outcome = run_request(model, source, request, options, how, recipe)
    records = [result.to_json() for result in outcome.results]
    table = result_table(outcome.results, outcome.kept)
    show(json.dumps(records, indent=2) if as_json else table)
    outcome.check()
    if save_recipe is not None:
        write_recipe(save_recipe, EvaluationRecipe.of(outcome.results, options, outcome.extractors))


def _recipe(path: Path) -> EvaluationRecipe:
    """A recipe, where nothing was asked for that it says itself.

    Raises:
        UsageError: an option says something else.
        DataError: it cannot be read.
    """
    from anyres_bench.evaluation.recipes import read_recipe

    given = given_options()
    for name, flag in _SAID.items():
        if name in given:
            raise UsageError(f"the recipe says what {flag} would say; leave one of them out")
    return read_recipe(path)
