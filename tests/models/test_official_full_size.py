"""A full-size official snapshot, config T at 256 px with random weights: converted and rendered.

Every step is a process of its own, whose seconds and peak memory are printed (`pytest -s`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from anyres_bench.models.loading import read_snapshot
from anyres_bench.models.networks import load_network
from anyres_bench.reference.config import DiscriminatorConfig, GeneratorConfig
from anyres_bench.reference.discriminator import AnyResDiscriminator
from anyres_bench.reference.network import GeneratorNetwork
from tests.models.official_pickles import Network, write_snapshot

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

GENERATOR = {
    "z_dim": 512,
    "c_dim": 0,
    "w_dim": 512,
    "img_resolution": 256,
    "img_channels": 3,
    "mapping_kwargs": {"num_layers": 2},
    "training_mode": "patch",
    "scale_mapping_kwargs": {
        "scale_mapping_min": 1,
        "scale_mapping_max": 8,
        "scale_mapping_norm": "positive",
    },
    "channel_base": 32768,
    "channel_max": 512,
    "magnitude_ema_beta": 0.5 ** (32 / 20_000),
}
DISCRIMINATOR = {
    "c_dim": 0,
    "img_resolution": 256,
    "img_channels": 3,
    "channel_base": 32768,
    "channel_max": 512,
    "block_kwargs": {"freeze_layers": 0},
    "mapping_kwargs": {},
    "epilogue_kwargs": {"mbstd_group_size": 4},
}
OPTIONS = {"batch_size": 32, "total_kimg": 25_000, "G_kwargs": GENERATOR}
THREADS = os.environ.get("FULL_SIZE_THREADS", "2")
PARAMETERS = {"G": 31_903_588, "D": 28_864_129}
BUFFER_ELEMENTS = 2_968
COMMAND = """
import json, re, sys, time
from pathlib import Path
from anyres_bench.cli.main import main
start = time.perf_counter()
try:
    main(sys.argv[1:])
finally:
    # Not ru_maxrss, which a process inherits from the one that started it.
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    took = {"seconds": time.perf_counter() - start, "cpu": time.process_time(), "mib": peak}
    print(json.dumps(took), file=sys.stderr)
"""


class Run(NamedTuple):
    """Seconds and peak memory of a command; `cpu` counts the seconds of all threads and imports."""

    seconds: float
    cpu: float
    mib: float


def run(title: str, *arguments: object) -> Run:
    """One command in a process of its own; prints what it took."""
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": THREADS}
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    measured = Run(**json.loads(done.stderr.splitlines()[-1]))
    print(f"{title:<20} {measured.seconds:7.1f} s {measured.cpu:7.1f} s {measured.mib:7.0f} MiB")
    return measured


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds snapshot.pkl with G, D and G_ema, and training_options.json."""
    folder = tmp_path_factory.mktemp("full")
    generator = GeneratorNetwork(GeneratorConfig.from_official(GENERATOR), seed=1)
    averaged = GeneratorNetwork(GeneratorConfig.from_official(GENERATOR), seed=2)
    discriminator = AnyResDiscriminator(DiscriminatorConfig.from_official(DISCRIMINATOR))
    for name, network in (("G", generator), ("D", discriminator)):
        assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name]
    assert sum(b.numel() for b in generator.buffers()) == BUFFER_ELEMENTS
    networks = {
        "G": Network.of(generator, GENERATOR),
        "D": Network.of(discriminator, DISCRIMINATOR, class_name="Discriminator"),
        "G_ema": Network.of(averaged, GENERATOR),
    }
    write_snapshot(folder / "snapshot.pkl", networks)
    (folder / "training_options.json").write_text(json.dumps(OPTIONS))
    return folder


def test_a_full_snapshot_is_converted_and_renders_every_size(folder: Path) -> None:
    print(f"\n{'':<20} {'wall':>7}   {'cpu':>7}   {'peak':>7}      {THREADS} threads")
    print(f"snapshot.pkl has {(folder / 'snapshot.pkl').stat().st_size / 2**20:.0f} MiB")
    model = folder / "model"
    convert = run("convert", "convert", folder / "snapshot.pkl", model)
    assert convert.mib < 1500
    about = json.loads((model / "checkpoint.json").read_text())
    assert about["training"] == OPTIONS
    assert about["config"] == GENERATOR
    shots = {
        "256": ("256", ()),
        "1024x640": ("1024x640", ()),
        "64x2048 of 2048": ("2048", ("--region", "1000,0,64,2048")),
        "64x64 of 2048": ("2048", ("--region", "1000,1000,64,64")),
    }
    images = {}
    for name, (size, region) in shots.items():
        out = folder / name
        took = run(name, "generate", model, "--size", size, "--out", out, *region)
        assert took.mib < 2500
        images[name] = np.asarray(Image.open(out / "seed0000.png")).astype(int)
        assert images[name].std() > 1
    assert images["256"].shape == (256, 256, 3)
    assert images["1024x640"].shape == (1024, 640, 3)
    assert images["64x2048 of 2048"].shape == (64, 2048, 3)
    part = images["64x2048 of 2048"][:, 1000:1064]
    assert np.abs(part - images["64x64 of 2048"]).max() <= 1


def test_every_tensor_of_a_full_snapshot_arrives(folder: Path) -> None:
    for which, seed in (("G", 1), ("G_ema", 2)):
        network = load_network(read_snapshot(str(folder / "snapshot.pkl"), which))
        wanted = GeneratorNetwork(GeneratorConfig.from_official(GENERATOR), seed=seed)
        for name, tensor in wanted.state_dict().items():
            assert torch.equal(network.state_dict()[name], tensor), (which, name)
