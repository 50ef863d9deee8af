"""Power against frequency: which octaves have too little or too much, and where detail ends.

Both read the 20 quarter octaves of the extractor `spectrum`, as decimal logarithms of power.

Source: the octave distance compares radial spectra as Durall et al., "Watch your up-convolution",
CVPR 2020, and others do, but signed, octave by octave and without a classifier.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from anyres_bench.core.seeds import Stream
from anyres_bench.features.spectrum import EDGES, N_BANDS, N_OCTAVES, PER_OCTAVE
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.checks import pair
from anyres_bench.metrics.metric import BankMetric, required
from anyres_bench.metrics.sampling import Kept, RowParts, Values

Rows = NDArray[Any]

DROP = math.log10(4)  # 6 dB: power a quarter of the real images'
SATURATED = 0.95  # of the largest detail, px, that a model shows on any canvas
_CENTRES = np.log2(np.sqrt(EDGES[:-1] * EDGES[1:]))  # of the bands, octaves from Nyquist


@dataclass(frozen=True)
class OctaveDistance(BankMetric):
    """Distance of the distributions of octave energies; features of `spectrum`."""

    name: ClassVar[str] = "octave-distance"
    dim: ClassVar[int | None] = N_BANDS
    extractor: ClassVar[str | None] = "spectrum"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "octave_distance": (0, math.inf),
        **{f"octave{k + 1}": (-math.inf, math.inf) for k in range(N_OCTAVES)},
    }
    higher_is_better: ClassVar[Mapping[str, bool]] = {"octave_distance": False}
    signed: ClassVar[tuple[str, ...]] = tuple(f"octave{k + 1}" for k in range(N_OCTAVES))

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """Energies are log10 an image.

        `octave_distance`, the mean over five octaves of the Wasserstein-1 distance between the
        energies of fake and real images; `octave1` (the finest, half of Nyquist to Nyquist) to
        `octave5`, fake less real means: below 0 is too smooth, above 0 too noisy.
        """
        a, b = (octave_energies(x) for x in pair(required(real).features(), fake.features()))
        signed = (b.mean(axis=0) - a.mean(axis=0))[::-1]
        distances = [scipy.stats.wasserstein_distance(x, y) for x, y in zip(a.T, b.T, strict=True)]
        values = {f"octave{k + 1}": float(x) for k, x in enumerate(signed)}
        return {"octave_distance": float(np.mean(distances)), **values}

    def cautions(
        self, real: FeatureBank | None, fake: FeatureBank, values: Mapping[str, float]
    ) -> dict[str, str]:
        """`near-bound` where the distance is not far above that of equal sets.

        Errors are told as small there where they happen to be small.
        """
        variances = [
            octave_energies(bank.features()).var(axis=0) / len(np.unique(bank.group))
            for bank in (required(real), fake)
        ]
        noise = float(np.sqrt(sum(variances)).mean())  # of the difference of means, over octaves
        return {"octave_distance": "near-bound"} if values["octave_distance"] < 3 * noise else {}


@dataclass(frozen=True)
class EffectiveResolution(BankMetric):
    """Up to which frequency generated images have the power of real ones; of `spectrum`."""

    name: ClassVar[str] = "effective-resolution"
    dim: ClassVar[int | None] = N_BANDS
    extractor: ClassVar[str | None] = "spectrum"
    smooth: ClassVar[bool] = True
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = dict.fromkeys(
        ("effective_resolution", "median", "low", "high", "real_median"), (0, 1)
    )
    higher_is_better: ClassVar[Mapping[str, bool]] = {"effective_resolution": True}

    def finish(self, real: FeatureBank | None, fake: FeatureBank, rng: Stream) -> dict[str, float]:
        """Fractions of Nyquist, 1 where detail ends nowhere.

        `effective_resolution`, of the mean log spectrum of all images; `median`, `low` and `high`
        (10 and 90 %), of single images, each against the mean of real ones; `real_median`, the
        same of real images.
        """
        a, b = pair(required(real).features(), fake.features())
        truth = a.mean(axis=0, dtype=np.float64)
        low, median, high = np.quantile(resolution(b - truth), [0.1, 0.5, 0.9])
        whole = resolution((b.mean(axis=0, dtype=np.float64) - truth)[None])
        return {
            "effective_resolution": float(whole[0]),
            "median": float(median),
            "low": float(low),
            "high": float(high),
            "real_median": float(np.median(resolution(a - truth))),
        }

    def subset_values(
        self, real: FeatureBank | None, fake: FeatureBank, parts: RowParts, subsets: Sequence[Kept]
    ) -> Values:
        """The value of subsets, from the mean spectra of their parts."""
        sides = pair(required(real).features(), fake.features())
        sums = [_sums(*of) for of in zip(sides, parts, map(len, subsets[0]), strict=True)]
        excess = [
            np.subtract(*(kept @ total / (kept @ count) for kept, (total, count) in both))
            for both in (zip(subset[::-1], sums[::-1], strict=True) for subset in subsets)
        ]
        return [{"effective_resolution": float(x)} for x in resolution(np.stack(excess))]


def _sums(rows: Rows, part: NDArray[np.int64], n_parts: int) -> tuple[Rows, Rows]:
    """(parts, 20) sum of the spectra of each part, and (parts, 1) how many they are."""
    member = np.arange(n_parts)[:, None] == part
    return member.astype(np.float64) @ rows, member.sum(axis=1, keepdims=True)


def saturation_size(points: Mapping[int, float]) -> float | None:
    """Side of the canvas, px, from which larger canvases hold no more detail.

    That is where canvas times effective resolution comes within 5 percent of its maximum,
    interpolated in the logarithm of the canvas.

    Args:
        points: side of each canvas, px -> effective resolution.

    Returns:
        None where detail still grows at the largest canvas, or fewer than two are known.
    """
    sizes = np.asarray(sorted(points), np.float64)
    held = sizes * [points[int(size)] for size in sizes]
    enough = SATURATED * held.max(initial=0.0)
    first = int((held >= enough).argmax()) if len(sizes) else 0
    if len(sizes) < 2 or first == len(sizes) - 1:
        return None
    if first == 0:
        return float(sizes[0])
    share = (enough - held[first - 1]) / (held[first] - held[first - 1])
    return float(sizes[first - 1] * (sizes[first] / sizes[first - 1]) ** share)


def octave_energies(log_powers: Rows) -> Rows:
    """(n, 20) log10 densities to (n, 5) log10 energies, low octaves first."""
    areas = np.pi / 4 * np.diff(np.square(EDGES))
    energies = 10.0 ** log_powers.astype(np.float64) * areas
    return np.asarray(np.log10(energies.reshape(len(energies), N_OCTAVES, PER_OCTAVE).sum(axis=2)))


def resolution(excess: Rows) -> Rows:
    """Frequencies, fractions of Nyquist, at which log spectra first fall 6 dB short.

    Short of where they stand at lower frequencies, against real images: of the median excess of all
    bands below. So contrast, and power that falls a little faster, are not resolution.

    Args:
        excess: (n, 20) log10 of power less that of real images, low bands first.

    Returns:
        (n,); 1 where a spectrum never falls short.
    """
    left = np.full(excess.shape, np.inf)
    for band in range(PER_OCTAVE, N_BANDS):
        left[:, band] = DROP + excess[:, band] - np.median(excess[:, :band], axis=1)
    short = left < 0
    first = np.where(short.any(axis=1), short.argmax(axis=1), PER_OCTAVE)
    row = np.arange(len(excess))
    before, here = np.minimum(left[row, first - 1], DROP), left[row, first]
    share = before / (before - np.minimum(here, -1e-12))
    found = 2.0 ** (_CENTRES[first - 1] + share * (_CENTRES[first] - _CENTRES[first - 1]))
    return np.asarray(np.where(short.any(axis=1), found, 1.0))
