"""Checkpoints of the package: all load, all can be named wherever a checkpoint is asked for."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.errors import CheckpointError, UnknownNameError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.checkpoint import read_checkpoint
from anyres_bench.models.embedded import (
    FOLDER,
    checkpoint_folder,
    embedded_name,
    embedded_names,
    embedded_table,
    embedded_weights,
)
from anyres_bench.models.families import parts
from anyres_bench.models.generator import check_output
from anyres_bench.models.loading import load
from anyres_bench.models.official_files import read_official

MOST_BYTES = 40_000_000
UPSCALERS = [one.spec for one in embedded_weights() if one.architecture in parts("upscalers")]


@pytest.mark.parametrize("one", embedded_weights(), ids=lambda one: one.name)
def test_every_checkpoint_renders(one) -> None:
    checkpoint = read_checkpoint(FOLDER / one.name)
    assert checkpoint.licence == one.licence == "Apache-2.0"
    assert one.images > 0
    canvas = Size.square(32)
    if one.spec in UPSCALERS:
        base, options = "embedded:stage1-seed0", {"weights": one.spec}
        generator = load(f"{one.architecture}:{base}", options, device="cpu")
    else:
        generator = load(one.spec, device="cpu")
        assert one.name in generator.id or checkpoint.digest[:12] in generator.id
    with torch.inference_mode():
        image = generator.sample(generator.latents([0]), [Region.whole(canvas)])
    check_output(generator.id, image, 1, canvas)
    assert float(image.std()) > 0.1


def test_the_listing_is_that_of_the_folders() -> None:
    assert [one.name for one in embedded_weights()] == embedded_names()
    assert sum(one.n_bytes for one in embedded_weights()) < MOST_BYTES
    lines = embedded_table().splitlines()
    assert len(lines) == 1 + len(embedded_names())
    assert [line.split()[0] for line in lines[1:]] == [f"embedded:{n}" for n in embedded_names()]


def test_the_id_says_name_and_digest() -> None:
    digest = read_checkpoint(FOLDER / "ours-seed0").digest
    assert load("embedded:ours-seed0", device="cpu").id.startswith(f"ours-seed0@{digest[:12]}+psi1")
    by_path = load(str(FOLDER / "ours-seed0"), device="cpu")
    assert by_path.id.startswith(f"anyres@{digest[:12]}+psi1")


def test_options_reach_the_network() -> None:
    made = load("embedded:ours-seed0", {"psi": "0.5", "assembly": "overlap"}, device="cpu")
    assert "psi0.5" in made.id
    assert "overlap" in made.id


def test_a_name_stands_for_weights_and_bases() -> None:
    assert read_official("embedded:ours-seed0").digest in load("embedded:ours-seed0").id
    assert load("lanczos:embedded:stage1-seed0", device="cpu").id.startswith("lanczos(stage1-seed0")


def test_other_texts_are_paths(tmp_path) -> None:
    assert embedded_name("runs/embedded:x") is None
    assert checkpoint_folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("spec", ["embedded:our-seed0", "embedded:", "embedded:../weights"])
def test_an_unknown_name_is_told_the_known(spec: str) -> None:
    with pytest.raises(UnknownNameError, match="ours-seed0"):
        load(spec)
    with pytest.raises(UnknownNameError, match="ours-seed0"):
        read_official(spec)


def test_upscalers_are_used_over_a_base() -> None:
    for spec in UPSCALERS:
        with pytest.raises(CheckpointError, match=f"weights={spec}"):
            load(spec)
