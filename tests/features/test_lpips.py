"""LPIPS: golden cases hold its numbers; here, what must hold with any weights."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor

from anyres_bench.core.errors import CheckpointError, UnknownNameError, UsageError, WeightsError
from anyres_bench.features.lpips import LPIPS, NETS, load_lpips
from tests.golden import Case
from tests.golden_runners.networks import filled

GOLDEN = Path(__file__).parent.parent / "golden" / "metrics_networks.json"
SMALLEST = {"alex": 31, "vgg": 16, "squeeze": 17}


def weights(net: str) -> dict[str, Tensor]:
    case = Case(GOLDEN)
    return filled(case, case.meta["lpips"][net]["entries"])


@pytest.fixture(scope="module", params=NETS)
def distance(request: pytest.FixtureRequest) -> LPIPS:
    return LPIPS(request.param, weights(request.param))


def pair(side: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.rand((2, 2, 3, side, side + 5), generator=generator) * 2 - 1
    return a, b


def test_a_distance_of_pairs(distance: LPIPS) -> None:
    a, b = pair(36)
    both = distance(a, b)
    assert both.shape == (2,)
    assert both.dtype == torch.float32
    assert (both > 0).all()
    assert torch.equal(distance(a, a), torch.zeros(2))
    torch.testing.assert_close(distance(b, a), both, rtol=1e-5, atol=0)
    torch.testing.assert_close(distance(a[:1], b[:1]), both[:1], rtol=1e-5, atol=0)


def test_it_grows_with_the_difference(distance: LPIPS) -> None:
    a, b = pair(36)
    steps = [distance(a, a + t * (b - a)).mean() for t in (0.0, 0.1, 0.3, 1.0)]
    assert all(one < two for one, two in itertools.pairwise(steps))


def test_the_map_and_the_shares_are_of_one_distance(distance: LPIPS) -> None:
    a, b = pair(48)
    shares, spatial = distance.per_layer(a, b), distance.spatial(a, b)
    assert spatial.shape == (2, 48, 53)
    torch.testing.assert_close(shares.sum(1), distance(a, b))
    torch.testing.assert_close(spatial.mean((1, 2)), distance(a, b), rtol=0.1, atol=0)
    changed = a.clone()
    changed[:, :, :14, :14] = b[:, :, :14, :14]
    where = distance.spatial(a, changed)
    assert (where[:, :14, :14].mean((1, 2)) > 10 * where[:, 38:, 38:].mean((1, 2))).all()


def test_the_smallest_picture(distance: LPIPS) -> None:
    side = SMALLEST[distance.net]
    a, b = torch.rand((2, 1, 3, side, side)) * 2 - 1
    assert distance(a, b) > 0
    with pytest.raises(UsageError, match=f"at least {side} px"):
        distance(a[..., 1:], b[..., 1:])


def test_pairs_that_do_not_match_are_refused(distance: LPIPS) -> None:
    a, b = pair(36)
    for x, y in ((a, b[:1]), (a[:, :2], b[:, :2]), (a[0], b[0])):
        with pytest.raises(UsageError, match="expected two equal"):
            distance(x, y)


def test_torchvision_names_serve_as_well() -> None:
    own = weights("alex")
    theirs = {
        "features." + n.split(".", 2)[2] if n.startswith("net.") else n: v for n, v in own.items()
    }
    theirs["classifier.1.weight"] = torch.zeros(3)
    a, b = pair(36)
    assert torch.equal(LPIPS("alex", theirs)(a, b), LPIPS("alex", own)(a, b))


@pytest.mark.parametrize(
    "name", ["net.slice3.6.weight", "net.slice1.0.bias", "lin4.model.1.weight"]
)
def test_missing_weights_are_named(name: str) -> None:
    tensors = weights("alex")
    del tensors[name]
    with pytest.raises(CheckpointError, match=name.split("weight")[0].split("bias")[0]):
        LPIPS("alex", tensors)


def test_unknown_nets_and_absent_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    with pytest.raises(UnknownNameError, match="squeeze"):
        load_lpips("squeezenet")
    with pytest.raises(WeightsError, match="alexnet-owt"):
        load_lpips("alex")
