"""What a result says of where it was measured."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

from anyres_bench.leaderboard.machine import processor


def machine() -> dict[str, Any]:
    """The processor, what torch uses of it, how busy it is, and the GPU: ask before measuring."""
    card = {"card": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return card | {
        "processor": processor(),
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bf16": torch.ops.mkldnn._is_mkldnn_bf16_supported(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }
