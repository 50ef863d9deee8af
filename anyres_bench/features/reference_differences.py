"""Why two files of reference statistics differ: their images, number, resize, codec, extractor, or
only rounding.

Where both files say what they are of, that is compared. Where one does not, the numbers themselves
tell some of it: a covariance divided by n instead of n - 1, a mean summed in float32, rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anyres_bench.features.references import Gaussian, Origin, Reference

_DOUBLE = 1e-10  # relative: what float64 leaves after other orders of summation
_SINGLE = 1e-5  # relative: what float32 leaves
_RATIO = 1e-9  # by which the entries of two covariances may differ in their ratio


@dataclass(frozen=True)
class ReferenceDifference:
    """What sets two files apart.

    Attributes:
        kind: "dimensions", "images", "n", "extractor", "resize", "protocol", "seed", "codec",
            "versions", "divisor", "rounding", "numbers" (by how much, where the others say why) or
            "unknown".
        text: for people.
    """

    kind: str
    text: str


def reference_differences(a: Reference, b: Reference) -> list[ReferenceDifference]:
    """Everything that sets the moments of two files apart; empty where they are equal."""
    said = list(_said(a.origin, b.origin))
    return [*said, *_measured(a, b, bool(said))]


def relative_difference(a: Gaussian, b: Gaussian) -> tuple[float, float]:
    """Largest difference of the means, in standard deviations, and of the covariances, of the
    largest variance."""
    variances = np.maximum(np.diag(a.covariance), np.diag(b.covariance))
    largest = max(float(variances.max()), np.finfo(float).tiny)
    unit = float(np.sqrt(largest))
    means = float(np.abs(a.mean - b.mean).max()) / unit
    return means, float(np.abs(a.covariance - b.covariance).max()) / largest


def _said(a: Origin | None, b: Origin | None) -> Iterator[ReferenceDifference]:
    """What the files say of themselves."""
    if a is None or b is None:
        return
    one, two = a.dataset, b.dataset
    pairs = (
        ("images", "images", one.reference_digest[:12], two.reference_digest[:12]),
        ("images", "part of the dataset", a.part, b.part),
        ("n", "images used", one.n_survivors, two.n_survivors),
        ("protocol", "protocol", a.protocol, b.protocol),
        ("seed", "seed", a.seed, b.seed),
    )
    for kind, name, x, y in pairs:
        if x != y:
            yield ReferenceDifference(kind, f"{name}: {x} and {y}")
    yield from _extractors(a.extractor, b.extractor)
    for name in sorted(a.versions.keys() | b.versions.keys()):
        x, y = (versions.get(name, "not there") for versions in (a.versions, b.versions))
        if x != y:
            kind = "codec" if name in CODECS else "versions"
            yield ReferenceDifference(kind, f"{name}: {x} and {y}")


CODECS = ("pillow", "libjpeg", "simplejpeg")
"""Versions of what decodes and resizes pixels."""


def _extractors(a: str, b: str) -> Iterator[ReferenceDifference]:
    """Which part of two extractors' ids differs: the network, or an option such as the resize."""
    if a == b:
        return
    (network, *options), (other, *others) = a.split("+"), b.split("+")
    if network != other:
        yield ReferenceDifference("extractor", f"extractor: {a} and {b}")
    else:
        x, y = (_missing(p, q) for p, q in ((options, others), (others, options)))
        yield ReferenceDifference(
            "resize", f"options of {network} (resize, tap, weights): {x} and {y}"
        )


def _missing(options: list[str], others: list[str]) -> str:
    return "+".join(option for option in options if option not in others) or "its usual"


def _measured(a: Reference, b: Reference, explained: bool) -> Iterator[ReferenceDifference]:
    """What the numbers show, and whether what the files say is why."""
    yield from _batches(a, b)
    one, two = a.gaussian, b.gaussian
    if one is None or two is None:
        return
    if None not in (one.n, two.n) and one.n != two.n:
        explained = True
        yield ReferenceDifference("n", f"n: {one.n} and {two.n}")
    if one.dim != two.dim:
        yield ReferenceDifference(
            "dimensions", f"dimensions: {one.dim} and {two.dim}; other extractors"
        )
        return
    if np.array_equal(one.mean, two.mean) and np.array_equal(one.covariance, two.covariance):
        return
    means, covariances = relative_difference(one, two)
    size = (
        f"means by {means:.1e} standard deviations, covariances by {covariances:.1e} of the "
        "largest variance"
    )
    if max(means, covariances) <= _DOUBLE:
        yield ReferenceDifference("rounding", f"only rounding, in float64: {size}")
    elif (n := _divisor(one, two)) is not None and means <= _SINGLE:
        yield ReferenceDifference(
            "divisor", f"one covariance was divided by n = {n}, the other by {n - 1}"
        )
    elif max(means, covariances) <= _SINGLE:
        where = "the mean, as clean-fid sums it" if covariances <= _DOUBLE else "features or sums"
        yield ReferenceDifference("rounding", f"only rounding, in float32 ({where}): {size}")
    else:
        kind = "numbers" if explained else "unknown"
        yield ReferenceDifference(kind, _by_how_much(a, b, size))


def _batches(a: Reference, b: Reference) -> Iterator[ReferenceDifference]:
    """The images that they hold; moments are compared elsewhere."""
    one, two = a.images, b.images
    if one is None or two is None:
        if a.gaussian is None or b.gaussian is None:
            text = "one file holds images alone, the other moments alone"
            yield ReferenceDifference("unknown", text)
    elif one.digest != two.digest:
        sizes = f"{one.n} of {one.size} px and {two.n} of {two.size} px"
        yield ReferenceDifference("images", f"the batches hold other images: {sizes}")


def _divisor(a: Gaussian, b: Gaussian) -> int | None:
    """n where one covariance is (n - 1) / n of the other, entry by entry; None where it is not."""
    large = np.abs(b.covariance) > 1e-3 * np.abs(b.covariance).max()
    if not large.any():
        return None
    ratios = a.covariance[large] / b.covariance[large]
    ratio = float(np.median(ratios))
    if not ratio > 0 or np.abs(ratios / ratio - 1).max() > _RATIO:
        return None
    low = min(ratio, 1 / ratio)
    n = round(1 / (1 - low)) if low < 1 - 1e-12 else 0
    return n if n >= 2 and abs((n - 1) / n - low) < _RATIO else None


def _by_how_much(a: Reference, b: Reference, size: str) -> str:
    silent = [str(r.path) for r in (a, b) if r.origin is None]
    if not silent:
        return f"by how much: {size}"
    who = f"{' and '.join(silent)} {'do' if len(silent) > 1 else 'does'}"
    return (
        f"the numbers differ: {size}. That is more than rounding; {who} not say of which images, "
        "how many, by which resize, codec and extractor, and each of these may be why"
    )
