"""The pictures of `docs/metrics.md`: what every metric says of a set that is damaged more and more.

    python -m benchmarks.metric_pictures [NAME...] [--out docs/metrics] [--lpips FOLDER]

Metrics of features see Gaussian features whose truth is known; metrics of pixels see scenes. LPIPS
is drawn where its weights are: see `benchmarks/lpips_weights.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import Pixels, resize_uint8
from anyres_bench.data.scenes import SCENES
from anyres_bench.data.views import Motion
from anyres_bench.features.extractor import extractor_from
from anyres_bench.features.spectrum import EDGES
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.equivariance import translate
from anyres_bench.metrics.metric import metric_from
from benchmarks import corruptions
from benchmarks.lpips_weights import published

N, DIM, SIDE, SMALL = 300, 8, 128, 32
BLUE, RED, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#9aa3ad"
STYLE = {
    "font.size": 8,
    "svg.fonttype": "none",
    "svg.hashsalt": "anyres-bench",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "legend.frameon": False,
}

Rows = NDArray[np.float64]


def normal(seed: int, n: int = N, dim: int = DIM) -> Rows:
    """Independent standard normal features."""
    return np.asarray(stream(seed, "pictures").normal((n, dim)))


def bank(rows: Rows) -> FeatureBank:
    """A bank whose rows are groups of their own."""
    index = np.arange(len(rows))
    return FeatureBank(index, index, np.asarray(rows, np.float32))


def modes(seed: int, kept: int, of: int = 10) -> Rows:
    """Features around `kept` of ten places."""
    places = 6 * stream(99, "places").normal((of, DIM))
    return np.asarray(places[np.arange(N) % kept] + normal(seed))


def values(metric: str, real: Rows | None, fakes: Sequence[Rows], name: str) -> list[float]:
    """One value of a metric, of every set."""
    of, truth = metric_from(metric), None if real is None else bank(real)
    return [of.finish(truth, bank(fake), stream(0, "pictures"))[name] for fake in fakes]


def curve(axes: Axes, x: Sequence[float], y: Sequence[float], label: str, colour: str) -> None:
    """A line with its points."""
    axes.plot(x, y, "o-", color=colour, label=label, markersize=3, linewidth=1.2)


def shifted(metric: str, *names: str) -> Callable[[Axes], None]:
    """Values against a shift of the mean, in standard deviations."""

    def draw(axes: Axes) -> None:
        shifts = [0, 0.25, 0.5, 1, 1.5, 2]
        fakes = [normal(2) + shift * np.eye(DIM)[0] for shift in shifts]
        for name, colour in zip(names, (BLUE, RED, GREEN), strict=False):
            curve(axes, shifts, values(metric, normal(1), fakes, name), name, colour)
        axes.set_xlabel("shift of the mean, standard deviations")

    return draw


def dropped(metric: str, *names: str) -> Callable[[Axes], None]:
    """Values against the number of modes that a model has kept."""

    def draw(axes: Axes) -> None:
        kept = [1, 2, 4, 6, 8, 10]
        fakes = [modes(2, k) for k in kept]
        for name, colour in zip(names, (BLUE, RED, GREEN, GREY), strict=False):
            curve(axes, kept, values(metric, modes(1, 10), fakes, name), name, colour)
        axes.set_xlabel("modes of ten that the model has")

    return draw


def frechet(axes: Axes) -> None:
    """The distance, and what it is for infinitely many rows."""
    shifted("frechet", "frechet")(axes)
    x = np.linspace(0, 2, 50)
    axes.plot(x, x**2, color=GREY, linewidth=1, label="infinitely many images")


def fd_infinity(axes: Axes) -> None:
    """Two samples of one distribution, of more and more rows."""
    sizes = [60, 100, 150, 300, 600, 1200]
    pairs = [(normal(1, n), normal(2, n)) for n in sizes]
    for metric, name, colour in (
        ("frechet", "frechet", GREY),
        ("fd-infinity", "fd_infinity", BLUE),
    ):
        y = [values(metric, real, [fake], name)[0] for real, fake in pairs]
        curve(axes, sizes, y, name, colour)
    axes.set(xscale="log", xlabel="images of each side; the truth is 0")


def mind(axes: Axes) -> None:
    """The distance, and what it is for infinitely many rows: a direction has a D-th."""
    shifted("mind", "mind")(axes)
    x = np.linspace(0, 2, 50)
    axes.plot(x, 3 * x**2, color=GREY, linewidth=1, label="infinitely many images")


def cmmd(axes: Axes) -> None:
    """Unit vectors, as CLIP's, and the width of the kernel that is made for them."""

    def unit(rows: Rows) -> Rows:
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    shifts = [0, 0.25, 0.5, 1, 1.5, 2]
    for length, colour in ((1, BLUE), (10, GREEN), (100, RED)):
        real = length * unit(normal(1))
        fakes = [length * unit(normal(2) + shift * np.eye(DIM)[0]) for shift in shifts]
        curve(
            axes, shifts, values("cmmd", real, fakes, "cmmd"), f"vectors of length {length}", colour
        )
    axes.set(xlabel="shift of the mean, standard deviations", yscale="log")


