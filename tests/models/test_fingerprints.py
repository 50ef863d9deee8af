"""Fingerprints: what tells two models of one name apart."""

from __future__ import annotations

from typing import Any

import torch

import anyres_bench as ab


def test_a_model_that_was_trained_again_is_another_model() -> None:
    def made(seed: int) -> Any:
        torch.manual_seed(seed)
        network = torch.nn.Sequential(torch.nn.Linear(4, 48), torch.nn.Unflatten(1, (3, 4, 4)))
        return ab.FixedSize(network, 4, z_dim=4, name="net")

    assert made(0).id == made(0).id != made(1).id
    function = [1.0]

    def draw(coordinates: Any, latents: Any, cell: Any) -> Any:
        return coordinates.new_full((len(latents), 3, *coordinates.shape[1:3]), function[0])

    first = ab.Coordinates(draw, native=ab.Size(8, 8)).id
    function[0] = 0.5
    assert ab.Coordinates(draw, native=ab.Size(8, 8)).id != first
