"""Why two files differ, told from what they say and from their numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from anyres_bench.core.geometry import Size
from anyres_bench.features.reference_differences import reference_differences
from anyres_bench.features.references import Gaussian, Origin, Reference, ReferenceBatch
from anyres_bench.results import DatasetRecord, SizeHistogram
from tests.reference_files import rows

IMAGES = DatasetRecord(
    "tiny", "ab" * 32, "cd" * 32, "ef" * 32, 9, 8, 7, SizeHistogram((1, 2), (9,))
)
ORIGIN = Origin("tiny:half", "anyres-full40", "pooled+clean", 3, IMAGES, {"pillow": "13.0"})


def reference(features=None, origin: Origin | None = None, ddof: int = 1, n=None, scale=1.0):
    features = rows() if features is None else features
    covariance = np.cov(features, rowvar=False, ddof=ddof) * scale
    return Reference(Path("a"), "mu-sigma", Gaussian(features.mean(0), covariance, n), None, origin)


def kinds(a: Reference, b: Reference) -> list[str]:
    return [found.kind for found in reference_differences(a, b)]


def test_equal_files_have_no_difference() -> None:
    assert kinds(reference(), reference()) == []


def test_rounding_is_told_apart_by_its_size() -> None:
    shuffled = rows()[::-1]
    [double] = reference_differences(reference(), reference(shuffled))
    assert "only rounding, in float64" in double.text
    single = reference()
    mean = single.gaussian.mean.astype(np.float32).astype(np.float64)
    single = dataclasses.replace(single, gaussian=dataclasses.replace(single.gaussian, mean=mean))
    [found] = reference_differences(reference(), single)
    assert "the mean, as clean-fid sums it" in found.text
    [found] = reference_differences(reference(), reference(rows().astype(np.float32)))
    assert "float32 (features or sums)" in found.text


@pytest.mark.parametrize("swap", [False, True])
def test_a_divisor_says_n(swap: bool) -> None:
    pair = [reference(), reference(ddof=0)]
    [found] = reference_differences(*(pair[::-1] if swap else pair))
    assert found.kind == "divisor"
    assert "n = 40, the other by 39" in found.text


def test_what_nobody_says_is_not_guessed() -> None:
    assert kinds(reference(), reference(rows(seed=1))) == ["unknown"]
    [found] = reference_differences(reference(), reference(scale=1.3))
    assert "each of these may be why" in found.text
    assert kinds(reference(n=40), reference(n=50)) == ["n"]


def test_other_dimensions_are_other_extractors() -> None:
    assert kinds(reference(), reference(rows(dim=5))) == ["dimensions"]


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"extractor": "other+clean"}, "extractor", "pooled+clean and other+clean"),
        ({"extractor": "pooled+legacy"}, "resize", "of pooled (resize, tap, weights): clean and"),
        ({"extractor": "pooled"}, "resize", "clean and its usual"),
        ({"protocol": "anyres-full64"}, "protocol", "anyres-full40 and anyres-full64"),
        ({"versions": {"pillow": "12.0"}}, "codec", "pillow: 13.0 and 12.0"),
        ({"versions": {}}, "codec", "13.0 and not there"),
        ({"dataset": dataclasses.replace(IMAGES, reference_digest="99")}, "images", "efefefefefef"),
        ({"dataset": dataclasses.replace(IMAGES, n_survivors=6)}, "n", "7 and 6"),
        ({"seed": 4}, "seed", "3 and 4"),
        ({"part": "tiny"}, "images", "tiny:half and tiny"),
    ],
)
def test_what_both_say_is_compared(change, kind: str, text: str) -> None:
    a, b = (reference(origin=o) for o in (ORIGIN, dataclasses.replace(ORIGIN, **change)))
    [found] = reference_differences(a, b)
    assert found.kind == kind
    assert text in found.text


def test_batches_of_images(tmp_path: Path) -> None:
    one, two = (
        Reference(Path("a"), "adm", None, ReferenceBatch(Path("a"), 9, (8, 8), digest))
        for digest in ("a", "b")
    )
    assert kinds(one, one) == []
    assert kinds(one, two) == ["images"]
    assert kinds(one, reference()) == ["unknown"]


def test_an_n_that_one_file_does_not_say_is_no_difference() -> None:
    """So moments of pytorch-fid and of StyleGAN, of the same images, differ by rounding alone."""
    assert kinds(reference(), reference(n=40)) == []
    assert kinds(reference(), reference(rows()[::-1], n=40)) == ["rounding"]
    assert kinds(reference(), reference(rows(seed=1), n=40)) == ["unknown"]


def test_numbers_whose_difference_is_explained_are_not_unknown() -> None:
    other = dataclasses.replace(ORIGIN, seed=4)
    a, b = reference(origin=ORIGIN), reference(rows(seed=1), origin=other)
    assert kinds(a, b) == ["seed", "numbers"]
    assert kinds(reference(n=40), reference(rows(seed=1), n=50)) == ["n", "numbers"]
    assert kinds(a, reference(rows(seed=1), origin=ORIGIN)) == ["unknown"]


def test_batches_beside_equal_moments_are_compared_too() -> None:
    one, two = (
        dataclasses.replace(
            reference(), images=ReferenceBatch(Path("a"), 9, Size(8, 8), digest), layout="adm"
        )
        for digest in ("a", "b")
    )
    assert kinds(one, one) == kinds(one, reference()) == []
    assert kinds(one, two) == ["images"]


@pytest.mark.filterwarnings("error")
def test_a_covariance_of_nothing_is_told_without_a_warning() -> None:
    assert kinds(reference(), reference(scale=0)) == ["unknown"]
    assert kinds(reference(scale=0), reference()) == ["unknown"]
