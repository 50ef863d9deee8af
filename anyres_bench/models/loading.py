"""`load`: whatever names a model, as a generator.

A spec is one of these:

    out/ffhq6k               a folder made by `convert` or by our trainer
    snapshot.pkl             an official snapshot, converted in memory
    anyres-ffhq6k            a registered official checkpoint (`convert --list`)
    embedded:ours-seed0      a checkpoint that the package holds (`convert --list embedded`)
    scenes, folder:PATH      a registered generator or baseline, with its argument
    package.module:factory   a function without arguments, or a class: anything that keeps the
                             contract of `Generator`, such as an adapter of
                             `anyres_bench.models.adapters`; modules of the current folder are
                             found. Digests of its code and of its weights join its id, and
                             its options
    file.py:factory          the same, from a file
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from anyres_bench.core import distributed
from anyres_bench.core.errors import CheckpointError, GeneratorError, UnknownNameError, UsageError
from anyres_bench.core.factories import imported_factory, is_factory, same_folder
from anyres_bench.core.registry import nearest
from anyres_bench.core.sources import source_digest, with_source
from anyres_bench.fetching.weights import WeightFile, obtain
from anyres_bench.models import ncnn
from anyres_bench.models.checkpoint import (
    ABOUT,
    TRAINING_OPTIONS,
    Checkpoint,
    from_official,
    read_checkpoint,
    read_official_pickle,
    read_training_options,
)
from anyres_bench.models.controls import HeldOut
from anyres_bench.models.embedded import checkpoint_folder, embedded_name
from anyres_bench.models.families import parts, published_weights, read_layout
from anyres_bench.models.fingerprints import fingerprint, has_fingerprint, option_marks
from anyres_bench.models.generator import GENERATORS, Generator, check_members

_MEMBERS = ("id", "native", "canvases", "latents", "sample")


def load(
    spec: str,
    options: Mapping[str, str] | None = None,
    *,
    device: str | None = None,
    accept_licence: bool = False,
) -> Generator:
    """The generator that `spec` names.

    Args:
        spec: see the module's docstring. A registered name wins over a file of that name, which
            is then written ./scenes.
        options: such as psi or assembly, as text. What the generator does not know is refused.
        device: where it renders, as torch names it; by default this process's accelerator, else
            the CPU. A factory without an argument `device` decides for itself.
        accept_licence: whether the user has accepted the non-commercial licence of weights that
            must be downloaded.

    Raises:
        UnknownNameError: nothing has that name; the message suggests the nearest.
        UsageError: an option or argument is not known, or only `evaluate` can use this spec.
        CheckpointError: the file cannot be read, or does not fit its network.
        GeneratorError: what the factory made does not keep the contract.
    """
    generator = resolve(spec, options, device=device, accept_licence=accept_licence)
    if isinstance(generator, HeldOut):
        raise UsageError(f"{spec} shows held-out images of a dataset; only `evaluate` has those")
    return generator


def resolve(
    spec: str,
    options: Mapping[str, str] | None = None,
    *,
    device: str | None = None,
    accept_licence: bool = False,
) -> Generator | HeldOut:
    """As `load`, but `real` and `resample:...` come as what waits for the held-out images."""
    head, _, rest = spec.partition(":")
    ours = {"device": device or str(distributed.device()), "accept_licence": accept_licence}
    for registry in (GENERATORS, parts("specs")):
        if head in registry:
            return _make(spec, registry.get(head), (rest,), options or {}, ours)
    if checkpoint_folder(spec).exists() or spec in snapshot_files():
        checkpoint = _checkpoint(spec, accept_licence)
        return _make(spec, _builder(spec, checkpoint), (checkpoint,), options or {}, ours)
    if is_factory(spec):
        hint = f"If a registered model was meant: {_nearest_model(spec.rpartition(':')[0])}"
        module, factory = imported_factory(spec, hint)
        with same_folder():
            made = _make(spec, factory, (), options or {}, ours)
        if isinstance(made, HeldOut):
            return made
        marks = option_marks(options or {}, made.id)
        if not has_fingerprint(made.id):
            marks.append(fingerprint(made))
        return cast(Generator, with_source(made, source_digest(module), marks))
    raise UnknownNameError(
        f"{spec!r} is no file, folder or package.module:factory, and no registered model; "
        f"{_nearest_model(head)}"
    )


def snapshot_files() -> dict[str, WeightFile]:
    """The registered official snapshots, by name."""
    published = published_weights()
    return {name: row for name, row in published.items() if row.filename.endswith(".pkl")}


def read_snapshot(
    source: str,
    which: str = "G_ema",
    training_options: Path | None = None,
    *,
    licence: str | None = None,
    accept_licence: bool = False,
) -> Checkpoint:
    """One network of a file of another program: a registered name, or a path.

    A .pkl is an official snapshot, a .param or .bin an ncnn network.

    Args:
        source: the file.
        which: "G_ema", "G" or "D" of a snapshot.
        training_options: the trainer's JSON; by default the one beside the snapshot, if any.
        licence, accept_licence: as `from_official` and `load` have them.

    Raises:
        UnknownNameError: nothing has that name.
        CheckpointError: it cannot be read, or has no such network.
        WeightsError: a registered snapshot is not here and cannot be had.
    """
    registered = snapshot_files().get(source)
    path = obtain(registered, accept_licence=accept_licence) if registered else Path(source)
    if (checkpoint_folder(source) / ABOUT).is_file():
        raise CheckpointError(
            f"{source} is converted already: what reads checkpoints takes it as it is"
        )
    if path.is_dir():
        raise CheckpointError(f"{source!r} is a folder; expected a .pkl, or a .param of ncnn")
    if not path.exists():
        raise UnknownNameError(
            f"{source!r} is no file and no registered snapshot; {nearest(source, snapshot_files())}"
        )
    if path.suffix in (ncnn.LAYERS, ncnn.NUMBERS):
        return _read_ncnn(path, licence)
    beside = path.parent / TRAINING_OPTIONS
    options = training_options or (beside if beside.is_file() else None)
    training = read_training_options(options) if options else None
    return from_official(read_official_pickle(path), which, training, licence)


def _read_ncnn(path: Path, licence: str | None) -> Checkpoint:
    network = ncnn.read_ncnn(path)
    found = read_layout(network)
    if found is None:
        learnt = Counter(layer.kind for layer in network.layers if layer.tensors)
        counts = ", ".join(f"{n} {kind}" for kind, n in learnt.items()) or "nothing"
        raise CheckpointError(
            f"{network.name}: no family here has a network like this, whose layers that learn are "
            f"{counts}"
        )
    return replace(found, licence=licence or found.licence)


def _checkpoint(spec: str, accept_licence: bool) -> Checkpoint:
    path = checkpoint_folder(spec)
    if spec in snapshot_files() or path.suffix == ".pkl":
        return read_snapshot(spec, accept_licence=accept_licence)
    if path.is_dir() and not (path / ABOUT).exists():
        raise CheckpointError(
            f"{path} is no checkpoint folder: it has no {ABOUT}; expected a folder that `convert` "
            f"or `train` wrote; for the images in it, write folder:{spec}"
        )
    if not path.is_dir():
        raise CheckpointError(
            f"{path} is neither a checkpoint folder nor an official .pkl; ncnn networks (.param) "
            "are converted first, and tensors without an architecture (.pt, .pth, .safetensors) "
            "are loaded by the baseline that they belong to"
        )
    return replace(read_checkpoint(path), name=embedded_name(spec) or "")


def _builder(spec: str, checkpoint: Checkpoint) -> Callable[..., Any]:
    name, builders = checkpoint.architecture, parts("checkpoints")
    if name in parts("upscalers"):
        raise CheckpointError(
            f"{spec} enlarges images: use it as {name}:BASE with option weights={spec}"
        )
    if name not in builders:
        raise CheckpointError(
            f"{spec} is a {name}, and no network here renders that; {nearest(name, builders)}"
        )
    return cast(Callable[..., Any], builders.get(name))


def _nearest_model(name: str) -> str:
    return nearest(name, [*GENERATORS, *parts("specs"), *snapshot_files()])


def _make(
    spec: str,
    factory: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: Mapping[str, str],
    ours: Mapping[str, Any],
) -> Generator | HeldOut:
    """Call a factory with those options that its signature names, and check what it gives.

    Args:
        spec: for messages.
        factory: makes a generator.
        arguments: come first.
        options: of the user.
        ours: arguments that no user names as options; given where the signature has them.
    """
    signature = inspect.signature(factory)
    known = list(signature.parameters)[len(arguments) :]
    offered = [name for name in known if name not in ours]
    if unknown := sorted(set(options) - set(offered)):
        listed = ", ".join(offered) or "none"
        raise UsageError(f"{spec} has no option {', '.join(unknown)}; its options: {listed}")
    chosen = {**options, **{name: value for name, value in ours.items() if name in known}}
    try:
        signature.bind(*arguments, **chosen)
    except TypeError as error:
        raise UsageError(
            f"{spec} cannot be made from its options alone: {error}; expected a function or class "
            "that makes a generator. A function that draws pictures is wrapped by one that returns "
            "anyres_bench.Pipeline(it), see docs/your_model.md"
        ) from error
    generator = factory(*arguments, **chosen)
    if not isinstance(generator, Generator | HeldOut):
        missing = [name for name in _MEMBERS if not hasattr(generator, name)]
        wrap = "; a network is wrapped: return anyres_bench.FixedSize(it, size, z_dim=...)"
        raise GeneratorError(
            f"{spec} gives a {type(generator).__name__} without {', '.join(missing)}"
            f"{wrap if hasattr(generator, 'state_dict') else ''}; "
            "see anyres_bench.models.generator.Generator"
        )
    if isinstance(generator, Generator):
        check_members(spec, generator)
    return generator