def ar1(axes: Axes) -> None:
    """A point of the curve at each canvas, and what its summaries are of."""
    sizes = [64, 91, 128, 181, 256]
    windows = {
        size: Region(Size.square(size), (size - 64) // 2, (size - 64) // 2, Size.square(64))
        for size in sizes
    }
    for label, source, colour in (("scenes", None, BLUE), ("64 px, enlarged", 64, RED)):
        y = []
        for region in windows.values():
            real = read("builtin", [SCENES.picture(i, region) for i in range(48)])
            fakes = [
                SCENES.picture(100 + i, region)
                if source is None
                else enlarged_window(
                    SCENES.picture(100 + i, Region.whole(Size.square(source))), region
                )
                for i in range(48)
            ]
            y += values("frechet", real, [read("builtin", fakes)], "frechet")
        curve(axes, sizes, y, label, colour)
    axes.set(xscale="log", xlabel="side of the canvas, px; windows of 64 px", ylabel="frechet")
    axes.set_xticks(sizes, [str(size) for size in sizes], minor=False)
    axes.minorticks_off()


def enlarged_window(image: Pixels, region: Region) -> Pixels:
    """A window of an image enlarged to the region's canvas."""
    whole = resize_uint8(image, region.canvas, "bicubic")
    bottom, right = region.top + region.size.height, region.left + region.size.width
    return np.ascontiguousarray(whole[region.top : bottom, region.left : right])


def authpct(axes: Axes) -> None:
    """Copies with a little noise among the rest."""
    shares = [0, 0.1, 0.25, 0.5, 0.75, 1]
    real, fresh = normal(1), normal(2)
    copied = [np.arange(N)[:, None] < share * N for share in shares]
    fakes = [np.where(those, real + 0.05 * normal(3), fresh) for those in copied]
    curve(axes, shares, values("authpct", real, fakes, "authpct"), "authpct", BLUE)
    axes.set_xlabel("share of near copies of the reference")


def scored(metric: str, *names: str) -> Callable[[Axes], None]:
    """Values against how far a detector's scores lie apart."""

    def draw(axes: Axes) -> None:
        apart = [0, 0.5, 1, 2, 3]
        real, fake = normal(1, dim=1), normal(2, dim=1)
        low = 1 / (1 + np.exp(-(real - 1)))
        fakes = [1 / (1 + np.exp(-(fake - 1 + d))) for d in apart]
        for name, colour in zip(names, (BLUE, RED, GREEN), strict=False):
            curve(axes, apart, values(metric, low, fakes, name), name, colour)
        axes.set_xlabel("how far the detector's scores lie apart")

    return draw


def inception_score(axes: Axes) -> None:
    """Sure answers about k classes."""
    kept = [1, 2, 4, 6, 8, 10]
    fakes = [9.0 * np.eye(10)[np.arange(N) % k] for k in kept]
    y = values("inception-score-splits1", None, fakes, "inception_score")
    curve(axes, kept, y, "inception_score", BLUE)
    axes.set_xlabel("classes of ten that the model has")


def scenes(first: int, n: int = 16) -> list[Pixels]:
    """Windows of scenes, none on the border of a world."""
    canvas, size = Size(512, 512), Size.square(SIDE)
    return [SCENES.picture(first + i, Region(canvas, 100, 200, size)) for i in range(n)]


def read(spec: str, *views: list[Pixels]) -> Rows:
    """An extractor's numbers of images."""
    tensors = [torch.from_numpy(np.stack(view).transpose(0, 3, 1, 2).copy()) for view in views]
    return np.asarray(extractor_from(spec)(*tensors).numpy(), np.float64)


def resized(images: list[Pixels], side: int, filter_name: str = "lanczos") -> list[Pixels]:
    """All of one size."""
    return [resize_uint8(image, Size.square(side), filter_name) for image in images]


def consistency(axes: Axes) -> None:
    """The plane and its corners, and models between them."""
    plain = scenes(16)
    small = resized(plain, SMALL)
    real = read("pair", resized(scenes(0), SMALL), scenes(0))
    soft = list(corruptions.blur(np.stack(plain), 1, 0))
    grain = list(corruptions.noise(np.stack(plain), 12, 0))
    models = {
        "perfect scene": (small, plain),
        "bicubic": (small, resized(small, SIDE, "bicubic")),
        "nearest": (small, resized(small, SIDE, "nearest")),
        "independent latents": (small[1:] + small[:1], plain),
        "blur 1 px": (small, soft),
        "noise 12": (small, grain),
    }
    for i, (name, pair) in enumerate(models.items()):
        found = metric_from("consistency").finish(bank(real), bank(read("pair", *pair)), stream(0))
        corner = name in ("perfect scene", "bicubic", "independent latents")
        axes.plot(found["detail"], found["ssim"], "o", color=RED if corner else BLUE, markersize=4)
        right = found["detail"] > -1
        axes.annotate(
            name,
            (found["detail"], found["ssim"]),
            xytext=(-5 if right else 5, -3 - 9 * (i % 4)),
            textcoords="offset points",
            ha="right" if right else "left",
            fontsize=7,
        )
    axes.set(xlabel="detail, log2 of energy over real images'", ylabel="ssim", ylim=(0, 1.08))


def lpips(folder: Path) -> Callable[[Axes], None]:
    """Pairs that agree less and less: other latents, and the small view's own enlargement."""
    distance = published(folder)

    def draw(axes: Axes) -> None:
        plain = scenes(0)
        small, other = resized(plain, 64), resized(scenes(16), SIDE)
        steps = [0.0, 0.25, 0.5, 0.75, 1.0]
        mixed = [[_blend(a, b, step) for a, b in zip(plain, other, strict=True)] for step in steps]
        soft = [list(corruptions.blur(np.stack(plain), 4 * step, 0)) for step in steps]
        grain = [list(corruptions.noise(np.stack(plain), 40 * step, 0)) for step in steps]
        for label, sets, colour in (
            ("faded into another scene", mixed, RED),
            ("blurred, to 4 px", soft, BLUE),
            ("with noise, to 40 levels", grain, GREEN),
        ):
            views = [resized(images, 64) for images in sets]
            y = [float(distance(_signed(small), _signed(view)).mean()) for view in views]
            curve(axes, steps, y, label, colour)
        enlarged = resized(resized(small, SIDE, "bicubic"), 64)
        axes.axhline(float(distance(_signed(small), _signed(enlarged)).mean()), color=GREY, lw=1)
        axes.annotate("bicubic enlargement", (1, 0.01), ha="right", fontsize=7, color=GREY)
        axes.set_xlabel("damage of the larger view")

    return draw


def _blend(a: Pixels, b: Pixels, share: float) -> Pixels:
    return np.asarray(np.rint((1 - share) * a + share * b.astype(np.float64)), np.uint8)


def _signed(images: list[Pixels]) -> torch.Tensor:
    return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy()) / 127.5 - 1


