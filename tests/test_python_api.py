"""The Python API and the code of the docs, run as it stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import anyres_bench as ab
from anyres_bench.cli.main import cli
from anyres_bench.core.errors import GeneratorError
from anyres_bench.models.checking import check_model
from tests.baselines.stylegan2.conftest import write

ROOT = Path(__file__).resolve().parents[1]
DOCS = ("python.md", "your_model.md")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("api")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ANYRES_BENCH_CACHE", str(folder / "cache"))
        options = ["--n", "30", "--min-size", "64", "--max-size", "96", "--measure", "header"]
        command = ["collect", "scenes", "data/photos", "--processes", "1", *options]
        assert CliRunner().invoke(cli, command, catch_exceptions=False).exit_code == 0
        write(folder / "ffhq.pkl")
        shutil.copytree("data/photos/images", "generated")
        yield folder


def blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / name).read_text(), re.DOTALL)


@pytest.mark.parametrize("number", range(len(blocks("python.md"))))
def test_the_code_of_the_python_page_runs(number: int, home: Path) -> None:
    exec(blocks("python.md")[number], {})


def is_model(code: str) -> bool:
    return "def make" in code


def test_the_ways_to_plug_in_a_model_are_all_there_and_short() -> None:
    codes = blocks("your_model.md")
    assert [is_model(code) for code in codes].count(True) == 4
    assert len(codes) == 6
    for code in codes:
        assert len([line for line in code.splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("code", [c for c in blocks("your_model.md") if not is_model(c)])
def test_the_files_of_the_page_are_measured(code: str, home: Path) -> None:
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["found"][0].values["frechet"] > 0


MODELS = [code for code in blocks("your_model.md") if is_model(code)]


@pytest.mark.parametrize("number", range(len(MODELS)))
def test_the_models_of_the_page_keep_the_contract(number: int, home: Path) -> None:
    code = MODELS[number]
    file = home / f"model{number}.py"
    file.write_text(code)
    if "trace" in code:
        exec(code, {})
    model = ab.load(f"{file.name}:make")
    steps = list(check_model(model))
    assert [step.fault for step in steps] == [""] * 4
    assert re.search(r"(weights|canary)@[0-9a-f]{12}", model.id)
    found = ab.evaluate(f"{file.name}:make", "data/photos", "patch32-at64/frechet", n=8)
    assert found[0].values["frechet"] > 0


def test_results_are_read_back_as_a_table(home: Path) -> None:
    ab.evaluate("constant", "data/photos", "patch32-at64/frechet", n=8, out="table")
    frame = ab.read_results("table").to_frame()
    assert list(frame["name"]) == ["frechet"]
    assert ab.open_dataset("data/photos").id == "photos"


def test_importing_is_light_and_names_are_there() -> None:
    code = (
        "import sys, anyres_bench as ab; heavy = {'torch', 'pandas', 'scipy', 'PIL', 'numpy'}; "
        "assert not heavy & set(sys.modules); assert set(ab.__all__) <= set(dir(ab))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    for name in ab.__all__:
        assert getattr(ab, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        _ = ab.evalute  # type: ignore[attr-defined]


def test_the_commands(home: Path) -> None:
    run = CliRunner().invoke
    (home / "bad.py").write_text(
        "import torch, anyres_bench as ab\n"
        "def make(): return ab.FixedSize(lambda z: torch.rand(1, 3, 8, 8) * 255, 8, z_dim=2)\n"
    )
    shown = run(cli, ["check-model", "bad.py:make"])
    assert "FAIL  draws pictures" in shown.output
    assert isinstance(shown.exception, GeneratorError)
    assert "/ 127.5 - 1" in str(shown.exception)
    folder = "data/photos/images"
    shown = run(cli, ["compare", folder, folder, "--metric", "frechet"], catch_exceptions=False)
    assert "frechet" in shown.output
