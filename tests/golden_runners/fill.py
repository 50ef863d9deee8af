"""What the runners of baselines share: weights filled by name, inputs, and the comparison."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from tests.golden import Case, Check


def fill(case: Case, entries: list[list[Any]]) -> dict[str, torch.Tensor]:
    """Tensors of `[name, shape, mean, std, kind]`, without those of kind `fixed`."""
    filled = {}
    for name, shape, mean, std, kind in entries:
        if kind == "fixed":
            continue
        key = zlib.crc32((case.meta.get("salt", "") + name).encode())
        normal = np.random.Generator(np.random.PCG64(key)).standard_normal(shape)
        value = mean + std * normal
        if kind not in ("normal", "abs"):
            raise ValueError(f"{name}: unknown kind of fill {kind!r}")
        value = np.abs(value) if kind == "abs" else value
        filled[name] = torch.from_numpy(np.asarray(value, dtype=np.float32))
    return filled


def load(case: Case, network: torch.nn.Module) -> torch.nn.Module:
    """Fill a network by name; its state must have the names and shapes of the file, no others."""
    entries = case.meta["weights"]
    listed = {name: tuple(shape) for name, shape, *_ in entries}
    own = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    if listed != own:
        missing, extra = sorted(set(listed) - set(own)), sorted(set(own) - set(listed))
        other = [name for name in listed if name in own and listed[name] != own[name]]
        raise ValueError(f"names differ: missing {missing}, extra {extra}, other shape {other}")
    network.load_state_dict(network.state_dict() | fill(case, entries), strict=True)
    return network.eval().requires_grad_(False)


def inputs(case: Case) -> dict[str, torch.Tensor]:
    """Arrays `in_<name>` and the inputs that are filled by name."""
    stored = {
        name.removeprefix("in_"): torch.from_numpy(value)
        for name, value in case.arrays.items()
        if name.startswith("in_")
    }
    return stored | fill(case, case.meta.get("inputs_by_name", []))


def outputs(case: Case) -> list[str]:
    """Names of the expected outputs."""
    return [n.removeprefix("out_") for n in case.arrays if n.startswith("out_")]


def compare(
    case: Case, got: Mapping[str, Any], share: Mapping[str, float] = MappingProxyType({})
) -> Iterator[Check]:
    """Every expected output against what was computed; one without a value is an error."""
    tolerance = case.meta["tolerance"]
    unknown = sorted(set(outputs(case)) - set(got))
    if unknown:
        raise ValueError(f"no value was computed for {unknown}")
    for name in outputs(case):
        yield Check(
            name,
            got[name],
            case.arrays[f"out_{name}"],
            atol=tolerance["atol"],
            rtol=tolerance["rtol"],
            share=share.get(name, 0.0),
        )
