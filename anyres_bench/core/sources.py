"""The code of a user's model, as part of its id: another code is another model.

The digest covers the file of the module and of what it imports, as far as that is the user's own:
neither installed packages nor Python nor this package, whose versions a result records. It cannot
cover weights that the code reads; a model says those in its own id.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, cast

from anyres_bench.core.errors import GeneratorError

_DIGITS = 12
CODE = "code@"  # in an id, before the digest
_known: dict[str, tuple[ModuleSpec | None, str | None]] = {}


def source_digest(module_name: str) -> str | None:
    """Digest of an imported module and of the user's modules that it imports; None if not known.

    Taken once, the first time: a file that was edited later is not what runs.
    """
    spec = getattr(sys.modules.get(module_name), "__spec__", None)
    known = _known.get(module_name)
    if known is None or known[0] is not spec:
        known = _known[module_name] = spec, _digest(module_name)
    return known[1]


def with_source(generator: Any, digest: str | None, marks: Sequence[str] = ()) -> Any:
    """The same generator, its code and more in its id, or that its code is unknown.

    Args:
        generator: of the user.
        digest: of its code; None if not known.
        marks: what else it is known by: options, its fingerprint where its own id has none.

    Raises:
        GeneratorError: its class cannot be derived from.
    """
    code = f"{CODE}{digest[:_DIGITS] if digest else 'unknown'}"
    return with_marks(generator, [code, *marks])


def with_marks(generator: Any, marks: Sequence[str]) -> Any:
    """The same generator, with more in its id; raises as `with_source`."""
    suffix = "".join(f"+{mark}" for mark in marks)
    if suffix in str(generator.id):  # a factory may give one object again and again
        return generator
    try:
        if "id" in getattr(generator, "__dict__", {}):
            object.__setattr__(generator, "id", f"{generator.id}{suffix}")
        else:
            object.__setattr__(generator, "__class__", _derived(type(generator), suffix))
    except (AttributeError, TypeError) as error:
        raise GeneratorError(
            f"a {type(generator).__name__} cannot be given the digest of its code: {error}; make "
            "the model an ordinary class"
        ) from error
    return generator


def _derived(base: Any, suffix: str) -> type:
    """The class, with a suffix to the id of its objects."""
    facts = {"__slots__": (), "__module__": base.__module__, "__doc__": base.__doc__}
    facts["id"] = property(lambda self: f"{super(derived, self).id}{suffix}")
    derived: Any = type(base)(base.__name__, (base,), facts)
    return cast(type, derived)


def _digest(module_name: str) -> str | None:
    sha = hashlib.sha256()
    files = _own_files(module_name)
    if not files:
        return None
    for name, content in sorted(files.items()):
        sha.update(f"{name}\0{len(content)}\0".encode())
        sha.update(content)
    return sha.hexdigest()


def _own_files(module_name: str) -> dict[str, bytes]:
    """Name -> source of a module and of those modules of the user's that it imports."""
    package = module_name.partition(".")[0]
    found: dict[str, bytes] = {}
    waiting = [module_name, package]
    while waiting:
        name = waiting.pop()
        spec = _spec(name)
        if name in found or spec is None or not spec.origin:
            continue
        if name.partition(".")[0] != package and not _is_own(Path(spec.origin)):
            continue
        try:
            found[name] = Path(spec.origin).read_bytes()
        except OSError:  # of a zip, frozen, or built into Python
            continue
        waiting += _imports(name, spec, found[name])
    return found if module_name in found else {}


def _spec(name: str) -> ModuleSpec | None:
    """Where a module is from; what was not imported is looked for, its parents are not run."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__spec__", None)
    if name.rpartition(".")[0] not in ("", *sys.modules):
        return None
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _imports(name: str, spec: ModuleSpec, source: bytes) -> Iterator[str]:
    """Full names of what a source imports, of modules and perhaps of what is in them."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):  # an extension, which imports what it likes
        return
    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            start = ".".join(part for part in (above, node.module) if part)
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


@functools.cache
def _foreign_folders() -> tuple[Path, ...]:
    folders = (sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib"))
    return (Path(__file__).resolve().parents[1], *(Path(f).resolve() for f in folders if f))


def _is_own(file: Path) -> bool:
    """Whether a file is the user's: neither Python's, nor installed, nor of this package."""
    installed = {"site-packages", "dist-packages"} & set(file.parts)
    return not installed and not any(file.resolve().is_relative_to(f) for f in _foreign_folders())
