"""Networks that objects hold."""

from __future__ import annotations

import torch

from anyres_bench.core.networks import networks, state_digest


def test_networks_are_found_where_they_are_held_and_once() -> None:
    network = torch.nn.Linear(2, 2)

    class Holder:
        def __init__(self) -> None:
            self.parts = [{"a": network}, (network,)]

    assert list(networks(Holder())) == [network]
    assert list(networks(lambda: network)) == [network]
    assert list(networks("text")) == []


def test_the_digest_is_of_names_and_values() -> None:
    torch.manual_seed(0)
    network = torch.nn.Linear(2, 2)
    before = state_digest([network])
    assert len(before) == 12
    with torch.no_grad():
        network.bias[0] += 1
    assert state_digest([network]) != before
