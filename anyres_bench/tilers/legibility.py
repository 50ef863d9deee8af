"""Detail preservation: what of a document a matched reader still finds in what an encoder sees.

The reader knows all that can be known: where each letter stands, which letters there are, how this
very tiler draws each of them at that place, what a dot looks like. It sees the encoder's pictures
with Gaussian noise added, without which any trace would tell letters apart. So what it cannot read
is not in the pixels, whatever a model makes of them; what it can read, a model may still miss:
encoders that make few tokens of many pixels (FastVLM, ViTAR) lose more behind this point.

    letters   the nearest of all letters of the alphabet, each put through the same tiler, in the
              one picture that shows most of it (the finest of several)
    dots      peaks after smoothing by a dot's width, picture by picture of the finest layer
    lines     the darkest row of the lines' stretch, rows averaged; bars: where they begin
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize, special

from anyres_bench.core.geometry import Box, Size
from anyres_bench.core.seeds import Stream, stream
from anyres_bench.tilers import plan_image
from anyres_bench.tilers.coordinates import (
    canvas_to_image,
    image_to_canvas,
    image_to_tile,
)
from anyres_bench.tilers.documents import ALPHABET, DOT, HEIGHTS, Document, document, draw
from anyres_bench.tilers.pixels import canvases, cut
from anyres_bench.tilers.plan import Layer, Plan, Tiler

NOISE = 64.0  # grey levels, standard deviation
LEGIBLE = 0.9  # share of letters read right
_SURE = 4.5  # standard deviations that a peak stands above the noise
_RESAMPLES = 1000

T = TypeVar("T", bound=np.generic)
Grey = NDArray[np.float64]
Images = Sequence[NDArray[np.uint8]]


@dataclass(frozen=True)
class Reading:
    """What was read of one document.

    Attributes:
        tokens: that the language model reads.
        right, asked: letters read right, and letters, by height in px of the page.
        dots, counted: dots of the page, and those found.
        line_errors: distance of each line and of each bar's top from its place, px of the page;
            at most the height of the stretch that it was looked for in.
    """

    tokens: int
    right: Mapping[int, int]
    asked: Mapping[int, int]
    dots: int
    counted: int
    line_errors: tuple[float, ...]


def turned(page: Document) -> list[NDArray[np.uint8]]:
    """The page and its variants, one a letter of the alphabet; they serve every tiler."""
    return [draw(page, turn) for turn in range(len(ALPHABET))]


def read(
    tiler: Tiler, page: Document, variants: Images, seed: int, noise: float = NOISE
) -> Reading:
    """Read a document through a tiler.

    Args:
        tiler: makes the pictures.
        page: what stands where.
        variants: of `turned`.
        seed: of the noise.
        noise: grey levels.

    Raises:
        ImageError: the tiler cannot take the page.
    """
    plan = plan_image(tiler, variants[0])
    right, asked = _letters(plan, page, variants, stream(seed, "letters", tiler.name), noise)
    rng = stream(seed, "rest", tiler.name)
    clean = [canvas[:, :, 0].astype(np.float64) for canvas in canvases(plan, variants[0])]
    noisy = [canvas + noise * rng.normal(canvas.shape) for canvas in clean]
    dots, rules, chart = (finest(plan, box) for box in (page.panel, page.rules, page.chart))
    errors = [*_line_errors(plan, rules, page, noisy), *_bar_errors(plan, chart, page, noisy)]
    return Reading(
        tokens=plan.tokens,
        right=right,
        asked=asked,
        dots=len(page.dots) - 1,
        counted=_count(plan, dots, page, clean[dots], noisy[dots], noise),
        line_errors=tuple(errors),
    )


def finest(plan: Plan, box: Box) -> int:
    """Index of the layer that shows all of a box of the image largest; the first of several."""
    whole = [k for k in range(len(plan.layers)) if _shown(plan, k, box) > 0.99]
    return max(whole, key=lambda k: (plan.layers[k].resized.pixels, -k))


def _shown(plan: Plan, layer: int, box: Box) -> float:
    """The share of a box of the image that a layer's pictures show."""
    [place] = image_to_canvas(plan, [(box.top, box.left, box.bottom, box.right)], layer)
    corners = [
        (r.top, r.left, r.top + r.size.height, r.left + r.size.width)
        for r in plan.layers[layer].regions
    ]
    regions = np.array(corners, np.float64)
    low, high = np.maximum(regions[:, :2], place[:2]), np.minimum(regions[:, 2:], place[2:])
    shared = np.maximum(high - low, 0).prod(axis=1).sum()
    return float(shared / max((place[2:] - place[:2]).prod(), 1e-9))


