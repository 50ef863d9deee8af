from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.files import cache_dir, sha256_file
from anyres_bench.evaluation.report_samples import samples_path
from anyres_bench.features.stats import FeatureBank
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, chosen, submit
from anyres_bench.results import FeaturesRecord
from anyres_bench.results.record import ImagesRecord
from tests.leaderboard import submitted
from tests.leaderboard.submitted import results_of

CARD = Card("MIT", "own photographs")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))


def test_all_files_are_listed_with_their_digests(tmp_path: Path) -> None:
    made = submit(results_of(), tmp_path / "s", CARD, Enclosed("float16"))
    there = {p.relative_to(tmp_path / "s").as_posix() for p in (tmp_path / "s").rglob("*.*")}
    assert there == {"submission.json", *made.submission.files}
    for name, said in made.submission.files.items():
        assert sha256_file(tmp_path / "s" / name) == said.sha256
    assert (
        sum(name.startswith("features/") for name in made.submission.files) == 2
    )  # once for both records


def test_pictures_go_with_it_up_to_32_patches(tmp_path: Path) -> None:
    results = results_of()
    path = samples_path(results[0].states["fake"].key)
    path.parent.mkdir(parents=True)
    Image.new("RGB", (8 * 32, 32)).save(path)
    made = submit(results, tmp_path / "s", CARD, Enclosed())
    assert "samples/patch32-at32.png" in made.submission.files
    none = submit(results, tmp_path / "none", CARD, Enclosed(samples=False))
    assert not any(name.startswith("samples/") for name in none.submission.files)
    Image.new("RGB", (33 * 32, 32)).save(path)
    many = submit(results, tmp_path / "many", CARD, Enclosed())
    assert not any(name.startswith("samples/") for name in many.submission.files)


def test_nothing_is_left_where_features_are_gone(tmp_path: Path) -> None:
    results = results_of()
    shutil.rmtree(cache_dir())
    with pytest.raises(UsageError, match="--features none"):
        submit(results, tmp_path / "s", CARD, Enclosed("float32"))
    assert not (tmp_path / "s").exists()


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    with pytest.raises(FileExistsError):
        submit(results_of(), tmp_path / "s", CARD, Enclosed())


def test_two_models_are_no_submission(tmp_path: Path) -> None:
    both = results_of("a") + results_of("b")
    with pytest.raises(UsageError, match=r"of 2: a, b.*--model"):
        submit(both, tmp_path / "s", CARD, Enclosed())
    assert {result.model.id for result in chosen(both, "b")} == {"b"}
    with pytest.raises(UsageError, match="some of a, b"):
        chosen(both, "c")


@pytest.mark.parametrize("card", [Card("", "x"), Card("MIT", " ")])
def test_a_card_says_licence_and_data(tmp_path: Path, card: Card) -> None:
    with pytest.raises(UsageError, match="--licence"):
        submit(results_of(), tmp_path / "s", card, Enclosed())


def test_what_check_would_refuse_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers of 2,000 are whole in float16, so distances of a tenth are gone."""
    near = submitted.kept

    def far(
        side: str, shift: float = 0.0, label: str = "patch32-at32"
    ) -> tuple[FeatureBank, FeaturesRecord]:
        return near(side, shift + 2000, label)

    monkeypatch.setattr(submitted, "kept", far)
    results = results_of()
    with pytest.raises(DataError, match=r"(?s)values against features: .*--features float32"):
        submit(results, tmp_path / "s", CARD, Enclosed("float16"))
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert submit(results, tmp_path / "s", CARD, Enclosed("float32")).tier == "recomputed"
    leaked = [replace(one, fake=ImagesRecord(9, 9, 2)) for one in results]
    with pytest.raises(DataError, match=r"leaks: .*2 of its images"):
        submit(leaked, tmp_path / "leaked", CARD, Enclosed())
    assert not (tmp_path / "leaked").exists()
