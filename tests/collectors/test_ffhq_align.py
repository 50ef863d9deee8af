"""Alignment beyond the golden cases: geometry by hand, native size, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from anyres_bench.collectors.ffhq_align import (
    AlignOptions,
    ShiftSource,
    align,
    face_quad,
    native_options,
)
from anyres_bench.core.errors import DataError
from anyres_bench.core.geometry import Size


def landmarks(centre: tuple[float, float] = (100, 80), eyes: float = 40) -> np.ndarray:
    """A level face: eye centres `eyes` apart, the mouth one eye distance below."""
    points = np.full((68, 2), centre, dtype=float)
    points[36:42] += (-eyes / 2, 0)
    points[42:48] += (eyes / 2, 0)
    points[48:60] += (0, eyes)
    return points


def test_quad_of_a_level_face_by_hand() -> None:
    quad = face_quad(landmarks())
    # max(2.0 * 40, 1.8 * 40) = 80 is half an edge; the centre is a tenth of the way to the mouth.
    assert quad.x.tolist() == [80, 0]
    assert quad.side == 160
    assert quad.centre.tolist() == [100, 84]
    assert quad.corners.tolist() == [[20, 4], [20, 164], [180, 164], [180, 4]]


def test_the_quad_turns_with_the_face() -> None:
    turned = landmarks() @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    assert np.allclose(face_quad(turned).x, [0, 80])
    assert face_quad(turned, rotate_level=False).x.tolist() == [80, 0]


def test_native_alignment_of_a_level_face_is_a_crop() -> None:
    rows, columns = np.mgrid[:240, :260]
    smooth = np.stack([rows, columns // 2 + 60, 255 - rows], -1).clip(0, 255).astype(np.uint8)
    quad = face_quad(landmarks())
    face = np.asarray(align(Image.fromarray(smooth), quad, native_options(quad))).astype(int)
    assert face.shape == (160, 160, 3)
    difference = np.abs(face - smooth[4:164, 20:180])
    assert difference[3:-3, 3:-3].max() <= 1


def test_native_size_is_never_enlarged() -> None:
    options = native_options(face_quad(landmarks(eyes=33.3)))
    assert options.output_size == 133  # floor(4 * 33.3)
    assert not options.allow_shrink
    assert not options.enable_padding


@pytest.mark.parametrize("bad", [np.zeros((67, 2)), np.full((68, 2), np.nan), np.zeros((68, 2))])
def test_no_face_is_a_clear_error(bad: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"landmarks"):
        face_quad(bad)


def test_a_face_outside_the_picture_is_a_clear_error() -> None:
    picture = Image.new("RGB", (50, 50))
    with pytest.raises(DataError, match="outside the picture"):
        align(picture, face_quad(landmarks((500, 500))), AlignOptions(64, 64))


def test_a_shift_that_never_fits_is_given_up() -> None:
    with pytest.raises(DataError, match="skip this image"):
        ShiftSource(1, 0.2, retry=True).next(face_quad(landmarks()), Size(100, 100))
