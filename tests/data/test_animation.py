"""Animations show their frames at their rate, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from anyres_bench.core.errors import UsageError
from anyres_bench.data.animation import write_animation

FRAMES = [np.full((20, 31, 3), level, np.uint8) for level in (10, 120, 240)]
BY = "anyres-bench generate"


def test_a_webp_holds_all_frames_and_loops(tmp_path: Path) -> None:
    path = tmp_path / "zoom.webp"
    write_animation(path, FRAMES, 4, BY)
    with Image.open(path) as image:
        assert (image.size, image.info["loop"]) == ((31, 20), 0)
        levels, durations = [], []
        for frame in ImageSequence.Iterator(image):
            levels.append(int(np.asarray(frame.convert("RGB")).mean()))
            durations.append(image.info["duration"])
    np.testing.assert_allclose(levels, [10, 120, 240], atol=3)
    assert durations == [250] * 3


def test_an_mp4_holds_all_frames_cut_to_even_sides(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "zoom.mp4"
    write_animation(path, FRAMES, 4, BY)
    with av.open(path) as container:
        [stream] = container.streams.video
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert stream.average_rate == 4
    assert [frame.shape for frame in frames] == [(20, 30, 3)] * 3
    np.testing.assert_allclose([frame.mean() for frame in frames], [10, 120, 240], atol=5)


@pytest.mark.parametrize(
    ("name", "fps"), [("a.gif", 4), ("a", 4), ("a.webp", 0), ("a.webp", 1001), ("a.mp4", -1)]
)
def test_other_files_and_no_rate_are_refused(tmp_path: Path, name: str, fps: int) -> None:
    with pytest.raises(UsageError, match=r"use \.webp or \.mp4"):
        write_animation(tmp_path / name, FRAMES, fps, BY)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "size"), [("a.webp", (1, 16384)), ("a.mp4", (1, 8))])
def test_sides_that_a_file_has_no_room_for_are_told(
    tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    if name.endswith("mp4"):
        pytest.importorskip("av")
    with pytest.raises(UsageError, match="expected sides of"):
        write_animation(tmp_path / name, [np.zeros((*size, 3), np.uint8)], 4, BY)
    assert not list(tmp_path.iterdir())


def test_only_what_the_same_command_wrote_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    path.write_bytes(b"somebody's")
    with pytest.raises(UsageError):
        write_animation(path, FRAMES, 4, BY)
    assert path.read_bytes() == b"somebody's"
    path.unlink()
    write_animation(path, FRAMES, 4, BY)
    first = path.read_bytes()
    write_animation(path, FRAMES[:2], 4, BY)
    assert path.read_bytes() != first
