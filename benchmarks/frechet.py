"""The Frechet distance against the formula of pytorch-fid and clean-fid, at 2048 dimensions.

    python -m benchmarks.frechet [--repeats 3]

Both sides run in turn in one process on one thread, and CPU seconds are compared, so other work on
the machine does not count. The formula is tr S1 + tr S2 - 2 tr sqrtm(S1 S2) with numpy's
covariances, written here in its authors' terms from their definition.

Accuracy is held against three references:

- a symmetric positive map T: for fake = real T + c the distance is the mean of |x - y|^2 of the
  fitted Gaussians (T is Monge's map), which is summed here in 80-bit long double; its own error is
  below 1e-17 of the trace. At 2048 dimensions, full rank and rank-deficient;
- 60 digits (mpmath) of the definition for unrelated sets of unequal size, at 24 dimensions;
- for the timed sets, which have no closed form: singular values of QR factors of the features, in
  float64. It is no more precise than the number format (1e-15 of the trace), only another way.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import mpmath
import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from anyres_bench.metrics.frechet import frechet_distance, frechet_from_moments, moments_of

DIM = 2048
Rows = NDArray[np.floating]


def features(seed: int, n: int, scale: float, shift: float) -> NDArray[np.float32]:
    """Rectified rows with a power-law spectrum, rotated a little, as pooled features are."""
    rng = np.random.default_rng(seed)
    spread = (np.arange(1, DIM + 1) ** -0.6).astype(np.float32)
    rows = rng.standard_normal((n, DIM), dtype=np.float32) * spread * np.float32(scale)
    return np.maximum(rows + np.float32(shift) * spread, 0)


def formula(real: Rows, fake: Rows) -> float:
    """From features, as the packages compute it."""
    statistics_ = [(x.mean(axis=0), np.cov(x, rowvar=False)) for x in (real, fake)]
    return formula_of_statistics(*statistics_)


def formula_of_statistics(real: tuple[Rows, Rows], fake: tuple[Rows, Rows]) -> float:
    """From means and covariances."""
    (m1, s1), (m2, s2) = real, fake
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # singular products are what the second case is about
        root = scipy.linalg.sqrtm(s1 @ s2)
    gap = m1 - m2
    return float(gap @ gap + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real)


def by_qr(real: Rows, fake: Rows) -> float:
    """The nuclear norm of QR factors of the features: no covariance, no Cholesky factor."""
    factors, means = [], []
    for x in (real, fake):
        centred = x.astype(np.float64)
        means.append(centred.mean(axis=0))
        centred -= means[-1]
        factors.append(np.linalg.qr(centred, mode="r") / np.sqrt(len(x) - 1))
    gap = means[0] - means[1]
    overlap = np.linalg.svd(factors[0] @ factors[1].T, compute_uv=False).sum()
    return float(gap @ gap + sum((f**2).sum() for f in factors) - 2 * overlap)


def transported(n: int) -> tuple[Rows, Rows, float]:
    """Features, their image under a symmetric positive map, and the distance in long double."""
    real = features(7, n, 1.0, 0.3).astype(np.float64)
    rng = np.random.default_rng(8)
    root = np.eye(DIM) + 0.15 / np.sqrt(DIM) * rng.standard_normal((DIM, DIM))
    fake = real @ (root @ root.T) + 0.001
    steps = real.astype(np.longdouble) - fake
    gap = steps.mean(axis=0)
    return real, fake, float((gap**2).sum() + ((steps - gap) ** 2).sum() / (n - 1))


def sixty_digits(real: Rows, fake: Rows) -> float:
    """The definition in 60 digits, by the eigenvalues of L^T S2 L."""
    mpmath.mp.dps = 60
    sides = []
    for x in (real, fake):
        rows = [[mpmath.mpf(float(v)) for v in row] for row in x]
        mean = [mpmath.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
        c = mpmath.matrix([[v - m for v, m in zip(row, mean, strict=True)] for row in rows])
        sides.append((mean, c.T * c / (len(rows) - 1)))
    (m1, s1), (m2, s2) = sides
    lower = mpmath.cholesky(s1)
    squares = mpmath.eigsy(lower.T * s2 * lower, eigvals_only=True)
    gap = mpmath.fsum((a - b) ** 2 for a, b in zip(m1, m2, strict=True))
    trace = mpmath.fsum(s1[i, i] + s2[i, i] for i in range(len(m1)))
    return float(gap + trace - 2 * mpmath.fsum(map(mpmath.sqrt, squares)))


def timed(sides: dict[str, Callable[[], float]], repeats: int) -> dict[str, tuple[float, float]]:
    """Median CPU seconds and value of each side; the sides take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    values = {}
    for _ in range(repeats):
        for name, run in sides.items():
            start = time.process_time()
            values[name] = run()
            seconds[name].append(time.process_time() - start)
    return {name: (statistics.median(seconds[name]), values[name]) for name in sides}


def report_speed(
    title: str, sides: dict[str, Callable[[], float]], exact: float, repeats: int
) -> None:
    results = timed(sides, repeats)
    slowest = max(seconds for seconds, _ in results.values())
    print(f"\n{title}")
    for name, (seconds, value) in results.items():
        error = abs(value - exact) / exact
        print(
            f"  {name:34s} {seconds:8.2f} s  x{slowest / seconds:6.1f}  rel. difference {error:.1e}"
        )


def report_accuracy(title: str, real: Rows, fake: Rows, exact: float, with_formula: bool) -> None:
    print(f"\n{title}: {exact:.12g}")
    sides = {"ours": frechet_distance} | ({"formula": formula} if with_formula else {})
    for name, compute in sides.items():
        error = (compute(real, fake) - exact) / exact
        print(f"  {name:34s} relative error {error:+.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    with threadpool_limits(1):
        real, fake = features(1, 6144, 1.0, 0.3), features(2, 4196, 1.1, 0.2)
        exact = by_qr(real, fake)
        statistics_ = [(x.mean(axis=0), np.cov(x, rowvar=False)) for x in (real, fake)]
        moments = [moments_of(x) for x in (real, fake)]
        report_speed(
            f"Full rank, {len(real)} / {len(fake)} x {DIM}, from means and covariances",
            {
                "formula (sqrtm)": lambda: formula_of_statistics(*statistics_),
                "ours": lambda: frechet_from_moments(*moments),
            },
            exact,
            repeats,
        )
        report_speed(
            f"Full rank, {len(real)} / {len(fake)} x {DIM}, from features",
            {
                "formula (np.cov, sqrtm)": lambda: formula(real, fake),
                "ours": lambda: frechet_distance(real, fake),
            },
            exact,
            repeats,
        )
        few_real, few_fake = real[:1024], fake[:1000]
        report_speed(
            f"Rank-deficient, {len(few_real)} / {len(few_fake)} x {DIM}, from features",
            {
                "formula (np.cov, sqrtm)": lambda: formula(few_real, few_fake),
                "ours": lambda: frechet_distance(few_real, few_fake),
            },
            by_qr(few_real, few_fake),
            repeats,
        )
        for n in (4196, 1000):
            real_t, fake_t, exact_t = transported(n)
            title = f"Monge's map, {n} x {DIM}, exact in long double"
            report_accuracy(title, real_t, fake_t, exact_t, with_formula=True)
        rng = np.random.default_rng(3)
        a, b = rng.standard_normal((90, 24)), 1.2 * rng.standard_normal((70, 24)) + 0.1
        report_accuracy("Unrelated sets, 90 / 70 x 24, 60 digits", a, b, sixty_digits(a, b), True)


if __name__ == "__main__":
    main()
