"""Networks and noise made from seeds alone."""

from __future__ import annotations

import torch

from anyres_bench.core.seeds import stream
from anyres_bench.training.seeding import normals, seeded


def test_a_seed_makes_the_weights_and_leaves_torchs_state_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, again, other = (seeded(seed, lambda: torch.nn.Linear(4, 4)) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)


def test_noise_continues_its_stream() -> None:
    first, again = stream(0, "noise"), stream(0, "noise")
    shapes = [(2, 3), (4,)]
    for a, b in zip(normals(first, shapes), normals(again, shapes), strict=True):
        assert torch.equal(a, b)
        assert a.dtype == torch.float32
    [later] = normals(first, [(2, 3)])
    assert not torch.equal(later, normals(stream(0, "noise"), [(2, 3)])[0])
