"""The folder of a run: a line a tick, a log, pictures, exported models."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import re
import resource
import shutil
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from anyres_bench.core import distributed
from anyres_bench.core.errors import UsageError
from anyres_bench.core.files import atomic_write, replaced_folder, write_json
from anyres_bench.models.checkpoint import Checkpoint, write_checkpoint
from anyres_bench.training.charts import LOG, draw, read_entries
from anyres_bench.training.config import LoopConfig

CURVE, BEST, SETTINGS = "evaluation.json", "best", "settings.json"
_EXPORT = re.compile(r"ema-\d{9}")
_DRAW_SHARE = 50  # times as long as a drawing took passes before the next one


def exports(folder: Path) -> list[Path]:
    """The checkpoint folders that a run has written and not dropped, oldest first."""
    return sorted(path for path in folder.glob("ema-*") if _EXPORT.fullmatch(path.name))


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder while this one is at work in it, where the disk gives locks.

    Raises:
        UsageError: another run is at work there.
    """
    if not distributed.is_main():
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    _locked.add(descriptor)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        _locked.remove(descriptor)
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"another training is at work in {folder}; let it end, or train into another folder"
        ) from error
    except OSError:  # this disk gives none
        pass


def _leave_locks() -> None:
    for descriptor in _locked:
        os.close(descriptor)


# A run that is killed leaves its workers behind for some seconds, which would hold its lock.
_locked: set[int] = set()
os.register_at_fork(after_in_child=_leave_locks)


def check_folder(folder: Path, is_resumed: bool) -> None:
    """Refuse to train where a run would replace what it has not written, or what cannot go on.

    Raises:
        UsageError: there are files and no run, or a run whose states are gone.
    """
    if is_resumed or not folder.exists():
        return
    found = sorted(path.name for path in folder.iterdir() if not path.name.endswith(".tmp"))
    if found and SETTINGS not in found:
        raise UsageError(
            f"{folder} holds {', '.join(found[:3])} and no run; train into a folder of its own"
        )
    if kept := exports(folder):
        raise UsageError(
            f"{folder} holds a run of which {kept[-1].name} is left, but no state to go on from, "
            "and starting anew would replace it; train into another folder"
        )


@dataclass(frozen=True)
class Due:
    """What a step asks for."""

    tick: bool
    samples: bool
    evaluation: bool
    checkpoint: bool


