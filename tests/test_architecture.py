"""The walls of the house: who may import whom, what may load torch, what may print."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "anyres_bench"
LINKED = ("collectors", "metrics", "baselines")

# From below to above; siblings stand in one row and never import each other.
ROOMS = (
    ("core",),
    ("fetching", "results"),
    ("data",),
    ("features", "models"),
    ("training",),
    ("collectors", "metrics", "reference", "baselines", "tilers"),
    ("building", "evaluation"),
    ("leaderboard",),
    ("cli",),
)
LEVEL = {room: level for level, row in enumerate(ROOMS) for room in row}
TORCH_FREE = {"core", "fetching", "results", "building", "leaderboard", "collectors", "cli"}


def modules() -> Iterator[tuple[str, str, Path]]:
    """(room, dotted name, file) of every module; the linked rooms by their real folders."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[1] in LINKED or len(parts) == 2:
            continue
        yield parts[1], ".".join(parts), path
    for room in LINKED:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield room, ".".join(("anyres_bench", *parts)), path


ALL = list(modules())


BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")


def imports(block: Sequence[ast.AST], top: bool = True) -> Iterator[tuple[str, bool]]:
    """(module, at module level) of every import that runs, TYPE_CHECKING blocks left out."""
    for node in block:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import, line {node.lineno}"
            yield node.module or "", top
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for name in BLOCKS:
            yield from imports(getattr(node, name, ()), top and not inside)


@dataclass(frozen=True)
class Source:
    """A module as the rules look at it, without its tree: all trees together are large.

    Attributes:
        documented: it has a docstring.
        imports: (module, at module level).
        calls: (what is called as `a.b.c`, line).
        bare_excepts: lines.
        texts: its strings.
        classes: names of those at module level.
    """

    documented: bool
    imports: tuple[tuple[str, bool], ...]
    calls: tuple[tuple[str, int], ...]
    bare_excepts: tuple[int, ...]
    texts: frozenset[str]
    classes: tuple[str, ...]


