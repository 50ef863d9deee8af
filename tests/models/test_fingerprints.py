"""Fingerprints: what tells two models of one name apart."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

import anyres_bench as ab
from anyres_bench.models.fingerprints import as_it_is_now, fingerprint


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


FACTORY = """
import torch
import anyres_bench as ab

class Network(torch.nn.Module):
    z_dim = 4
    def __init__(self, psi, mean):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(4, 48))
        self.psi, self.mean = psi, mean
    def forward(self, z):
        return (self.mean + self.psi * (z @ self.weight)).view(-1, 3, 4, 4)

def make(psi="1", prompt="", mean=""):
    value = float(open(mean).read()) if mean else 0.0
    return ab.FixedSize(Network(float(psi), torch.tensor(value)), 4)

class Told:
    native, canvases = ab.Size(4, 4), "any"
    def __init__(self, psi="1"):
        self.id = f"told+psi={psi}"
    def latents(self, seeds, labels=None):
        return seeds
    def sample(self, z, regions):
        return torch.zeros(len(z), 3, *regions[0].size)
"""


def test_options_of_a_factory_are_part_of_the_id(tmp_path: Path) -> None:
    file, mean = tmp_path / "my_options.py", tmp_path / "mean.txt"
    file.write_text(FACTORY)
    mean.write_text("0.5")

    def known(factory: str = "make", **options: str) -> str:
        return str(ab.load(f"{file}:{factory}", options).id)

    assert known(psi="0.7") == f"{known()}+psi=0.7" != known(psi="0.5")
    assert known(prompt="a/b\n") != known(prompt="a/c\n")
    assert "/" not in known(prompt="a/b\n")
    first = known(mean=str(mean))
    assert str(tmp_path) not in first
    mean.write_text("0.25")
    assert known(mean=str(mean)).rpartition("+")[2] != first.rpartition("+")[2]
    assert known("Told", psi="0.7").count("psi=0.7") == 1


def test_arrays_beside_the_weights_count_as_weights() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(4, 48), torch.nn.Unflatten(1, (3, 4, 4)))

    def known(of: Any) -> str:
        held: Any = types.SimpleNamespace(network=network, mean=of)
        return fingerprint(held)

    assert known(None).startswith("weights@")
    assert known(np.zeros(3)) == known(np.zeros(3)) != known(np.ones(3))
    assert known(torch.zeros(3)) != known(torch.ones(3))
    assert known(lambda: None) == known(None)


class Level:
    """A generator of the user's that says its name alone."""

    id, native, canvases = "mine", ab.Size(4, 4), "any"

    def __init__(self, level: float) -> None:
        self.level = level

    def latents(self, seeds: Any, labels: Any = None) -> Any:
        return seeds

    def sample(self, z: Any, regions: Any) -> Any:
        return torch.full((len(z), 3, *regions[0].size), self.level)


def test_what_python_made_is_known_as_it_is_when_it_is_measured() -> None:
    level = Level(0.5)
    first = as_it_is_now(level).id
    assert first.startswith("mine+canary@")
    assert as_it_is_now(level).id == first
    level.level = -0.5
    assert as_it_is_now(level).id != first
    assert level.id == "mine"  # the user's object stays as it is

    network: Any = torch.nn.Linear(4, 48)
    network.psi = 1.0
    model = ab.FixedSize(lambda z: (network.psi * network(z)).view(-1, 3, 4, 4), 4, z_dim=4)
    held = ab.FixedSize(torch.nn.Sequential(network, torch.nn.Unflatten(1, (3, 4, 4))), 4, z_dim=4)
    ids = {as_it_is_now(model).id, as_it_is_now(held).id}
    network.psi = 0.5
    ids.add(as_it_is_now(model).id)
    assert len(ids) == 3
    with torch.no_grad():
        network.weight.mul_(2)
    ids |= {as_it_is_now(model).id, as_it_is_now(held).id}
    assert len(ids) == 5


def test_what_says_all_that_it_is_stays_so() -> None:
    for spec in ("constant:7", "scenes"):
        model = ab.load(spec)
        assert as_it_is_now(model) is model
