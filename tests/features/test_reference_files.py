"""Reference statistics of other projects, read as data."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from anyres_bench.core.errors import DataError
from anyres_bench.features.reference_files import read_reference
from tests.reference_files import DIM, batch, mu_sigma, rows, stylegan


def test_mu_and_sigma(tmp_path: Path) -> None:
    features = rows()
    found = read_reference(mu_sigma(tmp_path / "a.npz", features))
    assert (found.layout, found.origin, found.gaussian.n) == ("mu-sigma", None, None)
    np.testing.assert_array_equal(found.gaussian.mean, features.mean(0))
    np.testing.assert_array_equal(found.gaussian.covariance, np.cov(features, rowvar=False))
    assert read_reference(tmp_path / "a.npz", n=40).gaussian.n == 40


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_stylegans_sums(tmp_path: Path, protocol: int) -> None:
    features = rows()
    found = read_reference(stylegan(tmp_path / "a.pkl", features, protocol))
    assert (found.layout, found.gaussian.n) == ("stylegan", 40)
    np.testing.assert_allclose(found.gaussian.mean, features.mean(0), rtol=1e-12)
    expected = np.cov(features, rowvar=False)
    np.testing.assert_allclose(found.gaussian.covariance, expected, atol=1e-12 * expected.max())
    with pytest.raises(DataError, match="of 40 images, not of the 41"):
        read_reference(tmp_path / "a.pkl", n=41)


def test_adms_reference_batch(tmp_path: Path) -> None:
    images = batch()
    more = {"mu_s": np.zeros(3), "sigma_s": np.eye(3)}
    found = read_reference(mu_sigma(tmp_path / "a.npz", rows(), arr_0=images, **more))
    assert (found.layout, found.gaussian.dim) == ("adm", DIM)
    assert (found.images.n, found.images.size) == (24, (40, 40))
    np.testing.assert_array_equal(np.concatenate(list(found.images.blocks(7))), images)
    np.savez(tmp_path / "b.npz", images)
    alone = read_reference(tmp_path / "b.npz")
    assert alone.gaussian is None
    assert alone.images.digest == found.images.digest
    assert read_reference(tmp_path / "b.npz", n=24) == alone
    with pytest.raises(DataError, match="holds 24 images, not the 25"):
        read_reference(tmp_path / "b.npz", n=25)


def test_a_batch_that_was_changed_after_it_was_read_is_told(tmp_path: Path) -> None:
    for others in ({"arr_0": batch() ^ 1}, {"arr_1": batch()}):
        np.savez(tmp_path / "a.npz", batch())
        images = read_reference(tmp_path / "a.npz").images
        np.savez(tmp_path / "a.npz", **others)
        with pytest.raises(DataError, match="was changed while it was used"):
            next(images.blocks(7))


def test_a_covariance_may_be_singular_and_rounded_to_float32(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(20, 60)) * np.logspace(0, 3, 60)
    features[:, 1] = features[:, 0]
    for covariance in (np.cov(features, rowvar=False).astype(np.float32), np.zeros((60, 60))):
        np.savez(tmp_path / "a.npz", mu=features.mean(0), sigma=covariance)
        found = read_reference(tmp_path / "a.npz").gaussian
        np.testing.assert_array_equal(found.covariance, covariance)


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("/tmp/should-not-exist"),))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Evil(), "nothing of it was executed"),
        ({"num_items": 3}, "lacks num_items, raw_mean or raw_cov"),
        ([1, 2], "none of StyleGAN's statistics"),
        ({"num_items": 9, "raw_mean": None, "raw_cov": None}, "capture_all"),
        ({"num_items": True, "raw_mean": np.ones(2), "raw_cov": np.eye(2)}, "num_items is True"),
        ({"num_items": 1, "raw_mean": np.ones(2), "raw_cov": np.eye(2)}, "num_items is 1"),
        ({"num_items": 9, "raw_mean": np.ones(2), "raw_cov": np.eye(3)}, r"raw_cov \(3, 3\)"),
        ({"num_items": 9, "raw_mean": np.ones(2) * np.inf, "raw_cov": np.eye(2)}, "NaN or inf"),
        ({"num_items": 9, "raw_mean": np.ones(2), "raw_cov": -np.eye(2)}, "negative variance"),
    ],
)
def test_pickles_that_are_something_else(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content))
    with np.errstate(invalid="ignore"), pytest.raises(DataError, match=message):
        read_reference(path)
    assert not Path("/tmp/should-not-exist").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": np.zeros(3)}, "has no sigma; it holds mu"),
        ({"x": np.zeros(3)}, "has no mu"),
        ({"mu": np.zeros(3), "sigma": np.eye(4)}, r"expected \(dim,\) and \(dim, dim\)"),
        ({"mu": np.zeros((3, 1)), "sigma": np.eye(3)}, r"expected \(dim,\)"),
        ({"mu": np.zeros(0), "sigma": np.zeros((0, 0))}, r"expected \(dim,\)"),
        ({"mu": np.zeros(3, int), "sigma": np.eye(3)}, "expected real numbers"),
        ({"mu": np.zeros(3), "sigma": np.eye(3) * np.nan}, "NaN"),
        ({"mu": np.zeros(2), "sigma": np.array([[1.0, 0.9], [0.1, 1.0]])}, "not symmetric"),
        ({"mu": np.zeros(2), "sigma": np.diag([1.0, -1.0])}, "negative variance"),
        ({"mu": np.zeros(2), "sigma": np.ones((2, 2)) + np.eye(2)[::-1]}, "negative eigenvalues"),
        ({"mu": np.zeros(2), "sigma": np.eye(2)[::-1]}, "negative eigenvalues"),
        ({"mu": np.full(2, 1e200), "sigma": np.eye(2)}, "larger than features are"),
        ({"mu": np.zeros(2), "sigma": np.eye(2) * 1e160}, "larger than features are"),
        ({"arr_0": np.zeros((4, 8, 8, 3))}, "expected images, uint8"),
        ({"arr_0": np.zeros((4, 3, 8, 8), np.uint8)}, "expected images, uint8"),
        ({"arr_0": np.zeros((1, 8, 8, 3), np.uint8)}, "expected images, uint8"),
    ],
)
def test_archives_that_are_something_else(tmp_path: Path, arrays, message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_reference(tmp_path / "a.npz")


def test_too_many_dimensions_are_refused_before_they_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", mu=np.zeros(8193), sigma=np.zeros((8193, 2)))
    with pytest.raises(DataError, match="at most 8192 dimensions"):
        read_reference(tmp_path / "a.npz")


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mu: 1")
    with pytest.raises(DataError, match="is no reference: expected the"):
        read_reference(tmp_path / "a.txt")
    with pytest.raises(DataError, match="cannot be read"):
        read_reference(tmp_path / "nothing.npz")


def test_a_flipped_bit_is_an_error_or_changes_nothing_or_the_digest(tmp_path: Path) -> None:
    """Layouts without a checksum may become other numbers; results name them by their digest."""
    makers = {
        "a.npz": lambda path: mu_sigma(path, rows()),
        "b.pkl": lambda path: stylegan(path, rows()),
    }
    for name, write in makers.items():
        path = write(tmp_path / name)
        want, whole, noticed = read_reference(path).gaussian, path.read_bytes(), 0
        for bit in range(0, 8 * len(whole), 8 * len(whole) // 211):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            try:
                got = read_reference(path).gaussian
            except DataError:
                noticed += 1
                continue
            same = got.n == want.n and np.array_equal(got.covariance, want.covariance)
            assert (same and np.array_equal(got.mean, want.mean)) == (got.digest == want.digest)
            assert name == "b.pkl" or got.digest == want.digest
        assert noticed > 30
