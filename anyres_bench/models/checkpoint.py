"""Our checkpoints: a folder with the weights (safetensors) and what they mean (JSON).

Foreign checkpoints are read by `read_official_pickle` (snapshots of AnyRes-GAN, StyleGAN3 and
StyleGAN2-ADA) and `read_torch_file` (.pt, .pth). Loading never executes anything.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from anyres_bench.core.budget import MAX_JSON_BYTES
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.files import atomic_folder, atomic_write, write_json
from anyres_bench.core.plain import unique_keys
from anyres_bench.core.quoting import one_line_each
from anyres_bench.core.tensorfiles import map_file, read_safetensors
from anyres_bench.models.families import recognise
from anyres_bench.models.official import (
    OfficialNetwork,
    OfficialSnapshot,
    read_official_pickle,
    to_plain,
)
from anyres_bench.models.torchfile import read_torch_file

__all__ = [
    "Checkpoint",
    "OfficialNetwork",
    "OfficialSnapshot",
    "from_official",
    "read_checkpoint",
    "read_official_pickle",
    "read_torch_file",
    "read_training_options",
    "write_checkpoint",
]

SCHEMA = "anyres-bench/checkpoint@1"
ABOUT, WEIGHTS = "checkpoint.json", "weights.safetensors"
TRAINING_OPTIONS = "training_options.json"
_FIELDS = {
    "architecture": str,
    "config": dict,
    "licence": str,
    "source": dict,
    "training": dict | None,
}
_SEAL = "about_sha256"


@dataclass(frozen=True)
class Checkpoint:
    """Weights, and everything needed to use them and to say where they are from.

    Attributes:
        architecture: of the network, by a name that a `Family` declares.
        config: what the network is made from; JSON values.
        state: tensors by state-dict name.
        licence: under which the weights may be used, or a statement that it is not known.
        source: file, digest, network and class of a converted checkpoint; empty for our own.
        training: the options it was trained with; None if not known.
        name: by which the package holds it; empty for all others. Not stored.
    """

    architecture: str
    config: Mapping[str, Any]
    state: Mapping[str, Tensor]
    licence: str
    source: Mapping[str, Any]
    training: Mapping[str, Any] | None = None
    name: str = ""

    def title(self, default: str) -> str:
        """The name, or a default, with digits of the digest: how ids begin."""
        return f"{self.name or default}@{self.digest[:12]}"

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over architecture, config and every tensor: the same in memory and on disk."""
        sha = hashlib.sha256(_canonical([self.architecture, self.config]))
        for name in sorted(self.state):
            tensor = self.state[name].detach().cpu().contiguous()
            sha.update(_canonical([name, str(tensor.dtype), list(tensor.shape)]))
            sha.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
        return sha.hexdigest()


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint as a new folder, whole or not at all.

    Raises:
        CheckpointError: the folder is already there, the licence is not one line, or a field is
            not plain JSON.
    """
    if not checkpoint.licence.isprintable():
        raise CheckpointError(
            f"the licence {checkpoint.licence!r:.80} is not one line; give its name, such as MIT"
        )
    metadata = {name: getattr(checkpoint, name) for name in _FIELDS}
    about = {**to_plain(metadata), "schema": SCHEMA, "digest": checkpoint.digest}
    about[_SEAL] = _seal(about)
    # Cloned, because safetensors refuses tensors that share memory.
    state = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in checkpoint.state.items()
    }
    if Path(folder).exists():
        raise CheckpointError(f"{folder} is already there; remove it or choose another name")
    with atomic_folder(Path(folder)) as temporary:
        with atomic_write(temporary / WEIGHTS) as file:
            file.write(safetensors.torch.save(state))
        write_json(temporary / ABOUT, about)


def describe(checkpoint: Checkpoint) -> str:
    """What a checkpoint holds and where it is from, for people."""
    n_numbers = sum(tensor.numel() for tensor in checkpoint.state.values())
    source = checkpoint.source
    lines = {
        "network": f"{source['network']}, {checkpoint.architecture}",
        "tensors": f"{len(checkpoint.state)} with {n_numbers:,} numbers",
        "digest": checkpoint.digest,
        "source": f"{source['file']}, sha256 {source['sha256']}",
        "licence": checkpoint.licence,
        "training": "options kept" if checkpoint.training else "options not found",
    }
    return one_line_each(f"  {name:<9} {value}" for name, value in lines.items())


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint folder.

    Raises:
        CheckpointError: a file is missing or damaged, or the two do not belong together.
    """
    about = _read_about(Path(folder) / ABOUT)
    path = Path(folder) / WEIGHTS
    if not path.exists():
        raise CheckpointError(f"{folder} has no {WEIGHTS}; copy it whole, or convert it again")
    state = read_safetensors(path)
    checkpoint = Checkpoint(state=state, **{name: about[name] for name in _FIELDS})
    if checkpoint.digest != about["digest"]:
        raise CheckpointError(
            f"{folder}: the digest of config and weights is {checkpoint.digest}, and {ABOUT} says "
            f"{about['digest']!r:.70}; one of the files was changed: convert or copy it again"
        )
    if about.get(_SEAL, _seal(about)) != _seal(about):
        raise CheckpointError(
            f"{Path(folder) / ABOUT} was changed after it was written; copy or convert it again"
        )
    return checkpoint


