"""The GPU's kernels where there is no GPU: by Triton's interpreter, where Triton is installed.

On a GPU `tests/gpu` runs them compiled.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest
import torch


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="needs Triton")
@pytest.mark.skipif(torch.cuda.is_available(), reason="they run compiled here")
def test_they_are_what_is_written_in_torch() -> None:
    command = [sys.executable, "-m", "tests.reference.interpreted_kernels"]
    ended = subprocess.run(
        command, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
