"""MS-PE as a generator: sizes, colours, official files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyres_bench.baselines.mspe.generator import MSPERenderer
from anyres_bench.baselines.mspe.network import MSPENetwork
from anyres_bench.core.errors import (
    CheckpointError,
    UnknownNameError,
    UsageError,
)
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.contract import check_contract
from anyres_bench.models.fixed_sizes import FixedSizes
from anyres_bench.models.generator import Generator
from anyres_bench.models.loading import load
from tests.baselines import tiny


def render(generator: Generator, seed: int, region: Region) -> torch.Tensor:
    return generator.sample(generator.latents([seed]), [region])


def mspe_generator(target: Size | None = None) -> FixedSizes:
    network = tiny.seeded(MSPENetwork, tiny.mspe_config())
    return FixedSizes(MSPERenderer(network, "f@test", target), exact=target is not None)


def test_mspe_keeps_the_contract_and_turns_its_colours() -> None:
    generator = mspe_generator()
    assert generator.renderer.sizes == (Size(8, 8), Size(12, 12), Size(16, 16))
    check_contract(generator, Size(10, 10))
    network, latent = generator.renderer.network, generator.renderer.latent(3)
    noise = [torch.zeros(1, 1, *size) for size in network.noise_sizes()]
    for parameter in network.named_parameters():
        if "noise_injector" in parameter[0]:
            parameter[1].zero_()
    bgr = network(network.styles(latent.w), noise)
    rgb = generator.sample([latent], [Region.whole(Size(8, 8))])
    assert torch.equal(rgb[:, 0], bgr[:, 2])
    assert torch.equal(rgb[:, 2], bgr[:, 0])


def test_mspe_makes_rectangles_by_a_larger_head() -> None:
    generator = mspe_generator(Size(8, 20))
    check_contract(generator)
    assert generator.id.endswith("at8x20")


def test_mspe_reads_the_averaged_generator_of_an_official_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anyres_bench.baselines.mspe import network as mspe

    monkeypatch.setitem(mspe.CONFIGS, "tiny", tiny.mspe_config())
    network = tiny.seeded(MSPENetwork, tiny.mspe_config())
    state = {f"generator_ema.{name}": value for name, value in network.state_dict().items()}
    other = {f"generator.{name}": value * 0 for name, value in network.state_dict().items()}
    file = tiny.save(
        tmp_path / "mspie.pth",
        {
            "meta": {"mmgen_version": "0.1"},
            "state_dict": {**other, **state, "loss.x": torch.ones(1)},
        },
    )
    generator = load("mspe:tiny", {"weights": file})
    same = render(mspe_generator(), 2, Region.whole(Size(12, 12)))
    assert torch.equal(render(generator, 2, Region.whole(Size(12, 12))), same)
    with pytest.raises(UsageError, match="multiples of 2 from 8 px, not 15x15"):
        load("mspe:tiny@15", {"weights": file})
    with pytest.raises(UnknownNameError, match="no MS-PE configuration 'z'"):
        load("mspe:z", {"weights": file})
    with pytest.raises(CheckpointError, match=r"unexpected:\n +head_pos_enc"):
        load("mspe:c", {"weights": file})
