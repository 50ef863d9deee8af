"""The folder of wrong sizes that the demonstration makes; it keeps what is not its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from anyres_bench.building.pipeline import Order, build
from anyres_bench.collectors.folder import Folder
from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.core.files import sha256_file
from anyres_bench.data.headers import probe
from anyres_bench.data.protocols import protocol_from
from anyres_bench.evaluation.demonstration import (
    LEAST,
    _write_notes,
    check_enough,
    check_origin,
    window_tasks,
    write_wrong_sizes,
)
from anyres_bench.metrics.detectability import Detectability
from tests.fakes import write_dataset


def test_held_out_images_in_other_sizes_and_a_file_that_is_none(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", [(40, 48)] * 8)
    folder = tmp_path / "wrong"
    write_wrong_sizes(dataset, folder)
    made = sorted(folder.glob("*.png"))
    assert len(made) == 10  # of four
    assert len({probe(path).size for path in made}) == 10
    assert (folder / "notes.txt").read_text() == "not an image\n"
    before = [sha256_file(path) for path in made]
    write_wrong_sizes(dataset, folder)
    assert [sha256_file(path) for path in made] == before


def test_small_photographs_too_leave_images_that_are_large_enough(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", [(65, 66)] * 12)
    write_wrong_sizes(dataset, tmp_path / "wrong")
    made = [probe(path).size for path in sorted((tmp_path / "wrong").glob("*.png"))]
    for task in window_tasks(dataset):
        needs = protocol_from(task.split("/")[0]).rule.needs
        assert sum(size.shorter >= needs.longer for size in made) >= 2


def test_no_metric_of_the_quick_suite_needs_more_images() -> None:
    """The number is written down again so that the demo begins before it has loaded metrics."""
    assert Detectability().folds == LEAST
    code = "import sys, anyres_bench.evaluation.demonstration; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_windows_are_asked_for(tmp_path: Path) -> None:
    tasks = window_tasks(write_dataset(tmp_path / "d", [(64, 64)] * 8))
    assert tasks
    assert all(task.startswith("anyres-patch") for task in tasks)


def test_the_demo_keeps_notes_that_are_not_its_own(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    for _ in range(2):
        _write_notes(notes)
    notes.write_text("mine")
    with pytest.raises(UsageError, match="another folder"):
        _write_notes(notes)
    assert notes.read_text() == "mine"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([(480, 320)] * 3, "it has 3 images; one half is the reference"),
        ([(480, 320)] * 8, "photos has 8 images, and 4 in a half .* needs 5 in each"),
        ([(480, 320)] * 10, None),
    ],
)
def test_too_few_photographs_are_told_before_anything_is_measured(
    tmp_path: Path, sizes: list[tuple[int, int]], message: str | None
) -> None:
    dataset = write_dataset(tmp_path / "d", sizes, sources=("a",), name="photos")
    if message is None:
        return check_enough(dataset)
    with pytest.raises(DatasetError, match=message):
        check_enough(dataset)


def test_a_demo_goes_on_with_its_own_images_alone(tmp_path: Path) -> None:
    """What another folder left in the dataset would be measured with this one's."""
    one, other, data = tmp_path / "one", tmp_path / "other", tmp_path / "demo" / "data"
    for folder, n in ((one, 3), (other, 2)):
        write_dataset(folder, [(40, 48)] * n)
    check_origin(data, "photos", one)
    build(Order(Folder(one), data, "photos"))
    check_origin(data, "photos", one)
    with pytest.raises(UsageError, match=r"1 images that are not in .*other, such as 0002\.png"):
        check_origin(data, "photos", other)
    with pytest.raises(UsageError, match="holds photos and not scenes; name another folder"):
        check_origin(data, "scenes", None)
