"""Extractors and distances on a GPU give the CPU's numbers, whatever batch an image comes in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from anyres_bench.core.geometry import Size
from anyres_bench.core.precision import single_precision
from anyres_bench.data.resize import MODES, resize
from anyres_bench.features.cnndetection import ResNet50
from anyres_bench.features.contract import pictures
from anyres_bench.features.extractor import FeatureExtractor, extractor_from
from anyres_bench.features.folding import arranged, folded, pixel_by_pixel
from anyres_bench.features.inception import InceptionV3
from anyres_bench.features.lpips import LPIPS, NETS
from anyres_bench.features.vgg16 import VGG16
from anyres_bench.features.vgg19 import VGG19Distance
from tests.features.test_folding import Small, chain, drawn, images, looked_at, relus
from tests.features.test_lpips import pair, weights
from tests.features.test_vgg19 import plain
from tests.golden import Case
from tests.golden_runners.networks import filled
from tests.gpu.agreement import apart, farthest, rows_apart

GOLDEN = Path(__file__).parent.parent / "golden" / "metrics_networks.json"
FEATURES, DISTANCES, HALF = 1e-5, 1e-4, 3e-2
VGG16_SHAPES = {
    **{
        f"features.{i}": (n_out, n_in, 3, 3)
        for i, n_in, n_out in (
            *((0, 3, 64), (2, 64, 64), (5, 64, 128), (7, 128, 128)),
            *((10, 128, 256), (12, 256, 256), (14, 256, 256)),
            *((17, 256, 512), (19, 512, 512), (21, 512, 512)),
            *((24, 512, 512), (26, 512, 512), (28, 512, 512)),
        )
    },
    "classifier.0": (4096, 25088),
    "classifier.3": (4096, 4096),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Weights that fill no published file, `inception.pth` and `cnndetection.pth`."""
    made = tmp_path_factory.mktemp("weights")
    case = Case(GOLDEN)
    torch.save(filled(case, case.meta["inception_entries"]), made / "inception.pth")
    torch.manual_seed(0)
    torch.save({"model": ResNet50().state_dict()}, made / "cnndetection.pth")
    yield made
    for file in made.iterdir():
        file.unlink()


def check(here: FeatureExtractor, there: FeatureExtractor, images: Tensor, device: str) -> None:
    """Both give one id and the same rows; a row on the GPU is the same bit for bit in any batch."""
    assert there.id == here.id
    rows = there(images)
    assert rows.device.type == "cpu"
    assert rows_apart(rows, here(images)) <= FEATURES
    assert torch.equal(there(images[3:5]), rows[3:5])
    assert torch.equal(there(images.flip(0)).flip(0), rows)
    assert torch.equal(there(images.to(device)), rows)


@pytest.mark.parametrize("mode", sorted(MODES))
def test_resize_rules(mode: str, folder: Path, device: str) -> None:
    images, size = pictures(5, Size(40, 56)), Size(33, 299)
    together = resize(images.to(device), size, mode)
    assert farthest(together, resize(images, size, mode)) < FEATURES
    turned = images.to(device).contiguous(memory_format=torch.channels_last)
    assert torch.equal(resize(turned, size, mode), together)
    for i in range(5):
        assert torch.equal(resize(images[i : i + 1].to(device), size, mode)[0], together[i])
    here, there = (
        InceptionV3(folder / "inception.pth", "64", mode, device=where) for where in ("cpu", device)
    )
    assert rows_apart(there(images[:2]), here(images[:2])) <= FEATURES


@pytest.mark.parametrize("mode", ["clean", "legacy_tensorflow"])
@pytest.mark.parametrize("bf16", [False, True])
def test_a_row_is_the_same_in_any_batch(mode: str, bf16: bool, folder: Path, device: str) -> None:
    extractor = InceptionV3(folder / "inception.pth", "2048", mode, bf16, device)
    images = pictures(33, Size(72, 56))
    rows = extractor(images)
    for n in (1, 3):
        assert torch.equal(extractor(images[:n]), rows[:n])
        assert torch.equal(extractor(images[-n:]), rows[-n:])
    assert torch.equal(extractor(images.to(device)), rows)