def _letters(
    plan: Plan, page: Document, variants: Images, rng: Stream, noise: float
) -> tuple[dict[int, int], dict[int, int]]:
    seen = [[picture[:, :, 0] for picture in cut(plan, image)] for image in variants]
    boxes = np.array([[b.top, b.left, b.bottom, b.right] for b in (x.box for x in page.letters)])
    regions, places = _where(plan, boxes)
    right, asked = dict.fromkeys(HEIGHTS, 0), dict.fromkeys(HEIGHTS, 0)
    for letter, region, place in zip(page.letters, regions, places, strict=True):
        shown = np.stack([_part(pictures[region], place) for pictures in seen]).astype(np.float64)
        observed = shown[0] + noise * rng.normal(shown[0].shape)
        distance = ((shown - observed) ** 2).sum(axis=(1, 2))
        # What left no trace is a guess among equals, and a guess is right by chance alone.
        best = np.flatnonzero(distance == distance.min())
        right[letter.height] += int(best[rng.integer(0, len(best) - 1)] == 0)
        asked[letter.height] += 1
    present = [height for height in HEIGHTS if asked[height]]
    return {h: right[h] for h in present}, {h: asked[h] for h in present}


def _where(plan: Plan, boxes: Grey) -> tuple[NDArray[np.int64], Grey]:
    """For each box of the page, the picture that shows most of it, and its place there."""
    places = np.stack([image_to_tile(plan, boxes, k) for k in range(len(plan.regions))])
    sizes = np.array([region.size for region in plan.regions], np.float64)[:, None]
    low, high = np.clip(places[..., :2], 0, sizes), np.clip(places[..., 2:], 0, sizes)
    area = (places[..., 2:] - places[..., :2]).prod(axis=-1)
    share = np.round((high - low).prod(axis=-1) / area, 6)
    best = np.lexsort((area, share), axis=0)[-1]
    index = np.arange(len(boxes))
    return best, np.concatenate([low, high], axis=-1)[best, index]


def _part(picture: NDArray[T], place: Grey) -> NDArray[T]:
    """The whole pixels that a place touches; one pixel where it touches none."""
    (top, left), (bottom, right) = np.floor(place[:2]), np.ceil(place[2:])
    y = min(int(top), picture.shape[0] - 1)
    x = min(int(left), picture.shape[1] - 1)
    return picture[y : max(int(bottom), y + 1), x : max(int(right), x + 1)]


def _count(plan: Plan, layer: int, page: Document, canvas: Grey, noisy: Grey, noise: float) -> int:
    """Dots found in the panel, picture by picture.

    Half of the legend's depth makes a dot, if that is far above the noise: of dots that are not
    there to be seen none is counted.
    """
    y, x = _scale(plan.layers[layer], page.size)
    blur = (max(DOT * y / 2, 0.5), max(DOT * x / 2, 0.5))
    depth = _legend(plan, layer, page, 255 - ndimage.gaussian_filter(canvas, blur))
    least = max(depth / 2, _SURE * noise * _noise_left(blur))
    top = page.panel.top + 4 * DOT  # below the legend
    apart = [max(3, int(2 * DOT * scale)) for scale in (y, x)]
    n = 0
    for region in plan.layers[layer].regions:
        rows = slice(region.top, region.top + region.size.height)
        columns = slice(region.left, region.left + region.size.width)
        dark = 255 - ndimage.gaussian_filter(noisy[rows, columns], blur)
        peaks = (dark == ndimage.maximum_filter(dark, size=apart)) & (dark > least)
        found = np.argwhere(peaks) + (region.top + 0.5, region.left + 0.5)
        at = canvas_to_image(plan, found, layer)
        across = (page.panel.left <= at[:, 1]) & (at[:, 1] < page.panel.right)
        n += int((across & (top <= at[:, 0]) & (at[:, 0] < page.panel.bottom)).sum())
    return n


