"""Factories by their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.factories import imported_factory, is_factory


def test_places() -> None:
    assert is_factory("some/where/mine.py:build")
    assert is_factory("package.module:Build")
    assert not is_factory("folder:a/b")
    assert not is_factory("resample:lanczos@64")
    assert not is_factory("mine.py:")


def test_files(tmp_path: Path) -> None:
    (tmp_path / "place_of_mine.py").write_text("def build():\n    return 7\n\nvalue = 3\n")
    name, factory = imported_factory(f"{tmp_path / 'place_of_mine.py'}:build")
    assert (name, factory()) == ("place_of_mine", 7)
    with pytest.raises(UnknownNameError, match="did you mean build"):
        imported_factory(f"{tmp_path / 'place_of_mine.py'}:bild")
    with pytest.raises(UnknownNameError):
        imported_factory(f"{tmp_path / 'place_of_mine.py'}:value")
    (tmp_path / "broken_of_mine.py").write_text("def build(:\n")
    with pytest.raises(UsageError, match="cannot be imported"):
        imported_factory(f"{tmp_path / 'broken_of_mine.py'}:build")


def test_code_that_goes_to_another_folder_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "goes_away.py").write_text("import os\nos.chdir('/')\nbuild = dict\n")
    imported_factory("goes_away.py:build")
    assert Path.cwd() == tmp_path.resolve()


def test_modules() -> None:
    assert imported_factory("collections:Counter")[0] == "collections"
    with pytest.raises(UsageError, match="PYTHONPATH\\? Or so"):
        imported_factory("no_such_package:build", "Or so")
