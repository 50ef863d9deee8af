"""The state of a run on disk: written whole or not at all, the newest few kept."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.files import atomic_write

_NAME = re.compile(r"state-(\d{9})\.pt")
# What torch.load raises on files that were cut short or overwritten.
_DAMAGE = (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError)


def checkpoint_path(folder: Path, n_images: int) -> Path:
    """Where the state after `n_images` images is kept."""
    return Path(folder) / f"state-{n_images:09d}.pt"


def checkpoints(folder: Path) -> list[Path]:
    """The states in a folder, oldest first."""
    return sorted(path for path in Path(folder).glob("state-*.pt") if _NAME.fullmatch(path.name))


def write_state(folder: Path, n_images: int, state: Mapping[str, Any], keep: int) -> Path:
    """Write a state and drop all but the newest `keep`.

    Args:
        folder: of the run.
        n_images: images seen, which orders the states.
        state: tensors and plain values only; it is read back without executing anything.
        keep: how many states stay.
    """
    path = checkpoint_path(folder, n_images)
    with atomic_write(path) as file:
        torch.save(dict(state), file)
    for old in checkpoints(folder)[:-keep]:
        old.unlink()
    return path


def read_newest_state(folder: Path) -> dict[str, Any] | None:
    """The newest state that can be read; None when the folder holds none.

    A damaged file is passed over for the one before it, so a disk that lied costs a few minutes
    and not the run.

    Raises:
        CheckpointError: there are states, but none can be read.
    """
    paths, reasons = checkpoints(folder), []
    for path in reversed(paths):
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except _DAMAGE as error:
            reasons.append(f"{path.name}: {type(error).__name__}")
            continue
        return state
    if paths:
        raise CheckpointError(f"no checkpoint in {folder} can be read: {'; '.join(reasons)}")
    return None
