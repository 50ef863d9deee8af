"""The ceiling, the floors, folders, and the contract battery that holds every generator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from anyres_bench.core.errors import (
    DatasetError,
    GeneratorError,
    UnknownNameError,
    UsageError,
)
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.pixels import to_uint8
from anyres_bench.data.reading import read_image
from anyres_bench.models.contract import check_contract
from anyres_bench.models.controls import constant, folder, real, resample
from anyres_bench.models.generator import Generator, ImageGenerator
from tests.fakes import Broken, Tiled, Waves, write_dataset

SIZES = [(40, 60), (64, 48), (33, 32), (90, 90), (20, 30), (50, 51)]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory):
    return write_dataset(tmp_path_factory.mktemp("images") / "set", SIZES)


@pytest.mark.parametrize("spec", ["real", "resample:lanczos@16", "resample:nearest@33"])
def test_stored_images_keep_the_contract(images, spec: str) -> None:
    head, _, rest = spec.partition(":")
    generator = {"real": real, "resample": resample}[head](rest).on(images)
    assert isinstance(generator, Generator)
    assert isinstance(generator, ImageGenerator)
    assert generator.id == spec
    report = check_contract(generator)
    assert report.off_grid_max == 0


@pytest.mark.parametrize("generator", [Waves(), constant(""), constant("7")])
def test_continuous_models_keep_the_contract(generator: Generator) -> None:
    report = check_contract(generator)
    assert report.canvas == Size(2 * generator.native.height, 2 * generator.native.width)
    assert report.off_grid_max < 1e-5


def test_disagreement_off_the_grid_is_measured_not_judged() -> None:
    report = check_contract(Tiled())
    assert 0.01 < report.off_grid_rms < report.off_grid_max
    assert check_contract(Tiled(), Size(80, 96)).canvas == Size(80, 96)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("shape", "returned shape"),
        ("nan", "NaN"),
        ("bytes", r"looks like \[0, 255\]"),
        ("double", "float64"),
        ("batch", "depends on its batch"),
        ("forgetful", "same seed gives another image"),
        ("drifting", "is not the crop"),
    ],
)
def test_broken_promises_are_named(how: str, message: str) -> None:
    with pytest.raises(GeneratorError, match=message):
        check_contract(Broken(how))


def test_real_is_the_file(images) -> None:
    generator = real("").on(images)
    for i, record in enumerate(images.manifest):
        whole = generator.sample(generator.latents([i + 6]), [Region.whole(record.size)])
        stored = np.asarray(Image.open(images.path(record)))
        np.testing.assert_array_equal(to_uint8(whole)[0].permute(1, 2, 0).numpy(), stored)


def test_resampling_loses_detail_and_keeps_the_size(images) -> None:
    errors = {}
    for spec in ("lanczos@24", "nearest@24", "lanczos@12", "lanczos@90"):
        generator = resample(spec).on(images)
        pairs = [(generator.pixels(i), read_image(images, i)) for i in range(len(SIZES))]
        assert all(a.shape == b.shape for a, b in pairs)
        errors[spec] = np.mean([np.square(a.astype(float) - b).mean() for a, b in pairs])
    assert errors["lanczos@90"] == 0
    assert 0 < errors["lanczos@24"] < min(errors["nearest@24"], errors["lanczos@12"])


def test_constant_has_the_level_it_is_given() -> None:
    window = Region.whole(Size(5, 7))
    assert set(to_uint8(constant("").sample(1, [window])).unique().tolist()) == {128}
    assert set(to_uint8(constant("255").sample(2, [window] * 2)).unique().tolist()) == {255}


def test_windows_of_another_canvas_are_refused(images) -> None:
    generator = real("").on(images)
    with pytest.raises(GeneratorError, match="image 0 is 40x60"):
        generator.sample(generator.latents([0]), [Region.whole(Size(60, 40))])


def test_folders_take_anything_and_say_what_they_left_out(tmp_path: Path) -> None:
    write_dataset(tmp_path / "set", SIZES[:3])
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.png"):
        (tmp_path / "tree" / name).write_bytes((tmp_path / "set" / "0000.png").read_bytes())
    (tmp_path / "tree" / "notes.txt").write_text("no image")
    (tmp_path / "tree" / "empty.jpg").touch()
    (tmp_path / "tree" / ".hidden.png").write_bytes(b"x")
    tree, collected = folder(str(tmp_path / "tree")), folder(str(tmp_path / "set"))
    assert [image.file_name for image in tree.images.manifest] == ["a.png", "sub/b.png"]
    assert tree.images.recipe["rejects"] == {"empty": 1, "not-an-image": 1}
    assert len(collected.images.manifest) == 3
    assert tree.id.startswith("folder:tree@")
    assert tree.id != collected.id
    check_contract(tree)


def test_a_folder_of_ones_own_may_hold_names_that_no_table_may(tmp_path: Path) -> None:
    write_dataset(tmp_path / "set", SIZES[:1])
    image = (tmp_path / "set" / "0000.png").read_bytes()
    (tmp_path / "tree").mkdir()
    names = [b"line\nend.png", b"back\\slash.png", b"latin-\xe9.png", b"C:drive.png"]
    for name in names:
        (tmp_path / "tree" / os.fsdecode(name)).write_bytes(image)
    tree = folder(str(tmp_path / "tree"))
    assert len(tree.images.manifest) == len(names)
    assert tree.images.recipe["rejects"] == {}
    check_contract(tree)


@pytest.mark.parametrize(
    ("make", "argument", "error", "message"),
    [
        (real, "x", UsageError, "takes no argument"),
        (resample, "lanczos", UsageError, "FILTER@SIDE"),
        (resample, "lanczos@0", UsageError, "FILTER@SIDE"),
        (resample, "lanzcos@64", UnknownNameError, "did you mean lanczos"),
        (constant, "256", UsageError, "0 to 255"),
        (folder, "", UsageError, "needs a path"),
        (folder, "/nowhere/at/all", DatasetError, "no folder"),
    ],
)
def test_bad_specs(make, argument: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(argument)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("no image")
    with pytest.raises(DatasetError, match=r"holds no image .1 not-an-image"):
        folder(str(tmp_path))


def test_latents_do_not_depend_on_their_neighbours() -> None:
    window = Region.whole(Size(16, 16))
    pair = Waves().sample(Waves().latents([4, 5]), [window] * 2)
    assert torch.equal(pair[1:], Waves().sample(Waves().latents([5]), [window]))


@pytest.mark.slow
def test_a_folder_is_the_same_under_any_locale(tmp_path: Path) -> None:
    for i, name in enumerate([b"\xc3\xa9.png", b"\xe9.png", b"z.png", "\U0001f600.png".encode()]):
        path = tmp_path / "bücher" / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (9 + i, 8)).save(path, "PNG")
    program = (
        "import sys; from anyres_bench.models.controls import folder\n"
        "model = folder(sys.argv[1]); print(ascii(model.id))\n"
        "print([r.width for r in model.images.manifest])\n"
        "print(sum(model.images.path(r).is_file() for r in model.images.manifest))"
    )
    ascii_ = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    told = {
        subprocess.run(
            [sys.executable, "-c", program, "bücher"],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **locale},
            cwd=tmp_path,
            check=True,
            capture_output=True,
            timeout=120,
        ).stdout
        for locale in (ascii_, {"PYTHONUTF8": "1"})
    }
    assert len(told) == 1, told
    assert told.pop().endswith(b"\n4\n")


def test_a_dataset_in_the_place_of_a_model_is_what_its_records_say(tmp_path: Path) -> None:
    """Its features are kept under their digest."""
    dataset = write_dataset(tmp_path, [(8, 9)] * 3)
    assert folder(str(tmp_path)).images.digest == dataset.digest
    Image.new("RGB", (9, 8)).save(dataset.path(dataset.manifest[1]))
    with pytest.raises(DatasetError, match="is not the file that was collected"):
        folder(str(tmp_path))
