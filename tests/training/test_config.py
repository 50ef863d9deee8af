"""Configuration: layers, types, and errors that say what to do."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from anyres_bench.core.errors import ConfigError
from anyres_bench.training.config import (
    LoopConfig,
    at_least,
    build,
    merge,
    parse_assignments,
    read_settings,
    to_plain,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    rate: float = 0.5
    name: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    data: tuple[str, ...]
    inner: Inner = Inner()
    loop: LoopConfig = dataclasses.field(default_factory=LoopConfig)
    halve: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        at_least(self, halve=0)


def test_layers() -> None:
    base = {"data": ["a"], "loop": {"batch": 16, "seed": 1}}
    values = merge(base, parse_assignments(["loop.seed=2", "inner.rate=1", "inner.name=x"]))
    config = build(Outer, values)
    assert config.loop.batch == 16
    assert config.loop.seed == 2
    assert config.inner == Inner(rate=1.0, name="x")
    assert isinstance(config.inner.rate, float)
    assert build(Outer, to_plain(config)) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "setting data is missing"),
        ({"data": ["a"], "lop": {}}, "unknown setting lop; did you mean loop"),
        ({"data": ["a"], "loop": {"bach": 1}}, "unknown setting loop.bach; did you mean batch"),
        ({"data": ["a"], "loop": {"batch": "8"}}, "loop.batch is '8'; expected int"),
        ({"data": ["a"], "loop": {"batch": 8.5}}, "loop.batch is 8.5; expected int"),
        ({"data": ["a"], "loop": {"batch": True}}, "loop.batch is True; expected int"),
        ({"data": "a"}, "data is 'a'; expected a list"),
        ({"data": [1]}, r"data\[0\] is 1; expected str"),
        ({"data": ["a"], "inner": 3}, "inner is 3; expected a table"),
        ({"data": ["a"], "loop": {"precision": "bf61"}}, "precision is 'bf61'; did you mean bf16"),
        ({"data": ["a"], "loop": {"batch": 10}}, "no multiple of loop.micro_batch"),
        ({"data": ["a"], "loop": {"ema_kimg": 0}}, "ema_kimg is 0.0; expected more than 0"),
        ({"data": ["a"], "loop": {"keep": 0}}, "keep is 0; expected 1 or more"),
        ({"data": ["a"], "loop": {"total_kimg": float("inf")}}, "total_kimg is inf; .* finite"),
        ({"data": ["a"], "inner": {"rate": float("nan")}}, "inner.rate is nan; .* finite"),
        ({"data": ["a"], "inner": {"rate": 10**400}}, "inner.rate is 1000.*; .* 64 bits"),
        ({"data": ["a"], "loop": {"seed": 2**63}}, "loop.seed is 9223372036854775808; .* 64 bits"),
        ({"data": ["a"], "halve": [2.0, -1.0]}, "halve is .*-1.0.*; expected 0 or more"),
        ({"data": ["a"], "halve": 2}, "halve is 2; expected a list"),
        (["data"], "expected a table"),
    ],
)
def test_errors_name_the_setting(values: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Outer, values)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('data = ["x"]\n[loop]\nbatch = 8\n')
    (tmp_path / "a.json").write_text('{"data": ["x"], "loop": {"batch": 8}}')
    assert read_settings(tmp_path / "a.toml") == read_settings(tmp_path / "a.json")
    (tmp_path / "b.toml").write_text("data = [")
    (tmp_path / "c.json").write_text("[1]")
    (tmp_path / "twice.json").write_text('{"loop": {"batch": 8, "batch": 4}}')
    (tmp_path / "bom.toml").write_text("a = 1", encoding="utf-8-sig")
    assert read_settings(tmp_path / "bom.toml") == {"a": 1}
    for name, message in [
        ("b.toml", "no valid TOML"),
        ("c.json", "expected a table"),
        ("d.json", "cannot read"),
        ("twice.json", "'batch' stands twice"),
        ("e.yaml", "neither"),
    ]:
        with pytest.raises(ConfigError, match=message):
            read_settings(tmp_path / name)


def test_assignment_without_a_value() -> None:
    with pytest.raises(ConfigError, match="not key=value"):
        parse_assignments(["loop.batch"])


def test_the_later_of_two_assignments_counts() -> None:
    assert parse_assignments(["a.b=1", "a.b.c=2"]) == {"a": {"b": {"c": 2}}}
    assert parse_assignments(["a=1", "a.b=2"]) == {"a": {"b": 2}}
    assert parse_assignments(["a.b=2", "a=1"]) == {"a": 1}
    assert parse_assignments(["a=" + "9" * 5000]) == {"a": "9" * 5000}