def from_official(
    snapshot: OfficialSnapshot,
    which: str = "G_ema",
    training: Mapping[str, Any] | None = None,
    licence: str | None = None,
) -> Checkpoint:
    """One network of an official snapshot as a checkpoint of ours, tensors and names unchanged.

    Args:
        snapshot: what `read_official_pickle` gave.
        which: "G_ema" for rendering, "G" or "D".
        training: its `training_options.json`, where there is one.
        licence: of these weights; by default that of the code they were made with.

    Raises:
        CheckpointError: no such network, or its class is none that we know.
    """
    network = snapshot.network(which)
    known = recognise(network)
    if known is None or network.init_args:
        raise CheckpointError(
            f"{snapshot.name}: {which} is a {network.class_name} with {len(network.state)} tensors "
            "that is not built like a generator of AnyRes-GAN, StyleGAN3 or StyleGAN2, nor like "
            "their discriminator"
        )
    architecture, code_licence = known
    return Checkpoint(
        architecture=architecture,
        config=network.init_kwargs,
        state=network.state,
        licence=licence or code_licence,
        source={
            "file": snapshot.name,
            "sha256": snapshot.sha256,
            "network": which,
            "class_name": network.class_name,
            "persistence_version": network.version,
            "module_sha256": network.module_sha256,
            "training_set": snapshot.training_set_kwargs,
        },
        training=training,
    )


def read_training_options(path: Path) -> dict[str, Any]:
    """The `training_options.json` that the official trainer writes beside its snapshots.

    Raises:
        CheckpointError: it cannot be read, or is no JSON object.
    """
    options = _read_json(path)
    if not isinstance(options, dict):
        raise CheckpointError(f"{path} is no JSON object; these are not training options")
    return options


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()


def _read_json(path: Path) -> Any:
    """A small JSON file, of finite numbers and printable names."""
    with map_file(path) as data:
        if len(data) > MAX_JSON_BYTES:
            raise CheckpointError(f"{len(data)} bytes; at most {MAX_JSON_BYTES} are read")
        try:
            return to_plain(json.loads(bytes(data), object_pairs_hook=unique_keys))
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"this is no JSON, or damaged: {error}") from error


def _read_about(path: Path) -> dict[str, Any]:
    about = _read_json(path)
    if not isinstance(about, dict) or about.get("schema") != SCHEMA:
        got = about.get("schema") if isinstance(about, dict) else type(about).__name__
        raise CheckpointError(f"{path} has schema {got!r:.60}; this version reads {SCHEMA!r}")
    kinds = {**_FIELDS, "digest": str}
    bad = [name for name in kinds if not isinstance(about.get(name, ...), kinds[name])]
    texts = ("architecture", "licence")
    bad += [n for n in texts if n not in bad and not about[n].isprintable()]
    if bad:
        raise CheckpointError(f"{path}: {', '.join(bad)} are missing or of the wrong kind")
    return about


def _seal(about: Mapping[str, Any]) -> str:
    """Digest of all facts: that of the weights covers neither licence nor source."""
    facts = {name: value for name, value in about.items() if name != _SEAL}
    return hashlib.sha256(_canonical(facts)).hexdigest()
