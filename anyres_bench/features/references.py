"""Statistics of reference images that come as a file, and what is known of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import DataError, MetricError
from anyres_bench.core.geometry import Size
from anyres_bench.core.npz import NpzFile
from anyres_bench.features.stats import Moments
from anyres_bench.results import DatasetRecord

Layout = Literal["mu-sigma", "adm", "stylegan", "anyres-bench"]
Pixels = NDArray[np.uint8]

MOST_DIMENSIONS = 8192  # of a file that nothing else bounds: sigma has half a gigabyte
BATCH = "arr_0"  # ADM's name of a batch of images
_SYMMETRIC = 1e-5  # by which sigma may differ from its transpose, of its largest entry
_NEGATIVE = 1e-4  # that negative eigenvalues may be together, of the trace: rounding to float32
_LARGEST = 1e38  # float32 features have no larger mean, and variances of its square at most


@dataclass(frozen=True)
class Origin:
    """What the numbers of a file are of: a file of ours says all of it, others nothing.

    Attributes:
        part: of which dataset, as task ids spell it ("photos:half").
        protocol, extractor: ids.
        seed: of windows.
        dataset: the images.
        versions: of everything that decoded, resized and looked at them.
    """

    part: str
    protocol: str
    extractor: str
    seed: int
    dataset: DatasetRecord
    versions: dict[str, str]


@dataclass(frozen=True)
class Gaussian:
    """Mean and covariance of features, and of how many rows they are.

    Attributes:
        mean: (dim,) float64.
        covariance: (dim, dim) float64, divided by n - 1.
        n: rows; None where the file does not say.
        sums: the exact sums that they were made of, where the file holds these.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    n: int | None
    sums: Moments | None = None

    @classmethod
    def of(cls, sums: Moments) -> Gaussian:
        """Of the sums of at least two rows."""
        return cls(sums.mean, sums.covariance(1), sums.count, sums)

    @property
    def dim(self) -> int:
        """Length of a row."""
        return len(self.mean)

    @property
    def digest(self) -> str:
        """SHA-256 of the numbers, whatever file they come from."""
        sha = hashlib.sha256(f"gaussian {self.n} {self.dim};".encode())
        for array in (self.mean, self.covariance):
            sha.update(np.ascontiguousarray(array, "<f8").tobytes())
        return sha.hexdigest()

    def moments(self, ddof: int) -> Moments:
        """As sums whose covariance with this `ddof` is right.

        Raises:
            MetricError: ddof is 0 and nobody knows the number of rows.
        """
        if self.sums is not None:
            return self.sums
        if self.n is None and ddof != 1:
            raise MetricError(
                "the file does not say of how many images its covariance is, which was divided by "
                "one less; a distance with ddof 0 needs to know: say --reference-n, or use "
                "frechet-ddof1"
            )
        n = self.n or 2  # any: the covariance that comes out is the one that went in
        return Moments(n, self.mean, np.zeros(self.dim), self.covariance * (n - 1))


@dataclass(frozen=True)
class ReferenceBatch:
    """Images of a reference batch: squares of one size, read from the file as they are needed."""

    path: Path
    n: int
    size: Size
    digest: str

    def blocks(self, n_rows: int) -> Iterator[Pixels]:
        """(n_rows, h, w, 3) uint8, in order.

        Raises:
            DataError: the file is no longer the one that the digest was taken of, by which features
                are kept.
        """
        with NpzFile(self.path) as file:
            if BATCH not in file.headers or file.digest(BATCH) != self.digest:
                raise DataError(f"{self.path} was changed while it was used; evaluate again")
            yield from file.blocks(BATCH, n_rows)


@dataclass(frozen=True)
class Reference:
    """What a file holds.

    Attributes:
        path: the file.
        layout: whose.
        gaussian: of the features; None where there are only images.
        images: of a reference batch; None in the other layouts.
        origin: what it is of; None where the file does not say.
    """

    path: Path
    layout: Layout
    gaussian: Gaussian | None
    images: ReferenceBatch | None = None
    origin: Origin | None = None


def read_mu_sigma(file: NpzFile, n: int | None = None) -> Gaussian:
    """The arrays `mu` and `sigma` of an archive.

    Raises:
        DataError: they are not there, or no mean and covariance.
    """
    if missing := [name for name in ("mu", "sigma") if name not in file.headers]:
        raise DataError(
            f"{file.path} has no {missing[0]}; it holds {', '.join(sorted(file.headers))[:200]}; "
            "expected mu and sigma (pytorch-fid, clean-fid) or arr_0 (ADM)"
        )
    mu, sigma = file.headers["mu"], file.headers["sigma"]
    dim = mu.shape[0] if len(mu.shape) == 1 else 0
    if not 0 < dim <= MOST_DIMENSIONS or sigma.shape != (dim, dim):
        raise DataError(
            f"{file.path}: mu is {mu} and sigma {sigma}; expected (dim,) and (dim, dim) with at "
            f"most {MOST_DIMENSIONS} dimensions"
        )
    if mu.dtype.kind != "f" or sigma.dtype.kind != "f":
        raise DataError(f"{file.path}: mu is {mu} and sigma {sigma}; expected real numbers")
    mean, covariance = (file.read(name).astype(np.float64) for name in ("mu", "sigma"))
    return checked_gaussian(file.path, mean, covariance, n)


def checked_gaussian(
    path: Path, mean: NDArray[np.float64], covariance: NDArray[np.float64], n: int | None
) -> Gaussian:
    """Mean and covariance, if they can be those of features.

    Raises:
        DataError: a value is not finite or larger than features are, a variance negative, or the
            covariance not symmetric or of no numbers at all.
    """
    if not np.isfinite(mean).all() or not np.isfinite(covariance).all():
        raise DataError(f"{path}: mean or covariance hold NaN or infinity; get the file again")
    largest = float(np.abs(covariance).max())
    if float(np.abs(mean).max()) > _LARGEST or largest > _LARGEST**2:
        raise DataError(f"{path}: mean or covariance are larger than features are; get it again")
    if float(np.abs(covariance - covariance.T).max()) > _SYMMETRIC * largest:
        raise DataError(f"{path}: sigma is not symmetric, so it is no covariance")
    if float(np.diag(covariance).min()) < -_SYMMETRIC * largest:
        raise DataError(f"{path}: sigma has a negative variance, so it is no covariance")
    if (share := _negative_share(covariance)) > _NEGATIVE:
        raise DataError(
            f"{path}: sigma has negative eigenvalues, together {share:.2g} of its trace, so it is "
            "no covariance; get the file again, or compute it in float64"
        )
    if n is not None and n < 2:
        raise DataError(f"{path}: {n} images have no covariance")
    return Gaussian(mean, covariance, n)


def _negative_share(covariance: NDArray[np.float64]) -> float:
    """What negative eigenvalues are together, of the trace; at most `_NEGATIVE` may come as 0."""
    dim, trace = len(covariance), float(np.trace(covariance))
    if not covariance.any():
        return 0.0
    try:  # a factor takes a small part of the time that eigenvalues take
        np.linalg.cholesky(covariance + _NEGATIVE * trace / dim * np.eye(dim))
    except np.linalg.LinAlgError:
        values = np.linalg.eigvalsh(covariance)
        return float(-values[values < 0].sum()) / trace if trace > 0 else math.inf
    return 0.0