def self_ssim(axes: Axes) -> None:
    """Blur wins."""
    small = resized(scenes(0), 64)
    sigmas = [0.0, 0.5, 1, 2, 4]
    for label, change, colour in (
        ("blurred", corruptions.blur, BLUE),
        ("with noise", lambda images, s, seed: corruptions.noise(images, 8 * s, seed), RED),
    ):
        large = np.stack(resized(small, SIDE, "bicubic"))
        rows = [read("self-ssim", small, list(change(large, s, 0))) for s in sigmas]
        curve(axes, sigmas, [float(x.mean()) for x in rows], label, colour)
    axes.set_xlabel("sigma: px of blur, 8 grey levels of noise")


def overlap(axes: Axes) -> None:
    """Windows that are lit by themselves."""
    image, sigmas = np.stack(scenes(0)), [0.0, 1, 2, 4, 8]
    lit = [
        [
            np.clip(np.rint(image + s * stream(w, "lit").normal((len(image), 1, 1, 1))), 0, 255)
            for w in range(2)
        ]
        for s in sigmas
    ]
    rows = [read("difference", *(list(w.astype(np.uint8)) for w in pair)) for pair in lit]
    curve(axes, sigmas, values("overlap", None, rows, "rmse"), "rmse", BLUE)
    axes.set_xlabel("brightness of each window, sigma, grey levels")


