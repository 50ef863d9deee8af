"""`embedded:NAME`: checkpoints that the package holds, the trained systems of its own benchmark.

The name stands wherever the folder of a checkpoint does: as a model, as the base of an upscaler,
and as the weights of one.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from anyres_bench.core.errors import UnknownNameError
from anyres_bench.core.registry import nearest

FOLDER = Path(__file__).resolve().parent / "weights"
LISTING = "weights.json"
_HEAD = "embedded:"


@dataclass(frozen=True)
class EmbeddedWeights:
    """One checkpoint of the package.

    Attributes:
        name: what follows `embedded:`.
        architecture: of the network.
        stage: of its training.
        images: how many of them the stage had seen.
        n_bytes: of the folder.
        licence: of the weights.
        digest: of the weights, 64 hex digits, of which ids of models hold the first.
        datasets: names of what it was trained on.
    """

    name: str
    architecture: str
    stage: str
    images: int
    n_bytes: int
    licence: str
    digest: str
    datasets: tuple[str, ...]

    @property
    def spec(self) -> str:
        """What to write."""
        return f"{_HEAD}{self.name}"


def embedded_names() -> list[str]:
    """What may follow `embedded:`."""
    return sorted(path.parent.name for path in FOLDER.glob("*/checkpoint.json"))


@functools.cache
def embedded_weights() -> list[EmbeddedWeights]:
    """Every checkpoint of the package, by name."""
    listing = json.loads((FOLDER / LISTING).read_text(encoding="utf-8"))
    return [_described(name, listing[name]["of"]) for name in embedded_names()]


def _described(name: str, of: Mapping[str, object]) -> EmbeddedWeights:
    folder = FOLDER / name
    about = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))
    return EmbeddedWeights(
        name=name,
        architecture=about["architecture"],
        stage=str(of["stage"]),
        images=int(str(of["images"])),
        n_bytes=sum(path.stat().st_size for path in folder.iterdir()),
        licence=about["licence"],
        digest=about["digest"],
        datasets=tuple(sorted(about["training"]["datasets"])),
    )


def embedded_in(model_id: str) -> list[EmbeddedWeights]:
    """The checkpoints of the package that a model is made of; none where it has other weights too.

    >>> [one.name for one in embedded_in("ours-seed0@3aba6428b59f+psi1+float32+whole")]
    ['ours-seed0']
    >>> embedded_in("liif-edsr@0123456789ab(ours-seed0@3aba6428b59f+psi1;u8)")
    []
    """
    digests = re.findall(r"@([0-9a-f]{12})(?![0-9a-f])", model_id)
    known = {one.digest[:12]: one for one in embedded_weights()} if digests else {}
    return [known[one] for one in digests] if known.keys() >= set(digests) else []


def embedded_name(spec: str) -> str | None:
    """The name in `embedded:NAME`; None for any other text.

    Raises:
        UnknownNameError: the package holds none of that name.
    """
    if not spec.startswith(_HEAD):
        return None
    name, known = spec.removeprefix(_HEAD), embedded_names()
    if name not in known:
        raise UnknownNameError(f"the package holds no weights {spec!r}; {nearest(name, known)}")
    return name


def checkpoint_folder(spec: str) -> Path:
    """Where the checkpoint lies that a spec names: in the package, else at that path.

    Raises:
        UnknownNameError: the package holds none of that name.
    """
    name = embedded_name(spec)
    return Path(spec) if name is None else FOLDER / name


def embedded_table() -> str:
    """The checkpoints of the package, a line each."""
    rows = [("name", "network", "trained for", "bytes", "licence")]
    for one in embedded_weights():
        trained = f"{one.stage}, {one.images:,} images"
        rows.append((one.spec, one.architecture, trained, f"{one.n_bytes:,}", one.licence))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
