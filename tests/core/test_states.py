"""The state of a network is found under the names that trainings save it under."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.states import find_state, holds

A, B = torch.zeros(1), torch.ones(2)
STATE = {"head.weight": A, "head.bias": B}


def names(content: Any, *keys: str, prefix: str = "") -> dict[str, int]:
    return {name: len(item) for name, item in find_state(content, *keys, prefix=prefix).items()}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model": {"params": STATE}, "optimizer": {"lr": 0.1}},
        {f"module.{name}": item for name, item in STATE.items()},
        {f"module._orig_mod.{name}": item for name, item in STATE.items()},
        {**STATE, "step": 7, "date": "today", "n_averaged": torch.tensor(3)},
    ],
    ids=["bare", "keyed", "nested", "distributed", "compiled", "averaged"],
)
def test_one_network_under_many_names(content: Any) -> None:
    assert names(content) == {"head.weight": 1, "head.bias": 2}


def test_the_preferred_key_wins_and_an_empty_one_does_not() -> None:
    content = {"g": {"w": A}, "g_ema": {"w": B}}
    assert names(content, "g_ema", "g") == {"w": 2}
    assert names(content | {"g_ema": {}}, "g_ema", "g") == {"w": 1}


def test_a_prefix_is_taken_off_where_names_have_it() -> None:
    assert names({"net.w": A, "loss.w": B}, prefix="net.") == {"w": 1}
    assert names({"w": A}, prefix="net.") == {"w": 1}


def test_two_tensors_of_one_name_are_refused() -> None:
    with pytest.raises(CheckpointError, match="two tensors named 'w'"):
        find_state({"w": A, "module.w": B})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([A], "it holds a list"),
        ({}, "it holds nothing"),
        ({"generator": {}, "epoch": 3}, r"generator, epoch \(1 of them empty\)"),
    ],
)
def test_where_there_is_none_it_says_what_there_is(content: Any, words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        find_state(content, "ema")


def test_names_that_would_move_a_cursor_are_quoted() -> None:
    assert holds({"a\x1b[2J": 1, "b" * 500: 2}).isprintable()
