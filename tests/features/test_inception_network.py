"""The layers of Inception-v3 and the names of its weights in published files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from anyres_bench.core.errors import CheckpointError
from anyres_bench.features.inception_network import InceptionNetwork, load_network, tf_names
from anyres_bench.features.tensors import Undrawn
from tests.golden import Case
from tests.golden_runners.networks import filled

GOLDEN = Path(__file__).parent.parent / "golden" / "metrics_networks.json"


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    case = Case(GOLDEN)
    return filled(case, case.meta["inception_entries"])


def undrawn() -> InceptionNetwork:
    with Undrawn():
        return InceptionNetwork()


def test_the_network_has_the_published_names_and_nothing_else() -> None:
    own = {n for n in undrawn().state_dict() if not n.endswith("num_batches_tracked")}
    assert own == {name for name, *_ in Case(GOLDEN).meta["inception_entries"]}
    assert len(own) == 472


def test_counters_of_batch_norm_may_be_there_or_not(state: dict[str, Tensor]) -> None:
    counters = {
        name.replace("running_mean", "num_batches_tracked"): torch.tensor(5)
        for name in state
        if name.endswith("running_mean")
    }
    assert len(counters) == 94
    for tensors in (state, state | counters):
        assert torch.equal(load_network(tensors).fc.bias, state["fc.bias"])


def test_other_networks_are_refused(state: dict[str, Tensor]) -> None:
    with pytest.raises(CheckpointError, match=r"472 tensors are missing.*1 are unknown \['conv1"):
        load_network({"conv1.weight": torch.zeros(1)})
    torchvision = state | {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    with pytest.raises(CheckpointError, match=r"2 have another shape or kind \['fc"):
        load_network(torchvision)
    with pytest.raises(CheckpointError, match=r"1 are unknown \['AuxLogits"):
        load_network(state | {"AuxLogits.conv0.conv.weight": torch.zeros(1)})


def test_quantised_weights_are_not_taken_for_floats(state: dict[str, Tensor]) -> None:
    with pytest.raises(CheckpointError, match=r"kind \['fc.bias: \(1008,\) int8 in the file"):
        load_network(state | {"fc.bias": state["fc.bias"].to(torch.int8)})


def test_the_names_of_the_tensorflow_graph() -> None:
    names = tf_names(undrawn())
    assert len(names) == len(set(names.values())) == 94
    assert names["Conv2d_1a_3x3"] == "conv"
    assert names["Conv2d_4a_3x3"] == "conv_4"
    assert names["Mixed_5b.branch5x5_2"] == "mixed_tower_conv_1"
    assert names["Mixed_5d.branch_pool"] == "mixed_2_tower_2_conv"
    assert names["Mixed_6a.branch3x3"] == "mixed_3_conv"
    assert names["Mixed_6e.branch7x7dbl_5"] == "mixed_7_tower_1_conv_4"
    assert names["Mixed_7a.branch7x7x3_4"] == "mixed_8_tower_1_conv_3"
    assert names["Mixed_7b.branch3x3_2a"] == "mixed_9_tower_mixed_conv"
    assert names["Mixed_7c.branch3x3dbl_3b"] == "mixed_10_tower_1_mixed_conv_1"