class RunFolder:
    """The folder of a run.

    log.jsonl holds one object a tick or evaluation, log.csv the same as a table, evaluation.json
    the evaluations alone, curves.png both as a picture, samples/ pictures by images seen, ema-* the
    averaged network as a checkpoint folder (the newest `keep`), best/ the best one by evaluation.
    """

    def __init__(self, folder: Path, config: LoopConfig) -> None:
        self.folder = Path(folder)
        self.config = config
        self._started = time.perf_counter()
        self._seconds_before = 0.0
        self._tick_started = self._started
        self._tick_step = 0
        self._waited = 0.0
        self._drawn, self._drawing_s, self._undrawn = self._started, 1.0, False
        self._board: Any = None

    def due(self, step: int, last: bool) -> Due:
        """What is due after `step` steps; everything is, after the last one."""

        def passed(n_ticks: int) -> bool:
            n_images = n_ticks * self.config.kimg_per_tick * 1000
            now, before = step * self.config.batch, (step - 1) * self.config.batch
            return n_ticks > 0 and (last or now // n_images > before // n_images)

        config = self.config
        return Due(
            passed(1),
            passed(config.sample_ticks),
            passed(config.evaluate_ticks),
            passed(config.checkpoint_ticks),
        )

    def waited(self, seconds: float) -> None:
        """Count time that was spent waiting for data."""
        self._waited += seconds

    def tick(self, step: int, scores: Mapping[str, float]) -> str:
        """Log the scores since the last tick; returns the line to print."""
        now = time.perf_counter()
        seconds = max(now - self._tick_started, 1e-9)
        n_steps = step - self._tick_step
        n_images = step * self.config.batch
        figures = {
            "images": n_images,
            "seconds": self._seconds(),
            "images_per_second": n_steps * self.config.batch / seconds,
            "waiting_for_data": self._waited / seconds,
            "memory_gib": _memory_gib(),
        }
        self._log({"kind": "tick", **figures, "scores": dict(scores)}, n_images)
        self._tick_started, self._tick_step, self._waited = now, step, 0.0
        shown = "  ".join(f"{name} {value:.4g}" for name, value in scores.items())
        left = (self.config.total_kimg * 1000 - n_images) / max(figures["images_per_second"], 1e-9)
        return (
            f"kimg {n_images / 1000:<8.1f} time {figures['seconds']:<7.0f} "
            f"left {time_left(left):<8} "
            f"img/s {figures['images_per_second']:<6.1f} data {figures['waiting_for_data']:<4.0%} "
            f"GiB {figures['memory_gib']:<5.2f} {shown}"
        )

    def evaluation(self, n_images: int, task: str, values: Mapping[str, float]) -> str:
        """Log an evaluation; returns the line to print. Its time is not counted against the tick's.

        evaluation.json holds all of them: {"points": [{"images", "seconds", "task", "scores"}]}.
        """
        figures = {"images": n_images, "seconds": self._seconds(), "task": task}
        self._log({"kind": "evaluation", **figures, "scores": dict(values)}, n_images)
        if distributed.is_main():
            found = [
                entry
                for entry in read_entries(self.folder / LOG)
                if entry.pop("kind") == "evaluation"
            ]
            write_json(self.folder / CURVE, {"points": found})
        self._tick_started, self._waited = time.perf_counter(), 0.0
        shown = "  ".join(f"{name} {value:.6g}" for name, value in values.items())
        return f"kimg {n_images / 1000:<8.1f} {shown}  {task}"

    def samples(self, n_images: int, pictures: Iterable[tuple[str, NDArray[np.uint8]]]) -> None:
        """Write named pictures as samples/NAME-IMAGES.png."""
        for name, pixels in pictures:
            if distributed.is_main():
                path = self.folder / "samples" / f"{name}-{n_images:09d}.png"
                with atomic_write(path) as file:
                    Image.fromarray(pixels).save(file, "PNG")

    def export(self, n_images: int, checkpoint: Checkpoint, is_best: bool) -> None:
        """Write the averaged model; the newest few stay, and the best one."""
        path = self.folder / f"ema-{n_images:09d}"
        if path.exists():
            shutil.rmtree(path)
        write_checkpoint(path, checkpoint)
        if is_best:
            with replaced_folder(self.folder / BEST) as best:
                shutil.copytree(path, best, dirs_exist_ok=True)
        if time.perf_counter() - self._drawn > _DRAW_SHARE * self._drawing_s:
            self._draw()
        for old in exports(self.folder)[: -self.config.keep]:
            shutil.rmtree(old)

    def start(self, settings: Mapping[str, Any], n_images: int) -> None:
        """Write the configuration; drop what a stopped run logged after its last checkpoint."""
        self._tick_step = n_images // self.config.batch
        if not distributed.is_main():
            return
        write_json(self.folder / SETTINGS, dict(settings))
        kept = [entry for entry in read_entries(self.folder / LOG) if entry["images"] <= n_images]
        self._seconds_before = kept[-1].get("seconds", 0.0) if kept else 0.0
        with atomic_write(self.folder / LOG, "w") as file:
            file.writelines(json.dumps(entry) + "\n" for entry in kept)
        self._board = _tensorboard(self.folder, n_images)

    def close(self) -> None:
        """Finish the logs, and draw what was logged."""
        if self._board is not None:
            self._board.close()
        if self._undrawn:
            self._draw()

    def _draw(self) -> None:
        """Draw curves.png where that is wanted, and note how long it takes."""
        began = time.perf_counter()
        if self.config.charts:
            draw(self.folder)
        self._drawn, self._undrawn = time.perf_counter(), False
        self._drawing_s = self._drawn - began

    def _seconds(self) -> float:
        """Time of the run up to now, that of its earlier parts included."""
        return self._seconds_before + time.perf_counter() - self._started

    def _log(self, entry: dict[str, Any], n_images: int) -> None:
        if not distributed.is_main():
            return
        self._undrawn = True
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / LOG, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        if self._board is not None:
            for name, value in entry["scores"].items():
                self._board.add_scalar(f"{entry['kind']}/{name}", value, n_images)


class StopRequest:
    """Whether somebody asked the run to stop; asked again, it stops at once."""

    def __init__(self) -> None:
        self.seen = False
        self.before: dict[int, Any] = {}

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.seen:
            self.seen = True
        elif callable(before := self.before.get(number)):
            before(number, frame)  # who knows where it may be raised
        else:
            raise KeyboardInterrupt

    def agreed(self) -> bool:
        """Whether any process was asked; the same answer on all of them."""
        return any(distributed.gather(self.seen))


@contextlib.contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turn Ctrl-C and SIGTERM into a request that is met after the current step."""
    request = StopRequest()
    for number in (signal.SIGINT, signal.SIGTERM):
        request.before[number] = signal.signal(number, request)
    try:
        yield request
    finally:
        for handled, before in request.before.items():
            signal.signal(handled, before)


def time_left(seconds: float) -> str:
    """How long a run still takes, in two units.

    >>> time_left(42), time_left(3700), time_left(200_000), time_left(-1)
    ('0min 42s', '1h 1min', '2d 7h', '0min 0s')
    """
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return f"{days}d {hours_left}h"
    return f"{hours}h {minutes_left}min" if hours else f"{minutes}min {rest}s"


def _memory_gib() -> float:
    """Peak memory of this process: of the GPU where there is one, else resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _tensorboard(folder: Path, n_images: int) -> Any:
    """A TensorBoard writer where the package is installed; log.jsonl holds the same."""
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=n_images + 1 if n_images else None)
