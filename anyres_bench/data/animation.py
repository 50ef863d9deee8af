"""Animations: WebP by Pillow, mp4 by PyAV where it is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import UsageError
from anyres_bench.core.seals import sealed_write

if TYPE_CHECKING:
    from PIL import Image

_SIDES = {".webp": (1, 16383), ".mp4": (2, 16384)}  # px, of WebP and of x264


def write_animation(path: Path, frames: Iterable[NDArray[np.uint8]], fps: int, by: str) -> None:
    """Write frames as an animation that loops; the file appears whole or not at all.

    Args:
        path: ends in .webp (lossy, quality 90) or .mp4 (H.264).
        frames: (h, w, 3) uint8 arrays of one size; mp4 cuts odd sizes by one pixel.
        fps: frames per second, 1 to 1000: WebP counts milliseconds.
        by: the command that writes; only what it has written is replaced.

    Raises:
        UsageError: another file type, no such frame rate, sides that the type has no room for, mp4
            without PyAV, or there is a file that `by` has not written.
    """
    writers = {".webp": _write_webp, ".mp4": _write_mp4}
    writer = writers.get(Path(path).suffix)
    if writer is None or not 1 <= fps <= 1000:
        raise UsageError(
            f"cannot write {path} at {fps} frames a second; use .webp or .mp4, 1 to 1000"
        )
    writer(path, _fitting(path, frames), fps, by)


def _fitting(path: Path, frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """The frames; one that the file has no room for is told when it comes, the first before any."""
    least, most = _SIDES[Path(path).suffix]
    for frame in frames:
        height, width, _ = frame.shape
        if min(height, width) < least or max(height, width) > most:
            raise UsageError(
                f"{path}: frames of {height}x{width} px; expected sides of {least} to {most} px"
            )
        yield frame


def _write_webp(path: Path, frames: Iterable[NDArray[np.uint8]], fps: int, by: str) -> None:
    from PIL import Image

    pictures: list[Image.Image] = [Image.fromarray(frame) for frame in frames]
    with sealed_write(path, by) as file:
        pictures[0].save(
            file,
            "WEBP",
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 / fps),
            loop=0,
            quality=90,
        )


def _write_mp4(path: Path, frames: Iterable[NDArray[np.uint8]], fps: int, by: str) -> None:
    try:
        import av
    except ImportError:
        raise UsageError(
            "writing mp4 needs PyAV: pip install 'anyres-bench[video]', or use --video webp"
        ) from None
    with sealed_write(path, by) as file, av.open(file, "w", format="mp4") as container:
        stream: Any = None
        for frame in frames:
            even = frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]
            if stream is None:
                stream = container.add_stream("libx264", rate=fps)
                stream.height, stream.width = even.shape[:2]
                stream.pix_fmt = "yuv420p"
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode())
