"""What may be compared with a file, and what the ids say of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.evaluation.reference_plans import plan_against, reference_record
from anyres_bench.evaluation.requests import Request
from anyres_bench.features.own_references import write_reference
from anyres_bench.features.reference_files import read_reference
from anyres_bench.features.references import Origin
from anyres_bench.features.stats import Moments
from anyres_bench.results import DatasetRecord, SizeHistogram
from tests.reference_files import batch, mu_sigma, rows, stylegan

DIM = 154  # of builtin
IMAGES = DatasetRecord(
    "tiny", "ab" * 32, "cd" * 32, "ef" * 32, 9, 8, 7, SizeHistogram((1, 2), (9,))
)
ORIGIN = Origin("tiny:half", "anyres-full40", "builtin-v1", 3, IMAGES, {})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, features = tmp_path_factory.mktemp("files"), rows(dim=DIM)
    write_reference(folder / "ours.npz", Moments.of(features), ORIGIN)
    np.savez(folder / "images.npz", batch())
    return {
        "foreign": mu_sigma(folder / "foreign.npz", features),
        "small": mu_sigma(folder / "small.npz", rows()),
        "stylegan": stylegan(folder / "stylegan.pkl", features),
        "adm": mu_sigma(folder / "adm.npz", features, arr_0=batch()),
        "images": folder / "images.npz",
        "ours": folder / "ours.npz",
    }


def plan(files, name: str, wanted: str = "anyres-full40-noflip/frechet", **changes):
    request = Request((wanted,), changes.pop("extractor", "builtin"), 30)
    part = changes.pop("part", None)
    tasks, _ = plan_against(read_reference(files[name]), request, changes.pop("seed", 0), part)
    return [task.id for task in tasks]


def test_a_file_that_says_everything_is_of_its_task(files) -> None:
    expected = ["tiny:half/anyres-full40/frechet-ddof1/builtin-v1/n30@1"]
    assert plan(files, "ours", "quick", extractor=None, seed=3) == expected
    assert plan(files, "ours", "anyres-full40/frechet", seed=3) == expected


def test_of_others_the_id_names_the_numbers(files) -> None:
    [task] = plan(files, "foreign")
    digest = read_reference(files["foreign"]).gaussian.digest
    assert task == f"stats@{digest[:16]}/anyres-full40-noflip/frechet-ddof1/builtin-v1/n30@1"
    assert plan(files, "stylegan")[0].startswith("stats@")
    [kid] = plan(files, "adm", "anyres-full40-noflip/kid")
    assert kid.startswith(f"batch@{read_reference(files['adm']).images.digest[:16]}/")
    assert plan(files, "adm")[0].startswith("stats@")
    assert plan(files, "adm", part="images")[0].startswith("batch@")


@pytest.mark.parametrize(
    ("name", "wanted", "changes", "message"),
    [
        ("foreign", "quick", {}, "does not say how its images were cut"),
        ("foreign", "anyres-full40/frechet", {"extractor": None}, "does not say which network"),
        ("foreign", "anyres-full40/kid", {}, "holds moments, and kid needs images"),
        ("foreign", "anyres-full40/vendi", {}, "looks at a model's images alone"),
        ("foreign", "tiny/anyres-full40/frechet", {}, "is of unknown images: leave it out"),
        ("small", "anyres-full40/frechet", {}, "of 6 dimensions, builtin-v1 gives 154"),
        ("foreign", "anyres-full40/frechet", {"part": "images"}, "needs images"),
        ("images", "anyres-full40-noflip/frechet", {"part": "moments"}, "needs moments"),
        ("images", "anyres-full40/frechet", {}, "as anyres-full40-noflip is"),
        ("images", "patch32-at40/frechet", {}, "are compared whole"),
        ("images", "anyres-full64-noflip/frechet", {}, "are 40x40 px"),
        ("ours", "anyres-full40/frechet", {}, "made with seed 3, and 0 was asked for"),
        ("ours", "anyres-full64/frechet", {"seed": 3}, "made with protocol anyres-full40"),
        ("ours", "other/anyres-full40/frechet", {"seed": 3}, "is of tiny:half"),
    ],
)
def test_what_a_file_does_not_allow(files, name, wanted, changes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(files, name, wanted, **changes)


def test_what_nobody_said_is_recorded(files) -> None:
    record = reference_record(read_reference(files["foreign"]), "moments")
    assert (record.layout, record.used, record.n) == ("mu-sigma", "moments", None)
    assert record.unknown == ("images", "split", "resize", "codec", "extractor", "n")
    record = reference_record(read_reference(files["stylegan"]), "moments")
    assert (record.n, "n" in record.unknown) == (40, False)
    assert reference_record(read_reference(files["ours"]), "moments").unknown == ()
    assert reference_record(read_reference(files["adm"]), "images").n == 24
