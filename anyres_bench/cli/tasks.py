"""`anyres-bench tasks`: what can be measured, and how a task is written."""

from __future__ import annotations

from pathlib import Path

import click

from anyres_bench.core.errors import DatasetError

_PROTOCOLS = """\
protocols (R, P, A, B and S are pixels)
  anyres-full{R}                    whole images, shrunk to R x R; the model renders R x R
  anyres-up{R}                      the same reals; the model's base image, enlarged to R x R
  anyres-patch{P}-min{A}max{B}      P x P windows on canvases of A to B px (B = 0: native size)
  anyres-subpatch{P}-min{A}max{B}   299 x 299 px of such a window: Inception resizes nothing
  patch{P}-at{S}                    P x P windows on canvases of S x S: one point of a size curve
  append -noflip (no mirrored reals) or -centre (centred squares) to the anyres- ones

a task is PROTOCOL/METRIC, such as anyres-full256/frechet, or in full as tables print it:
  DATASET[:half]/PROTOCOL/METRIC/EXTRACTOR/nN@1
  :half   one half of the images is the reference, the other is for `real` and `resample`
the papers' names (fid-full1024, fid-patch256-min256max0, ...) stand for their protocol with every
image as reference, Frechet distance with ddof 0, NVIDIA's Inception file and 50,000 fakes
"""


@click.command()
@click.option(
    "--dataset",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the suites out for this dataset.",
)
def command(folder: Path | None) -> None:
    """List suites, protocols, metrics, extractors and models.

    \b
    Examples:
      anyres-bench tasks
      anyres-bench tasks --dataset data/scenes
    """
    from anyres_bench.data.dataset import Dataset
    from anyres_bench.evaluation.suites import SUITES, suite
    from anyres_bench.features.extractor import EXTRACTORS
    from anyres_bench.metrics import METRICS
    from anyres_bench.models.families import parts
    from anyres_bench.models.generator import GENERATORS

    if folder is not None:
        dataset = Dataset.read(folder)
        for name in SUITES:
            click.echo(f"suite {name} on {dataset.id}")
            try:
                for query in suite(name, dataset):
                    click.echo(f"  {query.protocol}/{query.metric}")
            except DatasetError as error:
                click.echo(f"  nothing: {error}")
        return
    specs = parts("specs")
    click.echo(_PROTOCOLS)
    click.echo(f"suites      {'  '.join(SUITES)}")
    click.echo(f"metrics     {'  '.join(METRICS)}")
    click.echo(f"extractors  {'  '.join(EXTRACTORS)}")
    click.echo(f"models      {'  '.join([*GENERATORS, *specs])}")