def _noise_left(blur: tuple[float, float]) -> float:
    """By what factor smoothing reduces the standard deviation of white noise."""
    impulse = np.zeros((129, 129))
    impulse[64, 64] = 1
    return float(np.sqrt((ndimage.gaussian_filter(impulse, blur) ** 2).sum()))


def _legend(plan: Plan, layer: int, page: Document, dark: Grey) -> float:
    """How dark the dot of the legend is in a canvas of darkness; infinite where it left nothing."""
    y, x = page.dots[0]
    reach = 2 * DOT
    [place] = image_to_canvas(plan, [(y - reach, x - reach, y + reach, x + reach)], layer)
    depth = _part(dark, np.maximum(place, 0)).max()
    return float(depth) if depth > 0 else np.inf


def _line_errors(plan: Plan, layer: int, page: Document, noisy: Sequence[Grey]) -> Iterator[float]:
    """How far each line is found from its place, px of the page."""
    for k, (top, thickness) in enumerate(page.lines):
        stretch = page.stretch(k)
        rows, profile = _profile(plan, layer, stretch, noisy[layer])
        error = abs(rows[profile.argmin()] - (top + thickness / 2)) if len(rows) else np.inf
        yield min(float(error), float(stretch.height))


def _bar_errors(plan: Plan, layer: int, page: Document, noisy: Sequence[Grey]) -> Iterator[float]:
    """How far each bar's top is found from its place, px of the page."""
    for left, right, top in page.bars:
        stretch = Box(page.chart.top, left, page.chart.height, right - left)
        rows, profile = _profile(plan, layer, stretch, noisy[layer])
        error = abs(_step(rows, profile) - top) if len(rows) else np.inf
        yield min(float(error), float(stretch.height))


def _profile(plan: Plan, layer: int, box: Box, noisy: Grey) -> tuple[Grey, Grey]:
    """Mean grey of each canvas row within a box of the page, and the row's middle on the page."""
    [place] = image_to_canvas(plan, [(box.top, box.left, box.bottom, box.right)], layer)
    (top, left), (bottom, right) = np.round(place[:2]).astype(int), np.round(place[2:]).astype(int)
    part = noisy[top:bottom, min(left, noisy.shape[1] - 1) : max(right, left + 1)]
    middles = np.stack([top + np.arange(len(part)) + 0.5, np.full(len(part), place[1])], axis=1)
    return canvas_to_image(plan, middles, layer)[:, 0], part.mean(axis=1)


def _step(rows: Grey, profile: Grey) -> float:
    """Where white turns to black: the place that splits the profile into two levels best."""
    half = (rows[1] - rows[0]) / 2 if len(rows) > 1 else 0.0
    before = np.concatenate([[0], np.cumsum(255 - profile)])  # darkness above, should be none
    after = np.concatenate([np.cumsum(profile[::-1])[::-1], [0]])  # light below, should be none
    cut_at = int((before + after).argmin())
    return float(rows[cut_at] - half) if cut_at < len(rows) else float(rows[-1] + half)


