"""What numbers of a picture mean: gAMA and cHRM of a PNG as a profile, the curves of a profile.

Source: PNG (Third Edition), 11.3.2.1, 11.3.2.2 and 13.13; ICC.1:2010, 7 to 10; primaries to a
white of D50 by Bradford's method (ICC.1:2010, annex E); sRGB's curve is IEC 61966-2-1's.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # white, red, green, blue
_SRGB_GAMMA = 1 / 2.2
# What libpng takes for sRGB: encoders write its numbers with few digits.
_NEAR_CHROMATICITY, _NEAR_GAMMA = 0.01, 0.05
_D50 = (0.9642, 1.0, 0.8249)
_PRIMARIES, _CURVES = (b"rXYZ", b"gXYZ", b"bXYZ"), (b"rTRC", b"gTRC", b"bTRC")
_TABLES = (b"A2B0", b"D2B0")  # of a profile whose curves are not all that there is
_MOST_TAGS = 100
_N_NUMBERS = (1, 3, 4, 5, 7)  # of parametric curves, by their kind
_BLACK = 1e-4  # light of the least sample; what is brighter is moved to black with the colours
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
    curve = struct.pack(">4s4xHHi", b"para", 0, 0, _fixed(1 / gamma))
    return _profile(_to_d50(xy), curve)


@dataclass(frozen=True)
class Recoding:
    """16-bit samples of a profile as 8-bit ones of sRGB's curve, to be rounded once.

    Attributes:
        levels: (1 or 3, 65536) uint8, of a sample of grey, or of red, green and blue.
        profile: of the 8-bit samples, with the colours of the one before; None for sRGB.
    """

    levels: NDArray[np.uint8]
    profile: bytes | None


@functools.lru_cache(maxsize=8)
def recoding(profile: bytes) -> Recoding | None:
    """How 16-bit samples of a profile are brought to 8 bits; None where it has more than curves.

    Light in 8 bits has 13 levels of sRGB between black and the next, so the curve comes first.
    """
    tags = _tags(profile)
    kind = profile[16:20]
    names = {b"RGB ": _CURVES, b"GRAY": (b"kTRC",)}.get(kind, ())
    found = [_light(tags.get(name, b"")) for name in names]
    lights = [light for light in found if light is not None and light[0] <= _BLACK]
    if not names or len(lights) < len(names) or any(name in tags for name in _TABLES):
        return None
    levels = np.array([_encoded(light) for light in lights])
    if kind == b"GRAY":
        return Recoding(levels, None)
    colours = [tags.get(name, b"") for name in _PRIMARIES]
    if any(len(colour) < 20 for colour in colours):
        return None
    xyz = [np.array(struct.unpack_from(">3i", colour, 8)) / 65536 for colour in colours]
    return Recoding(levels, _profile(np.array(xyz), _srgb_curve()))


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """The tags of a profile that lie inside it."""
    if len(profile) < 132:
        return {}
    [n] = struct.unpack_from(">I", profile, 128)
    entries = [profile[at : at + 12] for at in range(132, 132 + 12 * min(n, _MOST_TAGS), 12)]
    tags = {}
    for entry in entries:
        if len(entry) == 12:
            name, place, size = struct.unpack(">4sII", entry)
            tags[name] = profile[place : place + size]
    return tags


def _light(curve: bytes) -> NDArray[np.float64] | None:
    """Light, 0 to 1, of the 65,536 samples of 16 bits; None where that is not told."""
    x = np.linspace(0, 1, 1 << 16)
    if curve[:4] == b"curv" and len(curve) >= 12:
        [n] = struct.unpack_from(">I", curve, 8)
        table = np.frombuffer(curve, ">u2", min(n, (len(curve) - 12) // 2), 12)
        if len(table) < n:
            return None
        if n < 2:
            return np.asarray(x ** (table[0] / 256 if n else 1))
        return np.asarray(np.interp(x, np.linspace(0, 1, n), table / 65535))
    if curve[:4] == b"para" and len(curve) >= 12:
        [kind] = struct.unpack_from(">H", curve, 8)
        n = _N_NUMBERS[kind] if kind < len(_N_NUMBERS) else 0
        if n and len(curve) >= 12 + 4 * n:
            return _parametric(x, kind, *np.frombuffer(curve, ">i4", n, 12) / 65536)
    return None


def _parametric(
    x: NDArray[np.float64], kind: int, g: float, a: float = 1, b: float = 0, *others: float
) -> NDArray[np.float64] | None:
    """ICC.1:2010, table 65: a power above a point, a line below it."""
    c, d, e, f = 0.0, -b / a if a else 0.0, 0.0, 0.0
    if kind == 2:
        e = f = others[0]
    elif kind > 2:
        c, d, e, f = (*others, 0.0, 0.0)[:4]
    with np.errstate(all="ignore"):
        light = np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)
    return np.clip(light, 0, 1) if np.isfinite(light).all() else None


def _encoded(light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """8-bit sRGB of light."""
    curved = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return (255 * np.where(light <= 0.0031308, 12.92 * light, curved) + 0.5).astype(np.uint8)


def _srgb_curve() -> bytes:
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return struct.pack(">4s4xHH5i", b"para", 3, 0, *map(_fixed, numbers))


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


def _profile(colours: NDArray[np.float64], curve: bytes) -> bytes:
    """A display profile of three primaries under D50 and one curve."""
    tags = {b"wtpt": _xyz(_D50)}
    tags |= {name: _xyz(row) for name, row in zip(_PRIMARIES, colours, strict=True)}
    tags |= dict.fromkeys(_CURVES, curve)
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
