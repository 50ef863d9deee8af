"""Specs of extractors: what can be asked for, and what is said of what cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.features.extractor import (
    EXTRACTORS,
    ExtractorSpec,
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


@pytest.mark.parametrize("id_", ["vgg16@sha256:0123456789abcdef", "timm:test_vit@weights:6f1d0c2b"])
def test_an_id_with_a_digest_asks_for_the_file(id_: str) -> None:
    with pytest.raises(UsageError, match="which weights but not where"):
        extractor_from(id_)
