"""Inception-v3 with weights filled by name: files of every kind, names, ids and the contract.

That its numbers are those of pytorch-fid, torch-fidelity and clean-fid is held by the golden cases.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from anyres_bench.core.errors import UnknownNameError, UsageError, WeightsError
from anyres_bench.core.geometry import Size
from anyres_bench.data.resize import MODES, resize
from anyres_bench.features import inception
from anyres_bench.features.contract import check_contract, pictures
from anyres_bench.features.extractor import extractor_from
from anyres_bench.features.inception import InceptionV3
from anyres_bench.features.inception_network import load_network, tf_names
from anyres_bench.features.tensors import Undrawn, read_tensors
from tests.golden import Case
from tests.golden_runners.networks import filled

GOLDEN = Path(__file__).parent.parent / "golden" / "metrics_networks.json"


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    case = Case(GOLDEN)
    return filled(case, case.meta["inception_entries"])


@pytest.fixture(scope="module")
def path(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    file = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(state, file)
    yield file
    file.unlink()


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures of 99 px at a time, where slow tests show eight of 299 px."""
    monkeypatch.setattr(inception, "images_at_once", lambda device: 2)
    monkeypatch.setattr(inception, "SIDE", 99)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Layer(nn.Module):
    """A scripted convolution as NVIDIA's file has it: its batch norm has no scale."""

    def __init__(self, state: dict[str, Tensor], name: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(state[f"{name}.conv.weight"])
        self.beta = nn.Parameter(state[f"{name}.bn.bias"])
        self.register_buffer("mean", state[f"{name}.bn.running_mean"])
        self.register_buffer("var", state[f"{name}.bn.running_var"])

    def forward(self, x: Tensor) -> Tensor:
        return x


class Folder(nn.Module):
    """Holds other modules."""

    def __init__(self, parts: dict[str, nn.Module]) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.slow
def test_torchscript_holds_the_same_network(
    nested: bool, state: dict[str, Tensor], tmp_path: Path
) -> None:
    tree: dict[str, dict[str, nn.Module]] = {}
    for name, tf_name in tf_names(load_network(state)).items():
        block, inner = tf_name, ""
        if "." in name:  # mixed_9_tower_conv -> mixed_9 and tower_conv, or tower and conv
            number = tf_name.split("_")[1]
            block = f"mixed_{number}" if number.isdigit() else "mixed"
            inner = tf_name.removeprefix(f"{block}_")
        tree.setdefault(block, {})[inner] = Layer(state, name)
    blocks = {
        block: parts[""] if "" in parts else Folder(_split(parts) if nested else parts)
        for block, parts in tree.items()
    }
    with Undrawn():
        output = nn.Linear(2048, 1008)
    output.load_state_dict({"weight": state["fc.weight"], "bias": state["fc.bias"]})
    file = tmp_path / "inception.pt"
    torch.jit.script(Folder({"layers": Folder(blocks), "output": output})).save(file)

    loaded = load_network(read_tensors(file)).state_dict()
    for name, value in state.items():
        ones = torch.ones_like(value)
        assert torch.equal(loaded[name], ones if name.endswith("bn.weight") else value), name


def _split(parts: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """The towers as folders of their own: `tower_1_conv_2` becomes `tower_1.conv_2`."""
    towers: dict[str, dict[str, nn.Module]] = {}
    for name, part in parts.items():
        tower, _, leaf = name.rpartition("conv")
        towers.setdefault(tower.strip("_"), {})[f"conv{leaf}"] = part
    plain = towers.pop("", {})
    return plain | {name: Folder(inner) for name, inner in towers.items()}


def test_ids_say_everything_and_only_published_weights_give_fid(path: Path) -> None:
    unknown = f"inception-v3@sha256:{digest(path)[:16]}"
    for options, suffix, dim in (
        ("+clean+2048", "", 2048),
        ("+bf16+logits+legacy_pytorch", "+legacy_pytorch+logits+bf16-folded", 1008),
        ("+bf16-folded", "+bf16-folded", 2048),
    ):
        extractor = extractor_from(f"inception-v3@file:{path}{options}")
        assert (extractor.id, extractor.dim) == (unknown + suffix, dim)
        assert not extractor.is_fid


@pytest.mark.parametrize(
    ("registered", "options", "name", "is_fid"),
    [
        ("inception-v3", {}, "inception-v3", True),
        ("inception-v3-torchscript", {}, "inception-v3+torchscript", True),
        (
            "inception-v3",
            {"resize_mode": "legacy_tensorflow"},
            "inception-v3+legacy_tensorflow",
            True,
        ),
        ("inception-v3", {"tap": "192"}, "inception-v3+192", False),
        ("inception-v3", {"bf16": True}, "inception-v3+bf16-folded", False),
    ],
)
def test_the_registered_digest_is_what_makes_it_fid(
    registered: str,
    options: dict[str, object],
    name: str,
    is_fid: bool,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = dataclasses.replace(inception.WEIGHTS[registered], sha256=digest(path))
    monkeypatch.setitem(inception.WEIGHTS, registered, row)
    extractor = InceptionV3(path, **options)  # type: ignore[arg-type]
    assert (extractor.id, extractor.is_fid) == (name, is_fid)


def test_every_resize_rule_can_be_named(path: Path, state: dict[str, Tensor], small: None) -> None:
    assert set(inception.RESIZES) == set(MODES)
    network, images = load_network(state), pictures(1, Size(40, 56))
    for rule in ("torch-bilinear-antialias", "quantised-bicubic"):  # torchmetrics', dgm-eval's
        extractor = extractor_from(f"inception-v3@file:{path}+{rule}+64")
        assert extractor.id.endswith(f"+{rule}+64")
        inputs = (resize(images, Size.square(inception.SIDE), rule) - 128) / 128
        expected = network(inputs, last="64")["64"]
        torch.testing.assert_close(extractor(images), expected, atol=1e-4, rtol=1e-4)


def test_the_contract(path: Path, small: None) -> None:
    check_contract(InceptionV3(path), [Size(40, 56)])


@pytest.mark.slow
def test_the_contract_at_the_size_of_the_network(path: Path) -> None:
    check_contract(InceptionV3(path, tap="64"), [Size(40, 56)])


@pytest.mark.slow
def test_rows_do_not_depend_on_the_batch_at_the_last_tap(path: Path) -> None:
    extractor, images = InceptionV3(path), pictures(18, Size(32, 32))
    features = extractor(images)
    assert features.shape == (18, 2048)
    assert torch.equal(extractor(images[15:]), features[15:])


def test_bf16_is_near_and_not_the_same(path: Path, small: None) -> None:
    images = pictures(2, Size(64, 64))
    exact, fast = (InceptionV3(path, tap="64", bf16=bf16)(images) for bf16 in (False, True))
    assert fast.dtype == torch.float32
    error = (fast - exact).norm() / exact.norm()
    assert 1e-5 < error < 0.05


def test_without_weights_the_message_says_what_to_do() -> None:
    with pytest.raises(WeightsError, match=r"(?s)offline.*pytorch-fid.*put it.*6726825d"):
        extractor_from("inception-v3")
    with pytest.raises(WeightsError, match=r"inception-2015-12-05\.pt"):
        extractor_from("inception-v3+torchscript")
    with pytest.raises(WeightsError, match="No such file"):
        extractor_from("inception-v3@file:/nowhere.pth")


def test_options_that_make_no_sense_are_refused(path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean legacy_pytorch"):
        extractor_from("inception-v3+legacy_torch")
    with pytest.raises(UsageError, match="768 and 192 exclude each other"):
        extractor_from("inception-v3+768+192")
    with pytest.raises(UsageError, match="exclude each other"):
        extractor_from(f"inception-v3@file:{path}+torchscript")