@pytest.mark.parametrize(
    "spec",
    [
        "inception-v3@file:inception.pth",
        "inception-v3@file:inception.pth+legacy_tensorflow+768",
        "inception-v3@file:inception.pth+torch-bilinear-antialias+logits",
        "cnndetection@file:cnndetection.pth",
        "cnndetection@file:cnndetection.pth+nocrop",
    ],
)
def test_networks(spec: str, folder: Path, device: str) -> None:
    name = spec.replace("@file:", f"@file:{folder}/")
    here, there = (extractor_from(name, device=where) for where in ("cpu", device))
    check(here, there, pictures(9, Size(40, 56)), device)


def test_inception_in_bfloat16(folder: Path, device: str) -> None:
    spec, images = f"inception-v3@file:{folder}/inception.pth", pictures(4, Size(64, 64))
    exact = extractor_from(spec)(images)
    assert 1e-5 < apart(extractor_from(f"{spec}+bf16", device=device)(images), exact) < HALF


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("forward", "left"), [(chain, 0), (looked_at, 1)])
@single_precision()
@torch.inference_mode()
def test_relus_go_into_convolutions(
    forward: Callable[[Small, Tensor], Tensor], left: int, dtype: torch.dtype, device: str
) -> None:
    network = folded(drawn(Small(forward)).to(device))
    apart_from_them = arranged(nn.Sequential(copy.deepcopy(network)), dtype)
    x = pixel_by_pixel(images(33).to(device, dtype))
    want = apart_from_them(x)
    fused = arranged(network, dtype)
    for _ in range(2):
        stale = [torch.full((2, 8, 33, 33), torch.nan, device=device, dtype=dtype) for _ in "abc"]
        del stale  # what memory held before is not looked at
        assert apart(fused(x), want) < (FEATURES if dtype == torch.float32 else HALF)
    assert relus(network) == left


def test_vgg16(device: str) -> None:
    rng = torch.Generator().manual_seed(0)
    tensors = {}
    for name, shape in VGG16_SHAPES.items():
        fan_in = torch.Size(shape[1:]).numel()
        noise = torch.empty(shape).uniform_(-1, 1, generator=rng)
        tensors[f"{name}.weight"] = noise * (6 / fan_in) ** 0.5
        tensors[f"{name}.bias"] = torch.zeros(shape[0])
    here, there = (VGG16(tensors, device=where) for where in ("cpu", device))
    check(here, there, pictures(9, Size(40, 56)), device)


def test_builtin_takes_images_of_the_gpu(device: str) -> None:
    extractor, images = extractor_from("builtin", device=device), pictures(3, Size(40, 56))
    assert torch.equal(extractor(images.to(device)), extractor_from("builtin")(images))


@pytest.mark.parametrize("net", NETS)
@single_precision()
def test_lpips(net: str, device: str) -> None:
    here, there = (LPIPS(net, weights(net), where) for where in ("cpu", device))
    a, b = pair(64)
    assert farthest(there(a, b), here(a, b)) < DISTANCES
    assert farthest(there(a.to(device), b.to(device)), here(a, b)) < DISTANCES
    found = []
    for distance, where in ((here, "cpu"), (there, device)):
        x = a.to(where).requires_grad_()
        spatial = distance.spatial(x, b.to(where))
        [gradient] = torch.autograd.grad(spatial.mean(), [x])
        found.append((spatial, gradient))
    for want, got in zip(*found, strict=True):
        assert apart(got, want) < 10 * DISTANCES


@single_precision()
def test_vgg19(device: str) -> None:
    tensors = {f"features.{name}": value for name, value in plain().state_dict().items()}
    a, b = pair(64)
    found = []
    for where in ("cpu", device):
        x = a.to(where).requires_grad_()
        distances = VGG19Distance(tensors, where)(x, b.to(where))
        [gradient] = torch.autograd.grad(distances.sum(), [x])
        found.append((distances, gradient))
    (want, slope), (got, other) = found
    assert farthest(got, want) < DISTANCES
    assert apart(other, slope) < 3e-2  # signs and maxima decide, which rounding may turn