def _scale(layer: Layer, size: Size) -> tuple[float, float]:
    return layer.resized.height / size.height, layer.resized.width / size.width


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Detail:
    """What a tiler preserves of documents of one size.

    Attributes:
        tokens: that the language model reads.
        pages: documents.
        accuracy: share of letters read right, by height in px of the page.
        legible: px of the page: the height from which at least 90 % of the letters are read right,
            interpolated between heights; the least height where all are, infinite where even the
            largest are not.
        counting: mean of |found - there| / there over pages, dots.
        lines: mean distance of lines and tops of bars from their place, px of the page.
    """

    tokens: int
    pages: int
    accuracy: Mapping[int, float]
    legible: Measured
    counting: Measured
    lines: Measured


def measure(tiler: Tiler, size: Size, seeds: Sequence[int], noise: float = NOISE) -> Detail:
    """Read documents of one size, one a seed; raises as `read` and `document`."""
    readings = []
    for seed in seeds:
        page = document(size, seed)
        readings.append(read(tiler, page, turned(page), seed, noise))
    return summarize(readings)


def summarize(readings: Sequence[Reading]) -> Detail:
    """One tiler's readings of documents of one size.

    Accuracy is taken to grow with height (isotonic regression). The interval of `legible` is a
    parametric bootstrap's with binomial letters, a letter of each height counted half wrong on
    top; those of the two errors are Student's over pages.
    """
    heights = sorted(readings[0].asked)
    right = np.array([sum(r.right[h] for r in readings) for h in heights])
    asked = np.array([sum(r.asked[h] for r in readings) for h in heights])
    rng = np.random.Generator(np.random.Philox(key=len(readings)))
    likely = _growing((right + 0.5) / (asked + 1), asked)  # none of 30 wrong proves no rate of 0
    drawn = rng.binomial(asked, likely, (_RESAMPLES, len(heights))) / asked
    resampled = [legible(heights, _growing(row, asked).tolist()) for row in drawn]
    low, high = np.quantile(resampled, [0.025, 0.975], method="nearest")
    text = legible(heights, _growing(right / asked, asked).tolist())
    return Detail(
        tokens=readings[0].tokens,
        pages=len(readings),
        accuracy=dict(zip(heights, (right / asked).tolist(), strict=True)),
        legible=Measured(text, float(low), float(high)),
        counting=_mean(
            [abs(r.counted - r.dots) / r.dots for r in readings],
            3 / sum(r.dots for r in readings),
        ),
        lines=_mean([float(np.mean(r.line_errors)) for r in readings], _of_lines(readings)),
    )


def _growing(accuracy: Grey, weights: NDArray[np.int64]) -> Grey:
    """The nearest accuracies that never fall with height."""
    return np.asarray(optimize.isotonic_regression(accuracy, weights=weights).x, np.float64)


def legible(heights: Sequence[int], accuracy: Sequence[float]) -> float:
    """The height from which on accuracy stays at `LEGIBLE` or above, px, linear in between.

    >>> legible([4, 8, 16], [0.1, 0.8, 1.0])
    12.0
    """
    below = [k for k, share in enumerate(accuracy) if share < LEGIBLE]
    if not below:
        return float(heights[0])
    last = below[-1]
    if last == len(heights) - 1:
        return float("inf")
    missing = (LEGIBLE - accuracy[last]) / (accuracy[last + 1] - accuracy[last])
    return heights[last] + missing * (heights[last + 1] - heights[last])


def _of_lines(readings: Sequence[Reading]) -> float:
    """Half of an interval for the mean distance, had all lines stood on one page."""
    errors = np.concatenate([r.line_errors for r in readings])
    return float(1.96 * errors.std() / np.sqrt(len(errors)))


def _mean(values: Sequence[float], least: float) -> Measured:
    """Mean of errors with Student's interval over pages, but never narrower than `least`.

    Pages that agree prove no more than their dots and lines do: none wrong of N leaves a rate of
    3 / N possible.
    """
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Measured(mean, 0.0, float("inf"))
    student = float(special.stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(n))
    half = max(student, least)
    return Measured(mean, max(mean - half, 0.0), mean + half)
