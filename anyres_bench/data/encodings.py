"""What a PNG without a colour profile says of its numbers: gAMA and cHRM, as a profile.

Source: PNG (Third Edition), 11.3.2.1, 11.3.2.2 and 13.13; ICC.1:2010, 7 to 10; primaries to a
white of D50 by Bradford's method (ICC.1:2010, annex E).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # white, red, green, blue
_SRGB_GAMMA = 1 / 2.2
# What libpng takes for sRGB: encoders write its numbers with few digits.
_NEAR_CHROMATICITY, _NEAR_GAMMA = 0.01, 0.05
_D50 = (0.9642, 1.0, 0.8249)
_PRIMARIES = (b"rXYZ", b"gXYZ", b"bXYZ")
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def stated_profile(info: Mapping[Any, Any]) -> bytes | None:
    """The ICC profile that a PNG's gAMA and cHRM chunks amount to; None where that is sRGB.

    Args:
        info: Pillow's, of an opened PNG without an ICC profile: `gamma` (of encoding, such as
            0.45455), `chromaticity` (x and y of white, red, green and blue), `srgb`.
    """
    gamma, chromaticity = info.get("gamma") or 0.0, info.get("chromaticity")
    if "srgb" in info or gamma <= 0:
        return None  # primaries alone are passed over, as by browsers: their curve is not known
    xy = np.asarray(_SRGB if chromaticity is None else chromaticity, float).reshape(4, 2)
    xy = xy if _spans(xy) else np.asarray(_SRGB).reshape(4, 2)
    is_near = np.allclose(xy.ravel(), _SRGB, rtol=0, atol=_NEAR_CHROMATICITY)
    if is_near and abs(gamma / _SRGB_GAMMA - 1) < _NEAR_GAMMA:
        return None
    return _profile(_to_d50(xy), 1 / gamma)


def _spans(xy: NDArray[np.float64]) -> bool:
    """Whether chromaticities are of a white and three colours that can be mixed."""
    return bool((xy[:, 1] > 0).all()) and abs(np.linalg.det(_xyz_of(xy)[1:])) > 1e-6


def _xyz_of(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 3): X, Y, Z of white, red, green and blue at Y = 1, a row each."""
    return np.column_stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])


def _to_d50(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3): X, Y, Z of red, green and blue under D50, a row each."""
    white, primaries = np.split(_xyz_of(xy), [1])
    scaled = primaries * np.linalg.solve(primaries.T, white[0])[:, None]
    cones = np.maximum(_BRADFORD @ white[0], 1e-6)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / cones) @ _BRADFORD
    return np.asarray(scaled @ adapt.T)


def _profile(colours: NDArray[np.float64], exponent: float) -> bytes:
    """A display profile of three primaries and one power curve."""
    curve = b"para" + bytes(4) + struct.pack(">HHi", 0, 0, _fixed(exponent))
    tags = {b"wtpt": _xyz(_D50)}
    tags |= {name: _xyz(row) for name, row in zip(_PRIMARIES, colours, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    place, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data
    head = struct.pack(">I4xI4s4s4s12x4s28x", place + len(body), 0x04200000, b"mntr", b"RGB ",
                       b"XYZ ", b"acsp") + _xyz(_D50)[8:]  # fmt: skip
    return head.ljust(128, b"\0") + table + body


def _xyz(values: Sequence[float] | NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *map(_fixed, values))


def _fixed(value: float) -> int:
    """ICC's s15Fixed16Number."""
    return max(-(1 << 31), min(round(value * 65536), (1 << 31) - 1))
