"""The state of a network is found under the names that trainings save it under."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.states import find_state, holds, misfits

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


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": {"w": A}, "state_dict_ema": {"w": B}},
        {"model": {"w": A}, "modelEMA": {"w": B}},
        {"g": {"w": A}, "g_ema": {"w": B}, "d_ema": {"d": A}, "ema_decay": 0.99},
        {"net": {"w": A}, "ema": {"module": {"w": B}, "updates": 3}},
        {"w": A, "ema": {"shadow": {"w": B}, "decay": 0.99}},
        {"model": {"net": {"w": A}, "ema_net": {"w": B}}},
    ],
)
def test_averaged_weights_come_before_those_beside_them(content: Any) -> None:
    assert names(content, "g") == {"w": 2}


@pytest.mark.parametrize(
    ("ema", "words"),
    [
        ({"ema": {"shadow_params": [B], "decay": 0.99}}, "an average under 'ema'.*shadow_params"),
        (
            {"ema_0.99": {"w": B}, "ema_0.999": {"w": A}},
            "several averages, 'ema_0.99', 'ema_",
        ),
    ],
)
def test_an_average_that_cannot_be_told_is_not_passed_over(ema: Any, words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        find_state({"model": {"w": A}} | ema, "g_ema")
    assert names({"g_ema": {"w": B}} | ema, "g_ema") == {"w": 2}


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


@pytest.mark.parametrize("beside", ["model", "teacher", "weights"])
def test_two_networks_of_the_same_names_are_not_chosen_from(beside: str) -> None:
    content = {"state_dict": STATE, beside: {name: item + 1 for name, item in STATE.items()}}
    with pytest.raises(CheckpointError, match=f"several networks.*'state_dict' and '{beside}'"):
        find_state(content)
    assert names(content, beside) == {"head.weight": 1, "head.bias": 2}
    same = {name: item.clone() for name, item in STATE.items()}
    assert names(content | {beside: same}) == {"head.weight": 1, "head.bias": 2}
    assert names({"model": STATE, "discriminator": {"d": A}}) == {"head.weight": 1, "head.bias": 2}


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.tensor([1.0, float("nan")]), "'w' holds NaN or infinity"),
        (torch.tensor([1.0, float("inf")], dtype=torch.float16), "'w' holds NaN or infinity"),
        (torch.tensor([float("nan")]).to(torch.float8_e5m2), "'w' holds NaN or infinity"),
        (torch.zeros(2, dtype=torch.complex64), "'w' is of complex numbers"),
    ],
)
def test_numbers_that_no_trained_network_has(tensor: torch.Tensor, words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        find_state({"w": tensor})
    mask = torch.full((2,), -torch.inf)
    assert names({"mask": mask, "n": torch.tensor([7])}) == {"mask": 2, "n": 1}


def test_kinds_and_shapes_that_do_not_fit_are_said() -> None:
    wanted = {"w": torch.zeros(2, 3), "n": torch.zeros(4, dtype=torch.int64), "other": A}
    assert misfits(wanted, {"w": torch.zeros(2, 3, dtype=torch.bfloat16), "n": wanted["n"]}) == []
    quantised = {"w": torch.zeros(2, 3, dtype=torch.int8), "n": torch.zeros(4)}
    assert misfits(wanted, quantised) == [
        "w: (2, 3) int8 in the file, (2, 3) floats in the network",
        "n: (4,) floats in the file, (4,) int64 in the network",
    ]
    assert misfits(wanted, {"w": torch.zeros(9)}, any_shape=True) == []
    assert len(misfits(wanted, quantised, any_shape=True)) == 2
