"""Files of tensors that belong to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anyres_bench.core.errors import UnsafeCheckpointError
from anyres_bench.core.tensorfiles import TensorFile, read_tensor_file


def read_model_file(path: Path) -> TensorFile:
    """As `read_tensor_file`; a TorchScript program is no model of ours and refused.

    Raises:
        UnsafeCheckpointError: it needs a global that is not harmless, or is a program.
        CheckpointError: it is damaged, compressed, too large, or lies about sizes.
    """
    file = read_tensor_file(path)
    if file.kind == "torchscript":
        raise UnsafeCheckpointError(
            f"{path}: a TorchScript program, not a file of tensors; where you have the code it was "
            "made with, save its state: torch.save(model.state_dict(), ...)"
        )
    return file


def read_torch_file(path: Path) -> Any:
    """The tensors and plain values of a .pt, .pth or .safetensors file, on the CPU.

    Raises:
        UnsafeCheckpointError, CheckpointError: as `read_model_file`.
    """
    return read_model_file(path).content
