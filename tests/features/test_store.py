"""States on disk: found by content, never half-written, never trusted when damaged."""

from __future__ import annotations

import pickle
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from anyres_bench.core.errors import CacheError, UsageError
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import KIND, SCHEMA, FeatureStore, _canonical, _digest
from tests.fuzz import fuzz, mutated, replay
from tests.reference_files import as_floats_of_8_bits

KEY: dict[str, Any] = {"manifest": "ab12", "side": "real", "seed": 0, "shard": [0, 64]}
ROWS = np.random.default_rng(1).standard_normal((9, 4)).astype(np.float32)
BANK = FeatureBank(np.arange(9)[::-1], np.arange(9) // 3, ROWS)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "cache")


def test_a_bank_comes_back_bit_for_bit(store: FeatureStore) -> None:
    assert store.load(KEY) is None
    assert not store.folder.exists()
    path = store.save(KEY, BANK)
    back = store.load(dict(reversed(KEY.items())))  # the order of a key means nothing
    assert isinstance(back, FeatureBank)
    np.testing.assert_array_equal(back.index, BANK.index)
    np.testing.assert_array_equal(back.group, BANK.group)
    np.testing.assert_array_equal(back.features(), BANK.features())
    assert list(store.folder.iterdir()) == [path]


def test_nothing_comes_back(store: FeatureStore) -> None:
    store.save({"m": 2}, FeatureBank.empty())
    empty = store.load({"m": 2})
    assert isinstance(empty, FeatureBank)
    assert len(empty + BANK) == 9


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"shard": [0, 65]}, {"manifest": "ab13"}, {"x": 0}]
)
def test_another_key_is_another_state(store: FeatureStore, change: dict[str, Any]) -> None:
    store.save(KEY, BANK)
    assert store.load(KEY | change) is None


@pytest.mark.parametrize("key", [{"a": {1, 2}}, {"a": float("nan")}, {"a": (1, 2)}, {1: "a"}])
def test_keys_must_be_plain_json(store: FeatureStore, key: Any) -> None:
    with pytest.raises(UsageError, match="cache key must"):
        store.save(key, BANK)


def damage(data: bytes, how: str) -> bytes:
    return {
        "empty": b"",
        "truncated": data[:-5],
        "header cut": data[:20],
        "floats of 8 bits": as_floats_of_8_bits(data, "features"),
        "flipped bit": data[:-8] + bytes([data[-8] ^ 1]) + data[-7:],
        "other schema": data.replace(b"state@1", b"state@9"),
        "other kind": data.replace(b"feature-bank", b"feature-tank"),
        "pickle": pickle.dumps(BANK),
        "text": b"<html>503</html>" * 9,
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        "empty",
        "truncated",
        "header cut",
        "floats of 8 bits",
        "flipped bit",
        "other schema",
        "other kind",
        "pickle",
        "text",
    ],
)
def test_damage_is_noticed(store: FeatureStore, how: str) -> None:
    path = store.save(KEY, BANK)
    path.write_bytes(damage(path.read_bytes(), how))
    with pytest.raises(CacheError, match="delete this file") as caught:
        store.load(KEY)
    assert str(path) in str(caught.value)


def test_a_file_under_another_keys_name_is_refused(store: FeatureStore) -> None:
    store.save(KEY, BANK).rename(store.path({"other": 1}))
    with pytest.raises(CacheError, match="written for another key"):
        store.load({"other": 1})


def test_a_failed_write_leaves_the_old_state(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(KEY, BANK)

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        store.save(KEY, FeatureBank.empty())
    assert len(list(store.folder.iterdir())) == 1
    assert isinstance(store.load(KEY), FeatureBank)


def _loaded(data: bytes, folder: Path) -> None:
    """What loads is a bank that can be computed with."""
    store = FeatureStore(folder)
    folder.mkdir(exist_ok=True)
    store.path(KEY).write_bytes(data)
    bank = store.load(KEY)
    assert bank is not None
    assert len(bank) == len(bank.group) == len(bank.features())
    assert np.isfinite(bank.features()).all()
    bank.subset(bank.group >= 0)


def _any_tensors(rng: random.Random, known: Sequence[bytes]) -> bytes:
    """Tensors of any type and shape under a sound header; or a few bytes changed."""
    if rng.random() < 0.5:
        return mutated(rng, known)
    types = ("<i8", "<f4", "<f8", "<f2", "|u1", "|b1", "<i4", "<u8")
    tensors = {}
    for name in rng.sample(["index", "group", "features", "more"], rng.randint(2, 4)):
        shape = rng.choice([(3,), (3, 2), (0,), (0, 2), (), (3, 0), (1, 3), (3, 2, 1)])
        values = np.full(shape, rng.choice([0, 1, -1, np.nan, np.inf, 2**40]))
        with np.errstate(all="ignore"):
            tensors[name] = values.astype(rng.choice(types))
    header = {"schema": SCHEMA, "kind": KIND, "key": _canonical(KEY), "sha256": _digest(tensors)}
    return save(tensors, header)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_fuzz_kept_features(store: FeatureStore, tmp_path: Path) -> None:
    seeds = [store.save(KEY, bank).read_bytes() for bank in (BANK, FeatureBank.empty())]
    n = fuzz(
        "kept-features",
        seeds,
        lambda data: _loaded(data, tmp_path / "fuzzed"),
        (CacheError,),
        mutate=_any_tensors,
    )
    assert n > 1000


def test_the_corpus_of_kept_features(tmp_path: Path) -> None:
    assert replay("kept-features", lambda data: _loaded(data, tmp_path / "fuzzed"), (CacheError,))
