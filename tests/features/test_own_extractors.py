"""Extractors of the user's own, by the place of their factory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyres_bench.core.errors import ModelError, UsageError
from anyres_bench.features.contract import check_contract
from anyres_bench.features.extractor import extractor_from

CODE = """
import torch

class Mean:
    id, dim, n_views, is_fid = "mean", 3, 1, True

    def __call__(self, images):
        return images.float().mean(dim=(2, 3)) * SCALE

SCALE = 1.0

class Network(Mean):
    def __init__(self, seed):
        torch.manual_seed(seed)
        self.network = torch.nn.Linear(3, 3)

    def __call__(self, images):
        rows = [self.network(row) for row in super().__call__(images)]
        return torch.stack(rows) if rows else torch.empty(0, 3)

def mean():
    return Mean()

def network(device):
    assert device == "cpu"
    return Network(0)

def other(device):
    return Network(1)

def nothing():
    return 3

def asking(size):
    return Mean()

def spaced():
    made = Mean()
    made.id = "a mean"
    return made

def long():
    made = Mean()
    made.dim = 4
    return made
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "mine_features.py").write_text(CODE)
    return tmp_path / "mine_features.py"


@pytest.mark.parametrize("name", ["mean", "network"])
def test_they_keep_the_contract(place: Path, name: str) -> None:
    extractor = extractor_from(f"{place}:{name}")
    check_contract(extractor)
    kind = "canary" if name == "mean" else "weights"
    assert extractor.id.startswith("mean+code@")
    assert f"+{kind}@" in extractor.id
    assert not extractor.is_fid, "whatever it says"


def test_other_weights_and_other_code_are_other_extractors(place: Path, tmp_path: Path) -> None:
    ids = [extractor_from(f"{place}:{name}").id for name in ("network", "network", "other")]
    assert ids[0] == ids[1] != ids[2]
    (tmp_path / "changed_features.py").write_text(CODE.replace("SCALE = 1.0", "SCALE = 2.0"))
    changed = extractor_from(f"{tmp_path / 'changed_features.py'}:mean").id
    assert changed.split("+")[1:] != extractor_from(f"{place}:mean").id.split("+")[1:]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nothing", ModelError, "gives a int without id, dim, n_views, is_fid"),
        ("asking", UsageError, "cannot be made without arguments"),
        ("spaced", ModelError, "expected a word"),
        ("missing", UsageError, "has no 'missing'"),
    ],
)
def test_what_is_no_extractor(place: Path, name: str, error, message: str) -> None:
    with pytest.raises(error, match=message):
        extractor_from(f"{place}:{name}")
    with pytest.raises(UsageError, match="there is no file"):
        extractor_from("nowhere.py:build")
    with pytest.raises(UsageError, match="is its package installed"):
        extractor_from("no_such_package.module:build")


def test_vectors_of_another_length_are_an_error(place: Path) -> None:
    with pytest.raises(ModelError, match=r"returned \(2, 3\); expected \(2, 4\)"):
        extractor_from(f"{place}:long")(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))


def test_registered_names_come_first() -> None:
    with pytest.raises(UsageError):
        extractor_from("builtin:build")
