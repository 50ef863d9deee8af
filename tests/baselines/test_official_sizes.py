"""The published architectures: as many tensors and numbers as the official files hold."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from torch import nn

from anyres_bench.baselines.anycost import network as anycost
from anyres_bench.baselines.infinitygan import network as infinitygan
from anyres_bench.baselines.liif import network as liif
from anyres_bench.baselines.mspe import network as mspe
from anyres_bench.baselines.realesrgan import network as realesrgan

MAKERS: dict[str, Callable[[], nn.Module]] = {
    "anycost": lambda: anycost.AnycostNetwork(1024),
    "mspe-f": lambda: mspe.MSPENetwork(mspe.CONFIGS["f"]),
    "liif-edsr": lambda: liif.LIIF(liif.EDSR()),
    "liif-rdn": lambda: liif.LIIF(liif.RDN()),
    "x4plus": realesrgan.RRDBNet,
    "x2plus": lambda: realesrgan.RRDBNet(scale=2),
    "general": lambda: realesrgan.SRVGGNetCompact(num_conv=32),
    "infinitygan": lambda: infinitygan.InfinityGANNetwork(infinitygan.Architecture.published()),
}


@dataclass(frozen=True)
class Made:
    """Shapes of a state, how many values are parameters, and the halo of networks that have one."""

    shapes: dict[str, tuple[int, ...]]
    n_parameters: int
    halo: int

    @property
    def counts(self) -> tuple[int, int, int]:
        """Entries, values, values that are parameters."""
        n_values = sum(math.prod(shape) for shape in self.shapes.values())
        return len(self.shapes), n_values, self.n_parameters


@functools.cache
def make(name: str) -> Made:
    network = MAKERS[name]()
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    return Made(shapes, n_parameters, getattr(network, "halo", 0))


@pytest.mark.slow
def test_whole_states() -> None:
    assert make("anycost").counts == (171, 33_166_492, 30_370_060)
    assert make("mspe-f").counts[0] == 129
    assert make("liif-edsr").counts[::2] == (82, 1_567_323)
    assert make("liif-rdn").counts[::2] == (306, 22_320_835)
    assert make("x4plus").counts[::2] == (702, 16_697_987)
    assert make("x2plus").counts[2] == 16_703_171
    assert make("infinitygan").counts == (105, 36_365_816, 36_358_944)


@pytest.mark.parametrize(
    ("name", "key", "shape"),
    [
        ("anycost", "convs.14.conv.blur.kernel", (4, 4)),
        ("anycost", "to_rgbs.7.conv.modulation.weight", (32, 512)),
        ("mspe-f", "convs.3.conv.style_modulation.linear.weight_orig", (512, 512)),
        ("liif-edsr", "imnet.layers.0.weight", (256, 580)),
        ("liif-rdn", "encoder.RDBs.15.LFF.weight", (64, 576, 1, 1)),
        ("x4plus", "body.22.rdb3.conv5.weight", (64, 192, 3, 3)),
        ("x2plus", "conv_first.weight", (64, 12, 3, 3)),
        (
            "infinitygan",
            "structure_synthesizer.implicit_model.conv_stack.3.conv.conv.weight",
            (1, 256, 259, 7, 7),
        ),
    ],
)
def test_single_entries(name: str, key: str, shape: tuple[int, ...]) -> None:
    assert make(name).shapes[key] == shape


def test_compact_network_of_the_general_model() -> None:
    shapes = make("general").shapes
    assert shapes["body.66.weight"] == (48, 64, 3, 3)
    assert shapes["body.65.weight"] == (64,)


def test_sizes_of_infinitygan_layers() -> None:
    published = infinitygan.Architecture.published()
    assert published.layer_sizes(11) == [19, 17, 31, 29, 55, 53, 103, 101]
    assert [published.latents_for(side) for side in (101, 256, 512, 1024)] == [11, 21, 37, 69]
    patches = [infinitygan.Architecture.published(n).layer_sizes(11)[-1] for n in range(4, 9)]
    assert patches == [101, 197, 389, 773, 1541]


def test_the_exact_halo_of_the_large_network_is_349_pixels() -> None:
    assert make("x4plus").halo == 349
    assert make("x2plus").halo == 698
