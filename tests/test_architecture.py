"""The walls of the house: who may import whom, what may load torch, what may print."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
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


def imports(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """(module, at module level) of every import that runs, TYPE_CHECKING blocks left out."""

    def visit(node: ast.AST, top: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            yield from ((alias.name, top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import, line {node.lineno}"
            yield node.module or "", top
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, top and not inside)

    yield from visit(tree, True)


@pytest.mark.parametrize(("room", "name", "path"), ALL, ids=[name for _, name, _ in ALL])
def test_rooms_import_only_from_below(room: str, name: str, path: Path) -> None:
    for module, _ in imports(ast.parse(path.read_text())):
        if not module.startswith("anyres_bench."):
            continue
        target = module.split(".")[1]
        assert target == room or LEVEL[target] < LEVEL[room], f"{name} imports {module}"


def family_of(name: str) -> str | None:
    """The model family that a module belongs to, or that a text names a module of."""
    parts = name.split(":")[0].split(".")
    if parts[:2] == ["anyres_bench", "reference"]:
        return "reference"
    if parts[:2] == ["anyres_bench", "baselines"] and len(parts) > 2:
        return parts[2]
    return None


@pytest.mark.parametrize(("room", "name", "path"), ALL, ids=[name for _, name, _ in ALL])
def test_only_its_own_folder_knows_a_model_family(room: str, name: str, path: Path) -> None:
    """All others ask the registry, whose one line for each names it."""
    if name == "anyres_bench.models.families":
        return
    tree = ast.parse(path.read_text())
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    named = [*(module for module, _ in imports(tree)), *(t for t in texts if isinstance(t, str))]
    known = {family for one in named if (family := family_of(one)) is not None}
    assert known <= {family_of(name)}, f"{name} knows {known}"


@pytest.mark.parametrize(("room", "name", "path"), ALL, ids=[name for _, name, _ in ALL])
def test_light_rooms_do_not_load_torch(room: str, name: str, path: Path) -> None:
    if room in TORCH_FREE:
        heavy = {m for m, top in imports(ast.parse(path.read_text())) if top}
        assert not {m.split(".")[0] for m in heavy} & {"torch", "pandas"}, name


@pytest.mark.parametrize(("room", "name", "path"), ALL, ids=[name for _, name, _ in ALL])
def test_house_rules(room: str, name: str, path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), f"{name} has no docstring"
    for module, _ in imports(tree):
        assert not module.startswith(("torchvision", "torchmetrics")), f"{name} imports {module}"
        assert module not in {"cleanfid.fid", "cleanfid.features"}, f"{name} imports {module}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and room != "cli":
            assert node.func.id not in {"print", "exec", "eval", "input"}, f"{name}:{node.lineno}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{name}:{node.lineno} bare except"


@pytest.mark.parametrize(("room", "name", "path"), ALL, ids=[name for _, name, _ in ALL])
def test_one_module_prints_and_draws_bars(room: str, name: str, path: Path) -> None:
    if name == "anyres_bench.cli.console":
        return
    tree = ast.parse(path.read_text())
    assert "tqdm" not in {module.split(".")[0] for module, _ in imports(tree)}, name
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"print", "click.echo", "click.secho"}, f"{name}:{node.lineno}"
            assert not called.startswith("sys.stderr"), f"{name}:{node.lineno}"


@pytest.mark.parametrize(("room", "name", "path"), ALL, ids=[name for _, name, _ in ALL])
def test_every_module_has_its_mirror(room: str, name: str, path: Path) -> None:
    """The tests of `anyres_bench/x/y.py` are in `tests/x/test_y.py`."""
    *folders, module = name.split(".")[1:]
    if module != "__init__":
        mirror = ROOT.joinpath("tests", *folders, f"test_{module}.py")
        assert mirror.is_file(), f"{name} has no {mirror.relative_to(ROOT)}"


def test_a_class_has_its_name_alone() -> None:
    places: dict[str, list[str]] = {}
    for _, name, path in ALL:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("room", LINKED)
def test_linked_rooms_are_committed_as_links(room: str) -> None:
    link = PACKAGE / room
    assert link.is_symlink()
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
