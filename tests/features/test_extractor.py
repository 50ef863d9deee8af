"""Specs of extractors: what can be asked for, and what is said of what cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from anyres_bench.core.errors import ModelError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.features.contract import check_contract, pictures
from anyres_bench.features.extractor import (
    EXTRACTORS,
    ExtractorSpec,
    FeatureExtractor,
    extractor_from,
)


@pytest.mark.parametrize(
    ("text", "name", "file", "options"),
    [
        ("builtin", "builtin", None, ()),
        ("inception-v3+bf16+768", "inception-v3", None, ("bf16", "768")),
        ("inception-v3@file:a/b.pth", "inception-v3", "a/b.pth", ()),
        ("inception-v3@file:C:x@y.pth+bf16", "inception-v3", "C:x@y.pth", ("bf16",)),
    ],
)
def test_specs_are_read(text: str, name: str, file: str | None, options: tuple[str, ...]) -> None:
    spec = ExtractorSpec.parse(text, device="cuda", accept_licence=True)
    assert (spec.name, spec.file and str(spec.file), spec.options) == (name, file, options)
    assert (spec.device, spec.accept_licence) == ("cuda", True)


def test_a_plus_inside_a_path_belongs_to_it_where_such_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "a+b").write_bytes(b"")
    spec = ExtractorSpec.parse(f"inception-v3@file:{tmp_path}/a+b+bf16")
    assert spec.file == tmp_path / "a+b"
    assert spec.options == ("bf16",)


@pytest.mark.parametrize("text", ["inception-v3@weights.pth", "inception-v3@file:", "x@"])
def test_a_source_that_is_no_file_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="file:PATH"):
        ExtractorSpec.parse(text)


def test_options_are_picked_by_group() -> None:
    spec = ExtractorSpec("net", options=("b2", "x"))
    assert spec.pick(("a1", "a2"), ("b1", "b2"), ("", "x")) == ("a1", "b2", "x")
    with pytest.raises(UnknownNameError, match=r"no option 'b2'; did you mean a2"):
        spec.pick(("a1", "a2"), ("", "x"))
    with pytest.raises(UsageError, match="b2 and x exclude each other"):
        spec.pick(("b2", "x"))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("inception", "did you mean inception-v3"),
        ("built-in", "did you mean builtin"),
        ("inception-v3+clen", "did you mean clean"),
        ("builtin+bf16", "it has no options"),
    ],
)
def test_unknown_names_suggest_the_nearest(text: str, hint: str) -> None:
    with pytest.raises(UnknownNameError, match=hint):
        extractor_from(text)


def test_every_registered_factory_is_there() -> None:
    assert {"builtin", "inception-v3"} <= set(EXTRACTORS)
    assert all(callable(EXTRACTORS.get(name)) for name in EXTRACTORS)


class Means:
    """A good extractor: channel means."""

    id, dim, n_views, is_fid = "means", 3, 1, False

    def __call__(self, images: Tensor) -> Tensor:
        return images.double().mean((2, 3)).float()


class Leaky(Means):
    """Centres its batch."""

    def __call__(self, images: Tensor) -> Tensor:
        means = super().__call__(images)
        return means - means.mean(0) if len(means) else means


class Doubled(Means):
    """Forgets to return float32."""

    def __call__(self, images: Tensor) -> Tensor:
        return super().__call__(images).double()


class Short(Means):
    """Says that it has four numbers."""

    dim = 4


class Blind(Means):
    """Sees nothing."""

    def __call__(self, images: Tensor) -> Tensor:
        return torch.zeros((len(images), 3))


class Undefined(Means):
    """Divides by zero."""

    def __call__(self, images: Tensor) -> Tensor:
        return super().__call__(images) * torch.nan


class Spaced(Means):
    """Has an id that no file name or table would like."""

    id = "two words"


class Destructive(Means):
    """Works in place."""

    def __call__(self, images: Tensor) -> Tensor:
        means = super().__call__(images)
        images.zero_()
        return means


def test_the_battery_passes_a_good_extractor() -> None:
    assert isinstance(Means(), FeatureExtractor)
    check_contract(Means())


@pytest.mark.parametrize(
    ("extractor", "message"),
    [
        (Leaky(), "depends on the batch"),
        (Doubled(), "float64"),
        (Short(), r"expected \(0, 4\)"),
        (Blind(), "same vector"),
        (Undefined(), "NaN"),
        (Spaced(), "without spaces"),
        (Destructive(), "changed the images"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_battery_finds_each_broken_promise(extractor: Means, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_contract(extractor)


def test_the_pictures_of_the_battery_never_change() -> None:
    images = pictures(2, Size(40, 50))
    assert images.shape == (2, 3, 40, 50)
    assert images.dtype == torch.uint8
    assert images.flatten(1)[:, ::997].tolist() == [
        [195, 195, 151, 114, 116, 154, 94],
        [167, 114, 95, 146, 174, 102, 103],
    ]