def equivariance(axes: Axes) -> None:
    """A share of what is drawn stays at its pixels when the input moves."""
    still = torch.from_numpy(np.stack(scenes(0)).transpose(0, 3, 1, 2) / 127.5 - 1)
    shares, motion = [0.003, 0.01, 0.03, 0.1, 0.3, 1], Motion("t", (0.0625, -0.09375))
    reference, mask = translate(still, (motion.amount[0], motion.amount[1]))
    rows = []
    for share in shares:
        drawn = ((1 - share) * reference + share * still).float()
        views = (reference, drawn, mask.expand_as(drawn))
        rows.append(extractor_from("masked-difference")(*views).numpy())
    curve(axes, shares, values("equivariance", None, rows, "eq"), "eq, dB", BLUE)
    axes.set(xscale="log", xlabel="share of the picture that does not move")


def octave_distance(axes: Axes) -> None:
    """Signed, octave by octave."""
    plain = np.stack(scenes(16))
    damages = {
        "blur 1 px": (list(corruptions.blur(plain, 1, 0)), BLUE),
        "noise 12": (list(corruptions.noise(plain, 12, 0)), RED),
        "untouched": (list(plain), GREY),
    }
    real = bank(read("spectrum", scenes(0)))
    for i, (name, (images, colour)) in enumerate(damages.items()):
        found = metric_from("octave-distance").finish(
            real, bank(read("spectrum", images)), stream(0)
        )
        at = np.arange(5) + 0.27 * (i - 1)
        axes.bar(at, [found[f"octave{k}"] for k in range(1, 6)], 0.25, color=colour, label=name)
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.set(xlabel="octave, 1 is the finest", ylabel="log10 energy - real")
    axes.set_xticks(range(5), [str(k) for k in range(1, 6)])


def effective_resolution(axes: Axes) -> None:
    """Enlarged scenes read what they came from."""
    plain, times = scenes(16), [1, 4 / 3, 2, 3, 4, 6]
    real = read("spectrum", scenes(0))
    for name, colour in (("bicubic", BLUE), ("bilinear", GREEN), ("nearest", RED)):
        shrunk = [resized(plain, round(SIDE / t)) for t in times]
        fakes = [read("spectrum", resized(images, SIDE, name)) for images in shrunk]
        found = values("effective-resolution", real, fakes, "effective_resolution")
        curve(axes, times, found, name, colour)
    x = np.linspace(1, 6, 50)
    axes.plot(x, 1 / x, color=GREY, linewidth=1, label="1 / enlargement")
    axes.set_xlabel("enlarged by")


def seams(axes: Axes) -> None:
    """Tiles with a brightness of their own, found and known."""
    plain, sigmas = np.stack(scenes(16)), [0.0, 4, 8, 16, 32]
    for spec, colour in (("seams", BLUE), ("seams:64", RED)):
        tiles = [stepped(plain, s) for s in sigmas]
        rows = [read(spec, list(images)) for images in tiles]
        curve(
            axes, sigmas, values("seams", read(spec, scenes(0)), rows, "seam_excess"), spec, colour
        )
    axes.set_xlabel("brightness of each 64 px tile, grey levels")


