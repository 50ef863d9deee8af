"""Model libraries for tests, where they are installed.

They import torchvision, whose published wheels stop with an error beside a torch of another build.
Nothing of torchvision's own operators is needed here, so these get names without a body.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import pytest
import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_library: list[torch.library.Library] = []  # as long as it lives, so do the names


def importable(module: str) -> Any:
    """The library; the test is skipped where it is not installed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        _library.append(torch.library.Library("torchvision", "DEF"))
        for schema in _SCHEMAS:
            _library[0].define(schema)
    return importlib.import_module(module)
