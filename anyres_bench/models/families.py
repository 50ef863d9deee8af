"""Model families: each is one folder that says here, by name, what it offers.

A family is declared by one literal, `FAMILY = Family(...)`, in the `__init__.py` of its folder, and
by one line in `FAMILIES`. Nothing else outside the folder knows its name. Other packages add theirs
through the entry-point group `anyres_bench.families`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from anyres_bench.core.errors import UsageError
from anyres_bench.core.registry import Registry, read_place

if TYPE_CHECKING:
    from anyres_bench.fetching.weights import WeightFile
    from anyres_bench.models.checkpoint import Checkpoint
    from anyres_bench.models.ncnn import NcnnNetwork
    from anyres_bench.models.official import OfficialNetwork

FAMILIES = Registry(
    "model family",
    {
        "anycost": "anyres_bench.baselines.anycost:FAMILY",
        "anyres": "anyres_bench.reference:FAMILY",
        "infinitygan": "anyres_bench.baselines.infinitygan:FAMILY",
        "liif": "anyres_bench.baselines.liif:FAMILY",
        "mspe": "anyres_bench.baselines.mspe:FAMILY",
        "realesrgan": "anyres_bench.baselines.realesrgan:FAMILY",
        "stylegan2": "anyres_bench.baselines.stylegan2:FAMILY",
        "navit-mae": "anyres_bench.tilers.navit_mae:FAMILY",
        "resamplers": "anyres_bench.baselines.resamplers:FAMILY",
    },
    entry_points="anyres_bench.families",
)
"""Name -> where its `Family` is."""

Part = Literal["specs", "checkpoints", "networks", "upscalers", "recipes"]
# part of a family -> its name in messages, and the entry-point group that adds single ones
PARTS: Mapping[Part, tuple[str, str]] = {
    "specs": ("model", "anyres_bench.baselines"),
    "checkpoints": ("architecture", "anyres_bench.architectures"),
    "networks": ("network architecture", "anyres_bench.networks"),
    "upscalers": ("upscaler", "anyres_bench.upscalers"),
    "recipes": ("recipe", "anyres_bench.recipes"),
}


@dataclass(frozen=True, kw_only=True)
class Family:
    """What one kind of model offers; every place is written "module:attribute".

    Attributes:
        package: of the folder; its presets are the `.toml` files of the subfolder `presets`.
        specs: head of a spec -> function(what follows the colon, option=text, ...) that makes a
            `Generator`.
        checkpoints: architecture of a checkpoint -> function(checkpoint, option=text, ...) that
            makes a `Generator`.
        networks: architecture of a checkpoint -> function(config) that makes an untrained network.
        upscalers: name -> function(option=text, ...) that makes an `Upscaler`.
        recipes: name -> configuration class; `config.recipe(loop)` makes the recipe.
        weights: place of the published files, a tuple of `WeightFile`.
        snapshots: place of a function that is given an `OfficialNetwork`, and gives its
            architecture and the licence of the code that it was made with, or None.
        ncnn: place of a function that is given an `NcnnNetwork`, and gives it as a `Checkpoint`, or
            None.
    """

    package: str
    specs: Mapping[str, str] = field(default_factory=dict)
    checkpoints: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    upscalers: Mapping[str, str] = field(default_factory=dict)
    recipes: Mapping[str, str] = field(default_factory=dict)
    weights: str | None = None
    snapshots: str | None = None
    ncnn: str | None = None


def families() -> Iterator[Family]:
    """Every family, by name.

    Raises:
        UsageError: one is not declared by a `Family`.
    """
    return map(_family, FAMILIES)


def _family(name: str) -> Family:
    family = FAMILIES.get(name)
    if not isinstance(family, Family):
        raise UsageError(
            f"model family {name!r} is a {type(family).__name__}; expected a Family of "
            "anyres_bench.models.families: mend or uninstall the package that registers it"
        )
    return family


def parts(part: Part) -> Registry:
    """What all families offer of one kind, by its own name.

    Raises:
        UsageError: two families offer the same name.
    """
    kind, group = PARTS[part]
    table: dict[str, str] = {}
    for family in families():
        offered: Mapping[str, str] = getattr(family, part)
        if twice := sorted(set(table) & set(offered)):
            raise UsageError(
                f"{kind} {twice[0]!r} is offered twice: {table[twice[0]]} and {offered[twice[0]]}; "
                "uninstall or rename one"
            )
        table |= offered
    return Registry(kind, table, entry_points=group)


def published_weights(family: str | None = None) -> dict[str, WeightFile]:
    """The published files of a family, or of all, by name."""
    chosen = families() if family is None else [_family(family)]
    rows = (row for one in chosen if one.weights for row in read_place(one.weights))
    return {row.name: row for row in rows}


def recognise(network: OfficialNetwork) -> tuple[str, str] | None:
    """Architecture of a snapshot's network and the licence of its code; None if nobody knows it."""
    for family in families():
        if family.snapshots and (found := read_place(family.snapshots)(network)):
            architecture, licence = found
            return architecture, licence
    return None


def read_layout(network: NcnnNetwork) -> Checkpoint | None:
    """An ncnn network as a checkpoint of the family that it is of; None if nobody knows it."""
    for family in families():
        if family.ncnn and (found := read_place(family.ncnn)(network)):
            checkpoint: Checkpoint = found
            return checkpoint
    return None
