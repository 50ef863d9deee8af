"""Budgets: what reading one untrusted file may cost, whatever the file says of itself.

A file announces counts, sizes and lengths; none of them is believed. What is read of it is paid
for from one budget, which all readers of that file share: numbers of the tensors from the size of
the file, text and steps from fixed amounts, and the processor's time. Nothing is allocated before
it was paid.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from anyres_bench.core.errors import CheckpointError

MAX_FILE_BYTES = 8 << 30
MAX_TABLE_BYTES = 16 << 20
"""Of a zip's table of contents, or of the header of a safetensors file."""
MAX_JSON_BYTES = 1 << 20
"""Of the JSON beside the weights: a million bytes make about 30 MB of Python objects."""
_SECONDS = 120.0
_SECONDS_PER_BYTE = 1e-7  # a hundredth of what hashing, checking and copying need on a slow machine
_CLOCK_EVERY = 256  # steps between two looks at the clock


@dataclass
class Budget:
    """What one file may still ask for.

    Attributes:
        tensor_bytes: bytes of all tensors; each is in the file, so the file's size is enough.
        repeated_bytes: besides, of expanded tensors, which show a number more than once.
        steps: pickle opcodes, entries of archives and visited modules; a full official snapshot
            needs about 60,000. A step makes an object of some 100 bytes at most.
        text_bytes: UTF-8 bytes of all strings; most are the sources that such files embed.
        seconds: of the processor, for this thread; begins with 2 minutes and 0.1 s per megabyte.
    """

    tensor_bytes: int
    repeated_bytes: int = 64 << 20
    steps: int = 500_000
    text_bytes: int = 16 << 20
    seconds: float = 0.0
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self.seconds = self.seconds or _SECONDS + _SECONDS_PER_BYTE * self.tensor_bytes
        self._end = time.thread_time() + self.seconds

    def spend(self, kind: str, n: int) -> None:
        """Take `n` of a kind.

        Raises:
            CheckpointError: there is not enough left, or the time is over.
        """
        before = getattr(self, kind)
        left = before - n
        if left < 0:
            raise CheckpointError(
                f"the checkpoint needs {-left} {kind.replace('_', ' ')} more than an honest file "
                "of its size may; it is refused: get it again from its source"
            )
        setattr(self, kind, left)
        if left // _CLOCK_EVERY != before // _CLOCK_EVERY and time.thread_time() > self._end:
            raise CheckpointError(
                f"reading the checkpoint takes more than {self.seconds:.0f} s of the processor, "
                "more than an honest file of its size may; it is refused"
            )
