"""What this machine is, and whether the numbers that it computes are right.

Two computations decide whether numbers of one machine can be set beside those of another, and both
stand on libraries that differ between machines: the resize to a network's input, which is held
against clean-fid's here, and the Frechet distance, which is held against its definition.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from anyres_bench import __version__
from anyres_bench.core.counts import counted
from anyres_bench.core.errors import AnyresBenchError
from anyres_bench.core.files import atomic_write, cache_dir, sha256_file
from anyres_bench.core.geometry import Size
from anyres_bench.core.reporting import tracked
from anyres_bench.core.seeds import stream
from anyres_bench.data.resize import resize
from anyres_bench.features.weights import WEIGHTS
from anyres_bench.fetching.weights import WeightFile
from anyres_bench.metrics.frechet import frechet_distance
from anyres_bench.models.families import published_weights

_REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)>=([0-9.]+)$")
# (height, width) of what is resized, to (height, width): down, up, odd sizes, one side each.
_RESIZES = (
    (Size(64, 96), Size(299, 299)),
    (Size(731, 517), Size(299, 299)),
    (Size(299, 40), Size(64, 299)),
    (Size(33, 301), Size(7, 75)),
)
# our mode -> (library, quantise after, filter) of clean-fid's `make_resizer`, and the largest
# difference in grey levels that rounding of float32 explains
_MODES = {
    "clean": (("PIL", False, "bicubic"), 1e-3),
    "quantised-bicubic": (("PIL", True, "bicubic"), 0.0),
    "legacy_pytorch": (("PyTorch", False, "bilinear"), 1e-3),
}
_SETS = (
    (600, 500, 64),
    (400, 300, 128),
    (40, 50, 64),
)  # rows, rows, dimensions; the last: few rows
_TOLERANCE = 1e-6  # of the Frechet distance, relative; the definition's square root is the rougher


@dataclass(frozen=True)
class Finding:
    """One line of the examination.

    Attributes:
        name: what was looked at.
        text: what was found, and where it is wrong what to do.
        ok: whether it is as it should be.
    """

    name: str
    text: str
    ok: bool = True


def examine() -> Iterator[Finding]:
    """Look at versions, devices, cache and weights, and compute what can be held against others."""
    yield Finding("anyres-bench", f"{__version__}, Python {platform.python_version()}")
    yield Finding("system", f"{platform.platform()}, {os.cpu_count()} processors")
    yield from _libraries()
    yield from _devices()
    yield _cache()
    yield from _weights()
    for mode, (theirs, allowed) in _MODES.items():
        yield compare_resize(mode, theirs, allowed)
    yield _frechet()


def _libraries() -> Iterator[Finding]:
    """Every declared dependency, and whether it is new enough."""
    try:
        declared = importlib.metadata.requires("anyres-bench") or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding("libraries", "anyres-bench runs from a checkout; versions are not compared")
        return
    for match in filter(None, map(_REQUIREMENT.match, declared)):
        name, least = match.groups()
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, f"is not installed; it takes {least} or later", ok=False)
            continue
        ok = _numbers(found) >= _numbers(least)
        yield Finding(name, found if ok else f"{found}, and it takes {least} or later", ok)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version.split("+")[0])]


def _devices() -> Iterator[Finding]:
    """The processor and every accelerator, each with a product of matrices that must be right."""
    n_threads = torch.get_num_threads()
    n_beside = torch.get_num_interop_threads()
    yield _multiplies(
        "cpu", f"{counted(n_threads, 'thread')} an operation, {n_beside} side by side"
    )
    for i in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(i)
        text = f"{about.name}, {about.total_memory / 2**30:.1f} GiB"
        yield _multiplies(f"cuda:{i}", text)
    if torch.backends.mps.is_available():
        yield _multiplies("mps", "Metal")


def _multiplies(device: str, text: str) -> Finding:
    a, b = (torch.from_numpy(_noise(i, 64, 64)).float() for i in range(2))
    try:
        got = (a.to(device) @ b.to(device)).cpu().double()
    except RuntimeError as error:
        return Finding(device, f"{text}; it does not compute: {error}", ok=False)
    off = float((got - a.double() @ b.double()).abs().max())
    ok = off < 0.1  # TF32 keeps ten bits
    return Finding(device, text if ok else f"{text}; a product of matrices is off by {off:g}", ok)


def _cache() -> Finding:
    """Where the cache is, whether it can be written, and how much room there is."""
    try:
        folder = cache_dir()
        with atomic_write(folder / "doctor") as file:
            file.write(b"room")
        (folder / "doctor").unlink()
    except (AnyresBenchError, OSError) as error:
        return Finding("cache", f"cannot be written: {error}; set ANYRES_BENCH_CACHE", ok=False)
    free = shutil.disk_usage(folder).free / 2**30
    return Finding("cache", f"{folder}, {free:.1f} GiB free")


def _weights() -> Iterator[Finding]:
    """Registered weight files that are there, each read whole."""
    try:
        here = [
            weights
            for weights in (WEIGHTS | published_weights()).values()
            if weights.path.is_file()
        ]
    except AnyresBenchError:  # no cache, as said above
        return
    if not here:
        yield Finding("weights", "none are here; `convert --list` says where they are")
    for weights in tracked(here, "reading weights", "file"):
        yield _weight(weights)


def _weight(weights: WeightFile) -> Finding:
    digest = sha256_file(weights.path)
    if weights.sha256 is None:
        return Finding(weights.name, f"here; no digest is published, it is {digest[:12]}")
    if weights.is_digest(digest):
        return Finding(weights.name, "here, its digest is right")
    if not weights.binds:
        return Finding(
            weights.name,
            f"here; its digest is {digest[:12]}, {weights.known_from} says {weights.sha256[:12]}",
        )
    return Finding(weights.name, f"{weights.path} is another file; delete it", ok=False)


def compare_resize(mode: str, theirs: tuple[str, bool, str], allowed: float) -> Finding:
    """The largest difference to clean-fid's resizer, in grey levels.

    Args:
        mode: of our `resize`.
        theirs: library, quantise_after and filter of clean-fid's `make_resizer`.
        allowed: the largest difference that is none, in grey levels.
    """
    from cleanfid.resize import make_resizer

    library, quantise, filter_name = theirs
    worst = 0.0
    for i, (size, target) in enumerate(_RESIZES):
        image = np.clip(128 + 60 * _noise(i, *size, 3), 0, 255).astype(np.uint8)
        sides = (target.width, target.height) if library == "PIL" else tuple(target)
        expected = make_resizer(library, quantise, filter_name, sides)(image)
        ours = resize(torch.from_numpy(image).permute(2, 0, 1)[None], target, mode)[0]
        off = np.abs(ours.permute(1, 2, 0).numpy() - np.asarray(expected, np.float32))
        worst = max(worst, float(off.max()))
    text = f"differs from clean-fid's by at most {worst:.3g} grey levels"
    if worst <= allowed:
        return Finding(f"resize {mode}", text)
    return Finding(
        f"resize {mode}", f"{text}; do not compare numbers; is Pillow a common build?", ok=False
    )


def _frechet() -> Finding:
    """The largest relative difference to the definition."""
    worst = 0.0
    for i, (n_real, n_fake, dim) in enumerate(_SETS):
        mix = _noise(10 + i, dim, dim) / dim**0.5
        real, fake = _noise(20 + i, n_real, dim) @ mix, 0.1 + 1.2 * _noise(30 + i, n_fake, dim)
        expected = definition(real, fake)
        worst = max(worst, abs(frechet_distance(real, fake) - expected) / expected)
    text = f"differs from its definition by at most {worst:.2g} of the value"
    if worst <= _TOLERANCE:
        return Finding("Frechet distance", text)
    return Finding("Frechet distance", f"{text}; do not compare numbers; is BLAS sound?", ok=False)


def definition(real: NDArray[np.float64], fake: NDArray[np.float64]) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), as it is written.

    The eigenvalues of C1 C2 are real and not negative; rounding that makes them so is cut off.

    Source: Dowson and Landau, "The Frechet Distance between Multivariate Normal Distributions",
    1982, equation 4.
    """
    c1, c2 = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    eigenvalues = np.linalg.eigvals(c1 @ c2).real
    root = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    gap = real.mean(axis=0) - fake.mean(axis=0)
    return float(gap @ gap + np.trace(c1) + np.trace(c2) - 2 * root)


def _noise(i: int, *shape: int) -> NDArray[np.float64]:
    """Normal numbers, the same everywhere."""
    return np.asarray(stream(0, "doctor", i).normal(shape))
