"""The code of a user's model is part of its id."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Size
from anyres_bench.core.sources import source_digest, with_source
from anyres_bench.models.generator import Generator
from anyres_bench.models.loading import load

MODEL = """
import json
import torch
from anyres_bench.core.geometry import Size
from {package}.levels import LEVEL

class Model:
    id = "mine"
    native, canvases, matched = Size(64, 64), "any", True
    def latents(self, seeds, labels=None): return seeds
    def sample(self, z, regions):
        from {package} import late
        return LEVEL
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Writes a package of the user's, imports it anew, and gives the id of its model."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    package = f"users_{abs(hash(tmp_path))}"
    (tmp_path / package).mkdir()

    def write(**files: str) -> str:
        defaults = {"__init__": "", "levels": "LEVEL = 1", "late": "", "model": MODEL}
        for name, content in (defaults | files).items():
            text = content.replace("{package}", package)
            (tmp_path / package / f"{name}.py").write_text(text)
        for name in [name for name in sys.modules if name.startswith(package)]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return load(f"{package}.model:Model").id

    yield write
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]


def _module() -> str:
    return next(n for n in sys.modules if n.startswith("users_") and n.endswith(".model"))


@pytest.mark.parametrize("changed", ["model", "levels", "late", "__init__"])
def test_another_code_is_another_model(changed: str, written: Callable[..., str]) -> None:
    first = written()
    assert first.startswith("mine+code@")
    assert written() == first
    other = MODEL if changed == "model" else ""
    assert written(**{changed: f"{other}\nLEVEL = 1\nx = 3\n"}) != first
    assert written(unrelated="y = 1") == first


def test_code_that_is_not_there_is_said_to_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("made_of_nothing")
    exec(MODEL.replace("from {package}", "import json #"), module.__dict__)
    monkeypatch.setitem(sys.modules, "made_of_nothing", module)
    assert load("made_of_nothing:Model").id.startswith("mine+code@unknown")


def test_one_object_given_twice_keeps_its_id(written: Callable[..., str]) -> None:
    shared = (
        MODEL.replace("class Model:", "class One:") + "\none = One()\ndef Model(): return one\n"
    )
    assert written(model=shared).count("+code@") == 1
    name = _module()
    first, second = load(f"{name}:Model"), load(f"{name}:Model")
    assert first is second
    assert second.id.count("+code@") == 1


@dataclass(frozen=True)
class Frozen:
    id: str = "frozen"
    native: tuple[int, int] = (8, 8)


class Slotted:
    __slots__ = ("id", "native")

    def __init__(self) -> None:
        self.id, self.native = "slotted", Size(8, 8)


class Computed:
    native = Size(8, 8)

    @property
    def id(self) -> str:
        return f"computed-{self.native.height}"


@pytest.mark.parametrize(
    "make", [Frozen, Slotted, Computed, lambda: types.SimpleNamespace(id="plain", native=None)]
)
def test_whatever_a_model_is_it_stays_so(make: Callable[[], Generator]) -> None:
    model = make()
    before, kind = model.id, type(model)
    assert with_source(model, "ab" * 32) is model
    assert model.id == f"{before}+code@abababababab"
    assert isinstance(model, kind)
    assert make().id == before


def test_what_cannot_take_an_id_is_refused() -> None:
    with pytest.raises(GeneratorError, match="make the model an ordinary class"):
        with_source(_Sealed(), None)


class _Sealed:
    """Its class is no ordinary one."""

    id = "sealed"

    def __init_subclass__(cls) -> None:
        raise TypeError("no heirs")


def test_a_digest_is_taken_once(written: Callable[..., str], tmp_path: Path) -> None:
    first = written()
    name = _module()
    for file in tmp_path.rglob("levels.py"):
        file.write_text("LEVEL = 2  # edited, not yet imported")
    assert load(f"{name}:Model").id == first
    assert source_digest(name) is not None
