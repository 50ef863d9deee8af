"""The three states: a bare checkout, an editable install, a wheel."""

from __future__ import annotations

import ast
import functools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
IMPORTED_AS = {
    "clean-fid": "cleanfid",
    "open-clip-torch": "open_clip",
    "pillow": "PIL",
    "scikit-learn": "sklearn",
}
FOR_TESTS = {"dev", "tilers"}  # extras that tests compare with, and running never needs
PACKAGES = {
    "torch.utils.tensorboard": "tensorboard",  # torch's module is empty without it
    "triton": "torch",  # whose wheels for CUDA bring it
    "triton.language": "torch",
}
PROGRAM = """
import importlib, sys
import anyres_bench.metrics
from anyres_bench.collectors import COLLECTORS
from anyres_bench.collectors.flickr_domains import presets as domains
from anyres_bench.training.stages import presets
from anyres_bench.cli.main import COMMANDS
from anyres_bench.models.embedded import embedded_weights
from anyres_bench.models.families import PARTS, parts, published_weights
for table in (anyres_bench.metrics.METRICS, COLLECTORS, *map(parts, PARTS)):
    for name in table:
        table.get(name)
for module, _ in COMMANDS.values():
    importlib.import_module(module)
assert "liif-rdn" in published_weights()
assert all(one.n_bytes > 1e5 for one in embedded_weights())
assert "ours-seed0" in [one.name for one in embedded_weights()]
assert "birds-hr" in domains() and "scenes-tiny" in presets()
print(anyres_bench.__path__[0])
"""


def run(cwd: Path, **env: str) -> Path:
    kept = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=cwd,
        env={**kept, **env},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return Path(result.stdout.strip())


@functools.cache
def imported() -> set[str]:
    """Names of the libraries that the package imports somewhere, the standard library left out."""
    names: set[str] = set()
    for room in ("anyres_bench", "collectors", "metrics", "baselines"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "library":
                    modules = [ast.literal_eval(node.args[0])]  # imported where it is asked for
                elif isinstance(node, ast.Import):
                    modules = [alias.name for alias in node.names]
                else:
                    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names |= {PACKAGES.get(module, module).split(".")[0] for module in modules}
    return names - set(sys.stdlib_module_names) - {"anyres_bench"}


def declared() -> tuple[set[str], set[str]]:
    """(dependencies, those of the extras that running needs), as import names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    optional = [line for name in extras if name not in FOR_TESTS for line in extras[name]]
    return tuple(  # type: ignore[return-value]
        {IMPORTED_AS.get(name, name) for line in lines for name in re.findall(r"^[\w.-]+", line)}
        for lines in (project["dependencies"], optional)
    )


def test_what_is_imported_is_declared() -> None:
    needed, optional = declared()
    assert imported() - needed - optional == set()


def test_what_is_declared_has_a_job() -> None:
    needed, optional = declared()
    of_clean_fid = {"requests"}
    assert (needed | optional) - imported() == of_clean_fid


def test_a_checkout_without_links(tmp_path: Path) -> None:
    """As a zip download is unpacked where links are written as small text files."""
    for room in ("metrics", "collectors", "baselines"):
        shutil.copytree(ROOT / room, tmp_path / room)
    package = ROOT / "anyres_bench"

    def links(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if (Path(folder) / name).is_symlink()]

    shutil.copytree(package, tmp_path / "anyres_bench", ignore=links)
    for room in links(str(package), os.listdir(package)):
        (tmp_path / "anyres_bench" / room).write_text(f"../{room}")
    code = (
        "from anyres_bench.metrics import METRICS; from anyres_bench.collectors import COLLECTORS; "
        "from anyres_bench.models.families import families; "
        "from anyres_bench.collectors.flickr_domains import presets; "
        "assert 'kid' in METRICS and 'scenes' in COLLECTORS and presets() and list(families()); "
        "import anyres_bench.metrics as found; print(found.__file__)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert Path(ran.stdout.strip()).parent == tmp_path / "metrics"


@pytest.mark.slow
def test_a_bare_checkout(tmp_path: Path) -> None:
    assert run(tmp_path, PYTHONPATH=str(ROOT)) == ROOT / "anyres_bench"


@pytest.mark.slow
def test_the_environment_of_the_tests(tmp_path: Path) -> None:
    """`make install` is an editable install; without it there is nothing to test here."""
    code = "import importlib.util as u; print(u.find_spec('anyres_bench') is not None)"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    if found.stdout.strip() != "True":
        pytest.skip("anyres-bench is not installed in this environment")
    assert run(tmp_path) == ROOT / "anyres_bench"


@pytest.mark.slow
def test_a_wheel(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    source, site = tmp_path / "source", tmp_path / "site"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run([*wheel, str(source)], check=True)
    [built] = tmp_path.glob("anyres_bench-*.whl")
    install = [*pip, "install", "--no-deps", "--no-compile", "--target", str(site), str(built)]
    subprocess.run(install, check=True)
    assert {path.name for path in site.iterdir() if path.suffix != ".dist-info"} <= {
        "anyres_bench",
        "bin",
    }
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    paths = os.pathsep.join([str(site), *libraries])
    assert run(tmp_path, PYTHONPATH=paths).resolve() == (site / "anyres_bench").resolve()
