"""Which of a Flickr photo's renditions to download.

Two policies: "clean" states the intended rule; "anyres" repeats the choices of the script that made
the AnyRes-GAN lists (ECCV 2022), its blind spots included, for who regenerates exactly those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.registry import nearest

Mode = Literal["LR", "HR"]

_LARGEST = 1 << 31  # what no rendition has
CROPPED = frozenset({"Square", "Large Square"})
# The order in which the original lists tried renditions; X-Large 6K and the small ones are absent.
ANYRES_ORDER = (
    "Original",
    "X-Large 5K",
    "X-Large 4K",
    "X-Large 3K",
    "Large 2048",
    "Large 1600",
    "Large",
    "Medium 800",
    "Medium 640",
    "Medium",
)


@dataclass(frozen=True)
class SizeRule:
    """What is wanted of a photo.

    Attributes:
        mode: "LR" takes the smallest rendition that is large enough, "HR" the largest.
        min_side: least shorter side in pixels, itself allowed.
        max_side: greatest shorter side in pixels, itself allowed; None for no limit (HR only).
    """

    mode: Mode
    min_side: int
    max_side: int | None = None

    def allows(self, shorter: int) -> bool:
        """Whether a shorter side of so many pixels is within the rule."""
        return shorter >= self.min_side and (self.max_side is None or shorter <= self.max_side)

    def text(self) -> str:
        """The rule in words, for messages."""
        most = f" and at most {self.max_side} px" if self.max_side else ""
        return f"a shorter side of {self.min_side} px or more{most}"


@dataclass(frozen=True)
class Rendition:
    """One file that Flickr offers of a photo."""

    label: str
    size: Size
    url: str


def choose_size(
    sizes: Sequence[Mapping[str, Any]], rule: SizeRule, policy: str = "clean"
) -> Rendition | None:
    """Choose a rendition from the `size` list of `flickr.photos.getSizes`.

    Args:
        sizes: entries with label, width, height, source and media, in API order.
        rule: which one is wanted.
        policy: "clean" or "anyres".

    Returns:
        The rendition; None when no size is suitable.

    Raises:
        UsageError: an unknown policy.
        DataError: policy "anyres" meets a size that is not an integer, on which the original
            script stopped; policy "clean" reads such sizes.
    """
    if policy not in _POLICIES:
        raise UsageError(f"unknown size policy {policy!r}; {nearest(policy, _POLICIES)}")
    return _POLICIES[policy](sizes, rule)


def _clean(sizes: Sequence[Mapping[str, Any]], rule: SizeRule) -> Rendition | None:
    fitting = []
    for entry in sizes:
        size = _coerced(entry)
        is_photo = entry.get("media", "photo") == "photo" and entry["label"] not in CROPPED
        if is_photo and size is not None and rule.allows(size.shorter):
            fitting.append(Rendition(entry["label"], size, entry["source"]))
    if rule.mode == "LR":
        return min(fitting, key=lambda r: r.size.shorter, default=None)
    # Between equals the last one wins: Original comes last, and it alone keeps the source's bytes.
    return max(reversed(fitting), key=lambda r: r.size.shorter, default=None)


def _anyres(sizes: Sequence[Mapping[str, Any]], rule: SizeRule) -> Rendition | None:
    if rule.mode == "LR":
        candidates = list(sizes)
    else:
        candidates = [e for label in ANYRES_ORDER for e in sizes if e["label"] == label]
    for entry in candidates:
        width, height = entry.get("width"), entry.get("height")
        if not (isinstance(width, int) and isinstance(height, int)):
            raise DataError(
                f"rendition {entry['label']!r} has the size {width!r} x {height!r}, not integers; "
                "the original script stops here: use policy 'clean', which reads such sizes"
            )
        if rule.allows(min(width, height)):
            return Rendition(entry["label"], Size(height, width), entry["source"])
    return None


def _coerced(entry: Mapping[str, Any]) -> Size | None:
    """Size of an entry whose numbers may be strings; None where they are empty or null."""
    try:
        size = Size(int(entry["height"]), int(entry["width"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return size if size.shorter > 0 and size.longer < _LARGEST else None


_POLICIES: dict[str, Callable[[Sequence[Mapping[str, Any]], SizeRule], Rendition | None]] = {
    "clean": _clean,
    "anyres": _anyres,
}