def stepped(images: Pixels, sigma: float) -> Pixels:
    """Four tiles, each with a brightness of its own."""
    draws = sigma * stream(0, "tiles").normal((len(images), 2, 2))
    offsets = np.kron(draws, np.ones((SIDE // 2, SIDE // 2)))[..., None]
    return np.clip(np.rint(images + offsets), 0, 255).astype(np.uint8)


def layout(axes: Axes) -> None:
    """Cells of other images, and cells in another order."""

    def cells(seed: int) -> Rows:
        rng = stream(seed, "cells")
        style, place = 2 * rng.normal((N, 1, 3)), np.repeat(np.arange(4.0), 4)[:, None] / 2
        return np.asarray(style + place + rng.normal((N, 16, 3)))

    real, fake, shares = cells(1), cells(2), [0, 0.25, 0.5, 0.75, 1]
    mixed = fake[(np.arange(N)[:, None] + np.arange(16)) % N, np.arange(16)]
    turned = fake[:, stream(0).permutation(16)]
    for damage, style in ((mixed, "-"), (turned, "--")):
        chosen = [np.arange(N)[:, None, None] < share * N for share in shares]
        fakes = [np.where(c, damage, fake).reshape(N, -1) for c in chosen]
        for name, colour in (("cells", BLUE), ("joint", RED)):
            y = values("layout", real.reshape(N, -1), fakes, name)
            label = f"{name}, {'mosaic' if damage is mixed else 'shuffled'}"
            axes.plot(shares, y, style, color=colour, linewidth=1.2, label=label)
    axes.set(xlabel="share of images that are damaged", yscale="log")


def self_similarity(axes: Axes) -> None:
    """Images one of whose corners comes again."""
    shares = [0, 0.25, 0.5, 0.75, 1]
    real, fake = (normal(s, N, 16 * DIM).reshape(N, 16, DIM) for s in (1, 2))
    again = fake.copy()
    again[:, 15] = fake[:, 0]
    fakes = [
        np.where(np.arange(N)[:, None, None] < s * N, again, fake).reshape(N, -1) for s in shares
    ]
    y = values("self-similarity", real.reshape(N, -1), fakes, "similarity_excess")
    curve(axes, shares, y, "similarity_excess", BLUE)
    axes.set_xlabel("share of images that show one cell twice")


def repetition(axes: Axes) -> None:
    """A picture that is repeated, under noise."""
    sigmas, half = [0.0, 10, 20, 40, 80], SIDE // 2
    plain = scenes(16, 8)
    real = read("autocorrelation", scenes(0, 8))
    for name, images, colour in (
        ("four times the same", [np.tile(x[:half, :half], (2, 2, 1)) for x in plain], RED),
        ("scenes", plain, BLUE),
    ):
        noisy = [list(corruptions.noise(np.stack(images), s, 0)) for s in sigmas]
        rows = [read("autocorrelation", x) for x in noisy]
        curve(axes, sigmas, values("repetition", real, rows, "repetition"), name, colour)
    axes.set_xlabel("white noise on it, grey levels")


def spectrum(axes: Axes) -> None:
    """The bands that octave-distance and effective-resolution read."""
    middle = np.sqrt(EDGES[1:] * EDGES[:-1])
    plain = scenes(0)
    for name, images, colour in (
        ("scenes", plain, BLUE),
        ("enlarged 4 times", resized(resized(plain, 32), SIDE, "bicubic"), RED),
    ):
        axes.plot(
            middle,
            read("spectrum", images).mean(axis=0),
            "o-",
            color=colour,
            label=name,
            markersize=3,
            linewidth=1.2,
        )
    axes.set(xscale="log", xlabel="frequency, of Nyquist", ylabel="log10 power")


def fd_infinity_groups(axes: Axes) -> None:
    """Four windows an image that share most of what they show, of more and more images."""
    images = [40, 70, 100, 200, 400]

    def windows(seed: int, n: int) -> FeatureBank:
        shared = np.repeat(normal(seed, n), 4, axis=0)
        rows = np.sqrt(0.8) * shared + np.sqrt(0.2) * normal(seed + 10, 4 * n)
        index = np.arange(4 * n)
        return FeatureBank(index, index // 4, rows.astype(np.float32))

    for name, colour in (("frechet", GREY), ("fd-infinity", RED), ("fd-infinity-groups", BLUE)):
        metric = metric_from(name)
        y = []
        for n in images:
            pairs = [(windows(100 * k + 1, n), windows(100 * k + 2, n)) for k in range(4)]
            found = [metric.finish(*pair, stream(k, "pictures")) for k, pair in enumerate(pairs)]
            y.append(float(np.mean([next(iter(of.values())) for of in found])))
        curve(axes, images, y, name, colour)
    axes.set(xscale="log", xlabel="images of four windows each; the truth is 0")
    axes.set_xticks(images, [str(n) for n in images], minor=False)
    axes.minorticks_off()


def copied(metric: str, name: str) -> Callable[[Axes], None]:
    """Values against the share of near copies; half of the real images are held out."""

    def draw(axes: Axes) -> None:
        shares = [0, 0.1, 0.25, 0.5, 0.75, 1]
        train, fresh = normal(1), normal(2)
        both = {"real": bank(train), "held-out": bank(normal(3))}
        real = FeatureBank.of_strata(both)
        fakes = [
            np.where(np.arange(N)[:, None] < s * N, train + 0.05 * normal(4), fresh) for s in shares
        ]
        found = [metric_from(metric).finish(real, bank(x), stream(0, "pictures")) for x in fakes]
        curve(axes, shares, [of[name] for of in found], name, BLUE)
        axes.set_xlabel("share of near copies of the reference")

    return draw


def strata_of(seed: int, of: dict[str, Rows]) -> FeatureBank:
    """A bank of several sizes or shapes, to whose rows something is added."""
    rows = {label: normal(seed + i) + more for i, (label, more) in enumerate(of.items())}
    return FeatureBank.of_strata({label: bank(each) for label, each in rows.items()})


def aspect(axes: Axes) -> None:
    """Squares that are a little wrong, and other shapes that are more and more so."""
    shapes, first = ("9x16", "3x4", "1x1", "4x3", "16x9"), np.eye(DIM)[0]
    shifts = [0.5, 0.75, 1, 1.5, 2]
    real = strata_of(1, dict.fromkeys(shapes, np.zeros(DIM)))
    found = []
    for shift in shifts:
        wrong = {"1x1": 0.5, "16x9": shift, "9x16": shift}
        fake = strata_of(11, {shape: wrong.get(shape, 0.5) * first for shape in shapes})
        found.append(metric_from("aspect-frechet").finish(real, fake, stream(0, "pictures")))
    for name, colour in (("mean_ratio", BLUE), ("worst_ratio", RED)):
        curve(axes, shifts, [of[f"frechet_{name}"] for of in found], f"frechet_{name}", colour)
    axes.set_xlabel("shift at 16:9 and 9:16; elsewhere 0.5")


def detector_transfer(axes: Axes) -> None:
    """A trace of one strength that is more and more the same at all sizes."""
    sizes, shares, found = ("64", "128", "256"), [0, 0.25, 0.5, 0.75, 1], []
    real = strata_of(1, dict.fromkeys(sizes, np.zeros(DIM)))
    for share in shares:
        own = {size: np.eye(DIM)[1 + i] for i, size in enumerate(sizes)}
        traces = {s: np.sqrt(share) * np.eye(DIM)[0] + np.sqrt(1 - share) * own[s] for s in sizes}
        fake = strata_of(11, traces)
        found.append(metric_from("detector-transfer").finish(real, fake, stream(0, "pictures")))
    for name, colour in (("auc_within", BLUE), ("auc_across", RED)):
        curve(axes, shares, [of[name] for of in found], name, colour)
    axes.set(xlabel="share of the trace that all sizes have", ylim=(0.45, 1))


def against_reference(metric: str, name: str) -> Callable[[Axes], None]:
    """Values of damaged images against the same without damage."""

    def draw(axes: Axes) -> None:
        plain, steps = scenes(0), [1, 2, 3, 4]
        whole = np.stack(plain)
        for label, change, colour in (
            ("blurred", lambda s: corruptions.blur(whole, s, 0), BLUE),
            ("noise", lambda s: corruptions.noise(whole, 8 * s, 0), RED),
            ("moved", lambda s: np.roll(whole, s, axis=2), GREEN),
        ):
            rows = [read("fidelity", list(change(s)), plain) for s in steps]
            curve(axes, steps, values(metric, None, rows, name), label, colour)
        axes.set_xlabel("px of blur or shift, 8 grey levels of noise")

    return draw


def texture(metric: str, extractor: str, name: str) -> Callable[[Axes], None]:
    """Scores without a reference reward noise and punish blur."""

    def draw(axes: Axes) -> None:
        whole, steps = np.stack(scenes(0)), [0.0, 0.5, 1.0, 2.0, 4.0]
        for label, change, colour in (
            ("blurred", corruptions.blur, BLUE),
            ("noise", lambda x, s, seed: corruptions.noise(x, 8 * s, seed), RED),
        ):
            rows = [read(extractor, list(change(whole, s, 0))) for s in steps]
            curve(axes, steps, values(metric, None, rows, name), label, colour)
        axes.set_xlabel("sigma: px of blur, 8 grey levels of noise")

    return draw


PICTURES: dict[str, Callable[[Axes], None]] = {
    "ar1": ar1,
    "aspect": aspect,
    "compression-ratio": texture("compression-ratio", "jpeg95", "compression_ratio"),
    "copy-rate": copied("copy-rate", "copy_rate"),
    "copying": copied("copying", "farther"),
    "detector-transfer": detector_transfer,
    "fd-infinity-groups": fd_infinity_groups,
    "glcm": texture("glcm-textbook", "glcm", "glcm_entropy"),
    "psnr": against_reference("psnr-rgb", "psnr"),
    "ssim": against_reference("ssim-rgb", "ssim"),
    "ap": scored("ap", "ap", "auc"),
    "authpct": authpct,
    "cmmd": cmmd,
    "consistency": consistency,
    "density-coverage": dropped("density-coverage", "density", "coverage"),
    "detectability": shifted("detectability-permutations20", "ap", "ap_null_low", "ap_null_high"),
    "detector-accuracy": scored("detector-accuracy", "accuracy", "accuracy_real", "accuracy_fake"),
    "effective-resolution": effective_resolution,
    "equivariance": equivariance,
    "fd-infinity": fd_infinity,
    "frechet": frechet,
    "inception-score": inception_score,
    "kid": shifted("kid", "kid"),
    "kid-subsets": shifted("kid-subsets-n20-size100", "kid", "kid_subset_std"),
    "layout": layout,
    "mind": mind,
    "octave-distance": octave_distance,
    "overlap": overlap,
    "prdc": dropped("prdc", "precision", "recall", "density", "coverage"),
    "precision-recall": dropped("precision-recall", "precision", "recall"),
    "repetition": repetition,
    "seams": seams,
    "self-similarity": self_similarity,
    "self-ssim": self_ssim,
    "spectrum": spectrum,
    "vendi": dropped("vendi", "vendi"),
}


def main() -> None:
    """Draw all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("docs/metrics"))
    parser.add_argument("--format", choices=("svg", "png"), default="svg")
    parser.add_argument("--lpips", type=Path, help="the folder of its two packages")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    pictures = PICTURES | ({"lpips": lpips(args.lpips)} if args.lpips else {})
    for name in args.names or pictures:
        with rc_context(STYLE):
            figure = Figure(figsize=(3.4, 2.1), layout="constrained")
            axes = figure.subplots()
            pictures[name](axes)
            axes.set_title(name, fontsize=8, loc="left")
            if axes.get_legend_handles_labels()[1]:
                axes.legend(fontsize=7)
            metadata = {"Date": None} if args.format == "svg" else None
            figure.savefig(args.out / f"{name}.{args.format}", metadata=metadata, dpi=110)


if __name__ == "__main__":
    main()
