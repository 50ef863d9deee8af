"""Tasks in words, for readers who do not know ids yet; an id without words stands for itself."""

from __future__ import annotations

import re
from typing import Final

from anyres_bench.results import Result, Task

_PX = r"([1-9][0-9]*)"
_PROTOCOLS: Final = (
    (rf"anyres-full{_PX}", "whole images, {0} px"),
    (rf"anyres-up{_PX}", "base images enlarged to {0} px"),
    (rf"anyres-patch{_PX}-min{_PX}max0", "{0} px windows, canvases of {1} px to native size"),
    (rf"anyres-patch{_PX}-min{_PX}max{_PX}", "{0} px windows, canvases of {1} to {2} px"),
    (rf"anyres-subpatch{_PX}-min{_PX}max0", "299 px of {0} px windows, {1} px to native size"),
    (rf"anyres-subpatch{_PX}-min{_PX}max{_PX}", "299 px of {0} px windows, {1} to {2} px"),
    (rf"patch{_PX}-at{_PX}", "{0} px windows, canvases of {1} px"),
    (rf"ar1-patch{_PX}-at{_PX}", "{0} px windows, canvases of {1} px, ar1"),
    (rf"ar1-patch{_PX}-min{_PX}max{_PX}", "{0} px windows, canvases from {1} to {2} px"),
    (rf"ar1-shrunk{_PX}-at{_PX}", "whole images of {1} px, shrunk to {0} px"),
    (rf"pair-at{_PX}and{_PX}", "one picture at {0} px and at {1} px"),
    (rf"scaleparty-at{_PX}and{_PX}", "one latent at {0} px and at {1} px, as ScaleParty has it"),
    (rf"eq-t-at{_PX}", "whole images, {0} px, input shifted by whole pixels"),
    (rf"eq-tfrac-at{_PX}", "whole images, {0} px, input shifted by fractions of a pixel"),
    (rf"eq-r-at{_PX}", "whole images, {0} px, input rotated"),
    (rf"overlap{_PX}by{_PX}-at{_PX}", "two {0} px windows {1} px apart, canvases of {2} px"),
)
_ENDINGS: Final = {"-noflip": "", "-centre": ", centred", "-native": ", at their own shapes"}
_METRICS: Final = {
    "ap": "Detectability by a published detector",
    "authpct": "Share of pictures that are no copies",
    "cmmd": "Distance under a Gaussian kernel (CMMD)",
    "consistency": "Consistency and detail of two sizes",
    "copy-rate": "Share of close copies",
    "copying": "Data-copying",
    "density-coverage": "Density and coverage",
    "detectability": "Detectability",
    "detector-accuracy": "Accuracy of a published detector",
    "effective-resolution": "Effective resolution",
    "equivariance": "Equivariance to motions of the input",
    "fd-infinity": "Fréchet distance at infinitely many images",
    "frechet": "Fréchet distance",
    "inception-score": "Inception score",
    "kid": "Kernel distance",
    "layout": "Layout of cells",
    "lpips": "LPIPS",
    "mind": "Sliced Wasserstein distance (MIND)",
    "octave-distance": "Distance of octave spectra",
    "overlap": "Disagreement of overlapping windows",
    "prdc": "Precision, recall, density, coverage",
    "precision-recall": "Precision and recall",
    "repetition": "Repetition",
    "seams": "Seams",
    "self-similarity": "Self-similarity of cells",
    "self-ssim": "SelfSSIM",
    "vendi": "Vendi score",
}
_OVER_SIZES: Final = "scale-"
UNITS: Final = {
    "kid": "squared MMD, as it is: papers that print it times 1,000 show another number",
    "precision-recall": "shares, 0 to 1",
    "detectability": "0.5 is chance, 1 is told from real images every time",
}


def protocol_words(protocol: str) -> str:
    """What a protocol looks at.

    >>> protocol_words("anyres-patch64-min64max0-noflip")
    '64 px windows, canvases of 64 px to native size'
    """
    base, said = protocol, ""
    while ending := next((e for e in _ENDINGS if base.endswith(e)), None):
        base, said = base.removesuffix(ending), _ENDINGS[ending] + said
    for pattern, words in _PROTOCOLS:
        if match := re.fullmatch(pattern, base):
            return words.format(*match.groups()) + said
    return protocol


def metric_name(metric: str) -> str:
    """The registered name that a metric's id begins with.

    >>> metric_name("frechet-ddof1")
    'frechet'
    """
    words = metric.split("-")
    names = ["-".join(words[:end]) for end in range(len(words), 0, -1)]
    return next((name for name in names if name in _METRICS), metric)


def metric_words(result: Result) -> str:
    """What a result's metric is called."""
    task = Task.parse(result.task)
    name = metric_name(task.metric)
    if name == "frechet" and result.extractor.is_fid:
        return "FID"
    if task.metric.startswith(_OVER_SIZES):
        of = metric_name(task.metric.removeprefix(_OVER_SIZES))
        return f"{_METRICS.get(of, of)} over sizes"
    return _METRICS.get(name, task.metric)


def title_of(result: Result) -> str:
    """A result's task as a title: what is measured, and on what."""
    return f"{metric_words(result)}: {protocol_words(Task.parse(result.task).protocol)}"
