"""What can be measured, in words: protocols, suites, metrics, extractors and models."""

from __future__ import annotations

from collections.abc import Iterable

from anyres_bench.core.errors import DatasetError
from anyres_bench.core.quoting import one_line_each
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.suites import SUITES, suite
from anyres_bench.features.extractor import EXTRACTORS
from anyres_bench.metrics import METRICS, SUMMARIES
from anyres_bench.models.families import parts
from anyres_bench.models.generator import GENERATORS

_PROTOCOLS = """\
protocols (R, P, A, B, D and S are pixels)
  anyres-full{R}                    whole images, shrunk to R x R; the model renders R x R
  anyres-up{R}                      the same reals; the model's base image, enlarged to R x R
  anyres-patch{P}-min{A}max{B}      P x P windows on canvases of A to B px (B = 0: native size)
  anyres-subpatch{P}-min{A}max{B}   299 x 299 px of such a window: Inception resizes nothing
  patch{P}-at{S}                    P x P windows on canvases of S x S: one point of a size curve
  pair-at{A}and{B}                  one latent at A x A and at B x B, for consistency
  scaleparty-at{A}and{B}            the same as ScaleParty renders it, for self-ssim
  overlap{P}by{D}-at{S}             two windows of P x P, D px apart: do their pixels agree?
  eq-{t|tfrac|r}-at{S}              the model's input shifted or rotated, for equivariance
  paired                            each image beside the reference of its name: psnr, ssim, lpips
  infd-p{P}, center{P}, pixverve-patch{R}, codec{P}, scalespace{P}-bin{B}, adm{R}[-of{H}x{W}],
  scaleinv{R}-full{F}-x{S}          those of other projects: docs/dialects.md
  ar1-patch{P}-at{S}                the same by ar1: one window an image first, even positions
  ar1-patch{P}-min{A}max{B}         canvases from A to B by half octaves, for scale-METRIC; -octaves
  ar1-patch{P}-native               canvases of the size and shape of each real image
  ar1-patch{P}-ar{W}x{H}-{M}mp      canvases of a shape (width x height) and M million pixels
  ar1-patch{P}-aspects-{M}mp        seven shapes from 1x3 to 3x1, for aspect-METRIC
  ar1-shrunk{A}-at{S}               canvases of S x S shrunk to A x A, against images of any size
  append -noflip (no mirrored reals) or -centre (centred squares) to the anyres- ones; -centre to
  patch{P}-at{S} too

a task is PROTOCOL/METRIC, such as anyres-full256/frechet, or in full as tables print it:
  DATASET[:half]/PROTOCOL/METRIC/EXTRACTOR/nN@1
  :half   one half of the images is the reference, the other is for `real` and `resample`
a suite's place may be taken by sizes, such as --suite ar1-patch64-min64max512
the papers' names (fid-full1024, fid-patch256-min256max0, ...) stand for their protocol with every
image as reference, Frechet distance with ddof 0, NVIDIA's Inception file and 50,000 fakes
"""


def catalogue() -> str:
    """Everything that has a name, and how a task is written."""
    names: dict[str, Iterable[str]] = {
        "suites": SUITES,
        "metrics": METRICS,
        "summaries": [f"{name}-METRIC" for name in SUMMARIES],
        "extractors": EXTRACTORS,
        "models": [*GENERATORS, *parts("specs")],
    }
    return "\n".join([_PROTOCOLS, *(f"{kind:<11} {'  '.join(of)}" for kind, of in names.items())])


def suites_of(dataset: Dataset) -> str:
    """The tasks of every suite, written out for a dataset."""
    lines: list[str] = []
    for name in SUITES:
        lines.append(f"suite {name} on {dataset.id}")
        try:
            lines += [f"  {query.protocol}/{query.metric}" for query in suite(name, dataset)]
        except DatasetError as error:
            lines.append(f"  nothing: {error}")
    return one_line_each(lines)
