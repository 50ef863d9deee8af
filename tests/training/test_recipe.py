"""What a recipe leaves: the averaged network as a checkpoint of ours."""

from __future__ import annotations

import torch

from anyres_bench.training.recipe import exported


def test_an_export_is_the_network_without_its_graph() -> None:
    network = torch.nn.BatchNorm1d(3)
    made = exported("toy", {"width": 3}, network, {"steps": 7})
    assert (made.architecture, made.config, made.training) == ("toy", {"width": 3}, {"steps": 7})
    assert made.state.keys() == network.state_dict().keys()
    for name, tensor in made.state.items():
        assert torch.equal(tensor, network.state_dict()[name])
        assert not tensor.requires_grad
        assert tensor.device.type == "cpu"


def test_its_licence_is_for_the_trainer_to_say() -> None:
    assert exported("toy", {}, torch.nn.Linear(1, 1), {}).licence == "unknown"
