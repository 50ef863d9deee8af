"""What an earlier stage left, for the next one to start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from anyres_bench.core.errors import CheckpointError
from anyres_bench.models.checkpoint import ABOUT, Checkpoint, read_checkpoint
from anyres_bench.training.checkpoints import read_newest_state
from anyres_bench.training.run_folder import exports


def read_warm_start(folder: Path) -> tuple[Checkpoint, Mapping[str, Mapping[str, Tensor]]]:
    """The averaged network of a run or checkpoint, and the state of a run's networks by name.

    Args:
        folder: of a run, or a checkpoint of ours, which holds no other networks.

    Raises:
        CheckpointError: there is neither.
    """
    if (folder / ABOUT).is_file():
        return read_checkpoint(folder), {}
    state = read_newest_state(folder)
    kept = exports(folder)
    if state is None or not kept:
        raise CheckpointError(
            f"{folder} holds neither a checkpoint nor a run; train stage 1 first, or name its "
            "folder in model.teacher"
        )
    networks = state.get("networks")
    if not isinstance(networks, dict):
        raise CheckpointError(f"the newest state in {folder} holds no networks; it is of no run")
    return read_checkpoint(kept[-1]), networks
