"""The state of a run on disk: written whole or not at all, the newest few kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import torch

from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.files import atomic_write
from anyres_bench.core.reporting import say
from anyres_bench.core.tensorfiles import read_tensor_file

_NAME = re.compile(r"state-(\d{9})\.pt")


def checkpoint_path(folder: Path, n_images: int) -> Path:
    """Where the state after `n_images` images is kept."""
    return Path(folder) / f"state-{n_images:09d}.pt"


def checkpoints(folder: Path) -> list[Path]:
    """The states in a folder, oldest first."""
    return sorted(path for path in Path(folder).glob("state-*.pt") if _NAME.fullmatch(path.name))


def write_state(
    folder: Path,
    n_images: int,
    state: Mapping[str, Any],
    keep: int,
    beside: Callable[[], None] = lambda: None,
) -> Path:
    """Write a state and drop all but the newest `keep`.

    Args:
        folder: of the run.
        n_images: images seen, which orders the states.
        state: tensors and plain values only; it is read back without executing anything.
        keep: how many states stay.
        beside: writes what belongs to the state, once that is on the disk and before it has its
            name: neither is there without the other, whichever the disk has no room for.
    """
    path = checkpoint_path(folder, n_images)
    with atomic_write(path) as file:
        _save(dict(state), file)
        file.flush()
        beside()
    for old in checkpoints(folder)[:-keep]:
        old.unlink()
    return path


def _save(state: dict[str, Any], file: IO[bytes]) -> None:
    """Write a state; what the disk said, where torch then fails to close its archive."""
    try:
        torch.save(state, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise


def read_newest_state(folder: Path) -> dict[str, Any] | None:
    """The newest state that can be read; None when the folder holds none.

    A damaged file is said and passed over for the one before it, so a disk that lied costs a few
    minutes and not the run. Every byte is held against the file's checksums, as torch's own reader
    does not do, and nothing that a stranger's state says of itself is believed.

    Raises:
        CheckpointError: there are states, but none can be read.
    """
    paths, reasons = checkpoints(folder), list[str]()
    for path in reversed(paths):
        try:
            content = read_tensor_file(path).content
            if not isinstance(content, dict):
                raise CheckpointError(f"{path} holds no state of a run")
        except CheckpointError as error:
            reasons.append(str(error))
            continue
        for reason in reasons:
            say(f"passed over: {reason}")
        state: dict[str, Any] = content
        return state
    if paths:
        raise CheckpointError(f"no checkpoint in {folder} can be read: {'; '.join(reasons)}")
    return None