@functools.cache
def source_of(path: Path) -> Source:
    """A module, parsed and walked once for all rules."""
    tree = ast.parse(path.read_text())
    calls, bare_excepts, texts = [], [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            calls.append((_dotted(node.func), node.lineno))
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            bare_excepts.append(node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
    return Source(
        bool(ast.get_docstring(tree)),
        tuple(imports(tree.body)),
        tuple(calls),
        tuple(bare_excepts),
        frozenset(texts),
        tuple(node.name for node in tree.body if isinstance(node, ast.ClassDef)),
    )


def imports_of(path: Path) -> tuple[tuple[str, bool], ...]:
    return source_of(path).imports


def test_rooms_import_only_from_below() -> None:
    found = [
        f"{name} imports {module}"
        for room, name, path in ALL
        for module, _ in imports_of(path)
        if module.startswith("anyres_bench.")
        and not ((target := module.split(".")[1]) == room or LEVEL[target] < LEVEL[room])
    ]
    assert found == []


def family_of(name: str) -> str | None:
    """The model family that a module belongs to, or that a text names a module of."""
    parts = name.split(":")[0].split(".")
    if parts[:2] == ["anyres_bench", "reference"]:
        return "reference"
    if parts[:2] == ["anyres_bench", "baselines"] and len(parts) > 2:
        return parts[2]
    return None


def test_only_its_own_folder_knows_a_model_family() -> None:
    """All others ask the registry, whose one line for each names it."""
    found = []
    for _, name, path in ALL:
        if name == "anyres_bench.models.families":
            continue
        named = [module for module, _ in imports_of(path)] + [*source_of(path).texts]
        known = {family for one in named if (family := family_of(one)) is not None}
        if not known <= {family_of(name)}:
            found.append(f"{name} knows {known}")
    assert found == []


def test_light_rooms_do_not_load_torch() -> None:
    found = [
        f"{name} loads {module}"
        for room, name, path in ALL
        for module, top in imports_of(path)
        if room in TORCH_FREE and top and module.split(".")[0] in {"torch", "pandas"}
    ]
    assert found == []


def test_house_rules() -> None:
    assert [told for room, name, path in ALL for told in broken_rules(room, name, path)] == []


def broken_rules(room: str, name: str, path: Path) -> Iterator[str]:
    source = source_of(path)
    if not source.documented:
        yield f"{name} has no docstring"
    for module, _ in source.imports:
        libraries = module.startswith(("torchvision", "torchmetrics"))
        if libraries or module in {"cleanfid.fid", "cleanfid.features"}:
            yield f"{name} imports {module}"
    for called, line in source.calls:
        if room != "cli" and called in {"print", "exec", "eval", "input"}:
            yield f"{name}:{line} calls {called}"
    for line in source.bare_excepts:
        yield f"{name}:{line} bare except"


def test_one_module_prints_and_draws_bars() -> None:
    found = []
    for _, name, path in ALL:
        if name == "anyres_bench.cli.console":
            continue
        if "tqdm" in {module.split(".")[0] for module, _ in imports_of(path)}:
            found.append(f"{name} imports tqdm")
        for called, line in source_of(path).calls:
            prints = called in {"print", "click.echo", "click.secho"}
            if prints or called.startswith("sys.stderr"):
                found.append(f"{name}:{line} calls {called}")
    assert found == []


def _dotted(node: ast.expr) -> str:
    """`a.b.c` as text; empty for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def test_every_module_has_its_mirror() -> None:
    """The tests of `anyres_bench/x/y.py` are in `tests/x/test_y.py`."""
    mirrors = {
        name: ROOT.joinpath("tests", *folders, f"test_{module}.py")
        for _, name, _ in ALL
        for *folders, module in [name.split(".")[1:]]
        if module != "__init__"
    }
    assert [name for name, mirror in mirrors.items() if not mirror.is_file()] == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import os", "has no docstring"),
        ('"""A."""\nimport torchvision', "imports torchvision"),
        ('"""A."""\nprint(1)', "calls print"),
        ('"""A."""\ntry:\n    pass\nexcept:\n    pass', "bare except"),
    ],
)
def test_a_broken_rule_is_found(source: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(source)
    (found,) = broken_rules("core", "a", path)
    assert told in found


def test_a_class_has_its_name_alone() -> None:
    places: dict[str, list[str]] = {}
    for _, name, path in ALL:
        for one in source_of(path).classes:
            if not one.startswith("_"):
                places.setdefault(one, []).append(name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("room", LINKED)
def test_linked_rooms_are_committed_as_links(room: str) -> None:
    """Programs that unpack a zip without links leave their text, where nothing is committed."""
    link, unpacked = PACKAGE / room, not (PACKAGE.parent / ".git").exists()
    if unpacked and not link.is_symlink():
        assert link.read_text(encoding="utf-8") == f"../{room}"
        return
    assert link.readlink() == Path("..") / room


@pytest.mark.parametrize("room", LINKED)
def test_linked_rooms_refuse_a_second_name(room: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", f"import {room}"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode != 0
    assert f"import anyres_bench.{room}" in result.stderr


def test_every_package_is_listed_for_the_wheel() -> None:
    import tomllib

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {".".join(name.split(".")[:-1]) for _, name, path in ALL if path.stem == "__init__"}
    assert set(listed) == found | {"anyres_bench"}


@pytest.mark.parametrize("code", ["import anyres_bench", "from anyres_bench.cli.main import cli"])
def test_importing_is_light(code: str) -> None:
    heavy = "bad = {'torch', 'pandas', 'scipy'} & set(sys.modules); assert not bad, bad"
    subprocess.run([sys.executable, "-c", f"{code}; import sys; {heavy}"], cwd=ROOT, check=True)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_needs_no_torch(arguments: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "anyres_bench", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|", 1)[-1].strip() for line in result.stderr.splitlines()}
    assert not loaded & {"torch", "pandas"}
