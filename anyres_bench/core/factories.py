"""Factories of the user's own: `package.module:factory` and `file.py:factory`.

Naming one runs its code, which is what its user asks for; nothing that was received is loaded so.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.registry import nearest

_folders: set[str] = set()  # of the modules that were named

_FORM = re.compile(r"(?:[A-Za-z_][\w.]*|.+\.py):[A-Za-z_]\w*")


def is_factory(spec: str) -> bool:
    """Whether a text has the form of a factory's place.

    >>> is_factory("mine.py:build"), is_factory("package.module:build"), is_factory("folder:a/b")
    (True, True, False)
    """
    return _FORM.fullmatch(spec) is not None


def imported_factory(spec: str, hint: str = "") -> tuple[str, Callable[..., Any]]:
    """The module's name, and what it has under the name behind the colon.

    Args:
        spec: the place.
        hint: the end of the message where there is no such module.

    Raises:
        UsageError: it cannot be imported.
        UnknownNameError: it has nothing of that name.
    """
    place, _, attribute = spec.rpartition(":")
    with same_folder():
        from_file = place.endswith(".py")
        module = _from_file(spec, Path(place)) if from_file else _from_name(spec, place, hint)
    module_name = module.__name__
    _remember(getattr(module, "__file__", None))
    factory: Callable[..., Any] | None = getattr(module, attribute, None)
    if not callable(factory):
        names = [name for name in vars(module) if callable(getattr(module, name))]
        raise UnknownNameError(f"{place} has no {attribute!r}; {nearest(attribute, names)}")
    return module_name, factory


@contextlib.contextmanager
def same_folder() -> Iterator[None]:
    """Come back to the current folder after code of the user's, which may have gone elsewhere.

    What the user named by relative paths, such as that of the results, would be looked for there.
    """
    here = os.getcwd()
    try:
        yield
    finally:
        os.chdir(here)


def own_code(file: str) -> bool:
    """Whether a file lies beside a module of the user's that a factory was taken from."""
    return os.path.dirname(os.path.abspath(file)) in _folders


def _remember(file: str | None) -> None:
    if file is not None:
        _folders.add(os.path.dirname(os.path.abspath(file)))


def _from_name(spec: str, name: str, hint: str) -> ModuleType:
    """A module that is installed, on PYTHONPATH or in the current folder."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            f"{spec}: {error}; is its package installed, or its folder on PYTHONPATH? {hint}"
        ) from error


def _from_file(spec: str, path: Path) -> ModuleType:
    """A module from its file, which may import its neighbours."""
    if not path.is_file():
        raise UsageError(f"{spec}: there is no file {path}")
    file = path.resolve()
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    taken = getattr(sys.modules.get(path.stem), "__file__", str(file)) != str(file)
    found = importlib.util.spec_from_file_location(f"{path.stem}{'_model' * taken}", file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    _remember(str(file))  # what it raises while it is imported is of the user's code too
    try:
        found.loader.exec_module(module)
    except (ImportError, SyntaxError) as error:
        raise UsageError(f"{spec} cannot be imported: {error}") from error
    return module
