"""Official files of the baselines: what does not fit is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from anyres_bench.baselines.anycost.network import AnycostNetwork
from anyres_bench.baselines.mspe.network import MSPENetwork
from anyres_bench.core.errors import (
    CheckpointError,
    UsageError,
    WeightsError,
)
from anyres_bench.models.loading import load
from anyres_bench.models.official_files import ready
from tests.baselines import tiny


def test_wrong_names_are_listed_with_the_nearest(tmp_path: Path) -> None:
    state = tiny.anycost_generator().state_dict()
    state["conv1.conv.weights"] = state.pop("conv1.conv.weight")
    file = tiny.save(tmp_path / "renamed.pt", {"g_ema": state})
    with pytest.raises(
        CheckpointError, match=r"conv1\.conv\.weight \(nearest: conv1\.conv\.weights"
    ):
        load("anycost", {"weights": file})
    infinity = tiny.infinity().state_dict()
    del infinity["texture_synthesizer.convs.1.noise.weight"]
    file = tiny.save(tmp_path / "short.pt", {"g_ema": infinity})
    with pytest.raises(CheckpointError, match=r"1 missing:\n +texture_synthesizer.convs.1.noise"):
        load("infinitygan", {"weights": file})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"g": 3}, "no network under g_ema; it holds g"),
        ([torch.zeros(1)], "it holds a list"),
        ({"g_ema": {"x": torch.zeros(1)}}, "not the state of an Anycost-GAN generator"),
    ],
)
def test_files_of_something_else_are_named(content: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        load("anycost", {"weights": tiny.save(tmp_path / "x.pt", content)})


def test_weights_that_are_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    with pytest.raises(
        WeightsError, match=r"(?s)hanlab18.mit.edu.*generator_anycost-ffhq-config-f"
    ):
        load("anycost")
    with pytest.raises(UsageError, match=r"no file 'nowhere\.pt'"):
        load("anycost", {"weights": "nowhere.pt"})
    (tmp_path / "hub").mkdir()
    with pytest.raises(CheckpointError, match=r"hub' is a folder without checkpoint\.json"):
        load("anycost", {"weights": str(tmp_path / "hub")})
    os.mkfifo(tmp_path / "fifo.pt")
    with pytest.raises(CheckpointError, match="no regular file"):
        load("anycost", {"weights": str(tmp_path / "fifo.pt")})


def test_stock_mspe_is_stylegan2_as_anycost_has_it() -> None:
    """Configuration a differs from Anycost's network in names alone (golden cases lack it)."""
    from anyres_bench.baselines.mspe.network import Config

    ours = tiny.seeded(MSPENetwork, Config(out_size=8, style_channels=8, num_mlps=1))
    renamed = {}
    for name, value in ours.state_dict().items():
        for old, new in [
            ("style_mapping", "style"),
            ("constant_input", "input"),
            ("injected_noise", "noises.noise"),
            ("noise_injector", "noise"),
            ("style_modulation", "modulation"),
            (".linear.weight_orig", ".weight"),
            ("weight_orig", "weight"),
        ]:
            name = name.replace(old, new)
        renamed[name] = value
    other = AnycostNetwork(8, style_dim=8, n_mlp=1).eval().requires_grad_(False)
    other.load_state_dict(renamed, strict=True)
    w = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    expected = other(other.styles(w), other.buffered_noise())[-1]
    assert torch.allclose(ours(ours.styles(w), ours.buffered_noise()), expected, atol=1e-5)


def test_convolutions_that_render_on_a_cpu_are_channels_last() -> None:
    network = ready(tiny.rrdbnet(), "cpu")
    weight = network.conv_body.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.requires_grad
