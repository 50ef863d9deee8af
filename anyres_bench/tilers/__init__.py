"""Native-resolution tilers of vision-language models: how an image of any size becomes tokens.

A tiler takes (height, width) to a `Plan`, and everything else follows from the plan alone:

    tiler = load("internvl")                   # or "internvl:max_tiles=6,tile=336"
    plan = tiler.plan(Size(1080, 1920))        # canvas, resized size, padding, regions, tokens, why
    pictures = pixels.cut(plan, image)         # what the encoder sees, in its order
    coordinates.token_boxes(plan)              # where each token lies in the image, and back
    stitching.sequence(plan, features)         # encoder features in the language model's order
    tiler.listing(heights, widths)             # the same numbers for a million sizes at once

`plan` says what a tiler is; `TILERS` names them. Nothing here needs weights, and nothing but the
torch modules `vitar` and `navit` needs torch.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from typing import Any

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.core.registry import Registry, nearest
from anyres_bench.data.pixels import Pixels
from anyres_bench.tilers.plan import ContentTiler, Plan, Tiler

TILERS = Registry(
    "tiler",
    {
        "fastvlm": "anyres_bench.tilers.fixed:FASTVLM",
        "idefics3": "anyres_bench.tilers.idefics:IDEFICS3",
        "internvl": "anyres_bench.tilers.internvl:INTERNVL",
        "llava-next": "anyres_bench.tilers.llava:LLAVA_NEXT",
        "llava-next-hf": "anyres_bench.tilers.llava:LLAVA_NEXT_HF",
        "llava-next-hf4.45": "anyres_bench.tilers.llava:LLAVA_NEXT_HF445",
        "llava-onevision": "anyres_bench.tilers.llava:LLAVA_ONEVISION",
        "llava-onevision-hf": "anyres_bench.tilers.llava:LLAVA_ONEVISION_HF",
        "navit": "anyres_bench.tilers.native:NAVIT",
        "pixtral": "anyres_bench.tilers.native:PIXTRAL",
        "pixtral-4.49": "anyres_bench.tilers.native:PIXTRAL_449",
        "qwen2-vl": "anyres_bench.tilers.qwen:QWEN2_VL",
        "qwen2-vl-4.49": "anyres_bench.tilers.qwen:QWEN2_VL_449",
        "qwen2-vl-utils": "anyres_bench.tilers.qwen:QWEN2_VL_UTILS",
        "qwen2.5-vl": "anyres_bench.tilers.qwen:QWEN25_VL",
        "qwen3-vl": "anyres_bench.tilers.qwen:QWEN3_VL",
        "qwen3-vl-utils": "anyres_bench.tilers.qwen:QWEN3_VL_UTILS",
        "seed": "anyres_bench.tilers.seed:SEED",
        "seed-content": "anyres_bench.tilers.content:SEED_CONTENT",
        "siglip2-naflex": "anyres_bench.tilers.native:NAFLEX",
        "smolvlm": "anyres_bench.tilers.idefics:SMOLVLM",
        "vitar": "anyres_bench.tilers.fixed:VITAR",
    },
    entry_points="anyres_bench.tilers",
)


def load(spec: str) -> Tiler:
    """The tiler `NAME` or `NAME:option=value,option=value`.

    Raises:
        UnknownNameError: no tiler has this name.
        ConfigError: it has no such option, the value is not of the option's type, or one is named
            twice.

    >>> load("internvl:max_tiles=6").name
    'internvl:max_tiles=6'
    """
    name, _, options = spec.partition(":")
    tiler = TILERS.get(name)
    pairs = [_option(tiler, pair) for pair in options.split(",") if pair]
    changes = dict(pairs)
    if len(changes) < len(pairs):
        raise ConfigError(f"{spec} names an option twice; leave one out")
    changed: Tiler = dataclasses.replace(tiler, name=spec, **changes) if changes else tiler
    return changed


def listed() -> str:
    """Every tiler with its options, a line each."""
    lines = []
    for name in TILERS:
        tiler: Any = load(name)
        options = {key: value for key, value in dataclasses.asdict(tiler).items() if key != "name"}
        shown = [f"{k}={v}" for k, v in options.items() if not isinstance(v, tuple)]
        lines.append(f"{name:20} {' '.join(shown)}")
    return "\n".join(lines)


def plan_image(tiler: Tiler, pixels: Pixels) -> Plan:
    """The plan of an (h, w, 3) uint8 image: by its content where the tiler looks at it."""
    if isinstance(tiler, ContentTiler):
        return tiler.plan_image(pixels)
    return tiler.plan(Size(*pixels.shape[:2]))


def relatives(tiler: Tiler) -> list[Tiler]:
    """Registered tilers that differ from this one in their options alone."""
    found = [load(name) for name in TILERS]
    return [other for other in found if type(other) is type(tiler) and other.name != tiler.name]


def _option(tiler: Any, pair: str) -> tuple[str, Any]:
    key, equals, text = pair.partition("=")
    fields = {f.name for f in dataclasses.fields(tiler)} - {"name"}
    if not equals or key not in fields:
        raise ConfigError(f"{tiler.name} has no option {pair!r}; {nearest(key, fields)}")
    allowed = typing.get_args(typing.get_type_hints(type(tiler))[key])
    if allowed and all(isinstance(value, str) for value in allowed):
        if text not in allowed:
            raise ConfigError(f"option {key}={text}; {nearest(text, allowed)}")
        return key, text
    if type(None) in allowed and text.lower() == "none":
        return key, None
    return key, _read(key, text, getattr(tiler, key))


def _read(key: str, text: str, now: Any) -> Any:
    """`text` as a value of the type that the option has now; None stands for a whole number."""
    try:
        if isinstance(now, bool):
            return {"true": True, "false": False}[text.lower()]
        if now is None or isinstance(now, int):
            return int(text)
        if isinstance(now, float):
            return float(text)
    except (ValueError, KeyError):
        raise ConfigError(
            f"option {key}={text} is no {type(0 if now is None else now).__name__}; now {now}"
        ) from None
    return _pairs(key, text) if isinstance(now, tuple) else text


def _pairs(key: str, text: str) -> tuple[tuple[int, int], ...]:
    """Read "336x672+672x336"."""
    pairs = [re.fullmatch(r"(\d+)x(\d+)", pair) for pair in text.split("+")]
    if None in pairs:
        raise ConfigError(f"option {key}={text} is no list of pairs such as 336x672+672x336")
    return tuple((int(pair[1]), int(pair[2])) for pair in pairs if pair)
