"""Snapshots of StyleGAN2-ADA as generators."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyres_bench.core.errors import CheckpointError, GeneratorError, UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.checkpoint import from_official, read_official_pickle, write_checkpoint
from anyres_bench.models.contract import check_contract
from anyres_bench.models.loading import load
from tests.baselines.stylegan2.conftest import write


def test_a_snapshot_keeps_the_contract(snapshot: Path) -> None:
    model = load(str(snapshot))
    check_contract(model)
    assert model.native == Size(32, 32)
    assert model.id.startswith("stylegan2@")
    image = model.sample(model.latents([0]), [Region.whole(Size(32, 32))])
    assert float(image.std()) > 0.01


def test_a_converted_snapshot_is_the_same_model(snapshot: Path, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "tiny", from_official(read_official_pickle(snapshot)))
    assert load(str(tmp_path / "tiny")).id == load(str(snapshot)).id


def test_options_change_pixels_and_id(snapshot: Path) -> None:
    whole = [Region.whole(Size(32, 32))]
    plain = load(str(snapshot))
    seen = {plain.id: plain.sample(plain.latents([3]), whole)}
    for options in ({"psi": "0.5"}, {"noise": "const"}):
        model = load(str(snapshot), options)
        image = model.sample(model.latents([3]), whole)
        assert model.id not in seen
        assert not any(torch.equal(image, other) for other in seen.values())
        seen[model.id] = image
    exact = load(str(snapshot), {"exact": "yes"})
    assert exact.canvases == (Size(32, 32),)
    with pytest.raises(GeneratorError, match="cannot make 64x64"):
        exact.sample(exact.latents([3]), [Region.whole(Size(64, 64))])
    with pytest.raises(UsageError, match="seed or const"):
        load(str(snapshot), {"noise": "none"})
    assert load(str(snapshot), {"exact": "no"}).canvases == "any"
    with pytest.raises(UsageError, match="exact 'false': expected yes or no"):
        load(str(snapshot), {"exact": "false"})
    with pytest.raises(UsageError, match="knows no labels"):
        load(str(snapshot), {"label": "1"})


def test_labels_are_drawn_or_chosen(tmp_path: Path) -> None:
    path = str(write(tmp_path / "labels.pkl", c_dim=3))
    model, second = load(path), load(path, {"label": "1"})
    assert ("+labels-uniform" in model.id, "+label1" in second.id) == (True, True)
    check_contract(model)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    other = write(tmp_path / "other.pkl")
    data = other.read_bytes()
    assert data.count(b"noise_strength") > 0
    other.write_bytes(data.replace(b"noise_strength", b"noise_strensth"))
    with pytest.raises(CheckpointError, match="noise_strength"):
        load(str(other))
