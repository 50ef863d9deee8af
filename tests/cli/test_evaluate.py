"""The command line as people meet it: what it prints, what it refuses, how it stops."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anyres_bench.cli.main import main
from anyres_bench.results import read_results
from tests.fakes import write_dataset

ROOT = Path(__file__).resolve().parents[2]
SIZES = [(48 + 2 * i, 50 + 4 * (i % 5)) for i in range(20)]
TASK = "patch32-at40/frechet"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", SIZES).folder


@pytest.fixture
def data(images: Path, tmp_path: Path) -> str:
    return str(shutil.copytree(images, tmp_path / "tiny"))


def call(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command run in this process."""
    try:
        main(list(arguments))
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    captured = capfd.readouterr()
    return code, captured.out, captured.err


def test_the_whole_way_to_a_report(data: str, tmp_path: Path, capfd) -> None:
    common = ("--dataset", data, "--suite", TASK, "--n", "20")
    code, out, _ = call(capfd, "evaluate", "real", *common)
    assert code == 0
    header, line, *cautions = out.splitlines()
    assert [caution.split(":")[0] for caution in cautions] == ["few-groups"]
    assert header.split()[:2] == ["model", "value"]
    assert line.startswith("real")
    assert line.endswith("tiny:half/patch32-at40/frechet-ddof1/builtin-v1/n20@1")
    code, out, _ = call(capfd, "evaluate", "constant", *common, "--json")
    (record,) = json.loads(out)
    assert (code, record["model"]["id"], record["n_fake"]) == (0, "constant:128", 20)
    code, out, _ = call(capfd, "report", "results", "--out", "page.html")
    assert (code, out) == (0, "wrote page.html\n")
    assert record["task"] in Path("page.html").read_text()
    files = sorted(map(str, Path("results").rglob("*.json")))
    code, out, _ = call(capfd, "report", "--compare", *files)
    assert code == 0
    assert "constant:128 minus real" in out
    assert "]  apart  (few-groups)\n" in out


def test_a_full_id_is_understood_and_nothing_runs_twice(data: str, capfd) -> None:
    task = "tiny:half/patch32-at40/frechet-ddof1/builtin-v1/n20@1"
    call(capfd, "evaluate", "real", "--dataset", data, "--suite", TASK, "--n", "20")
    (path,) = Path("results").rglob("*.json")
    stamp = path.stat().st_mtime_ns
    code, out, _ = call(capfd, "evaluate", "real", "--dataset", data, "--suite", task, "--json")
    assert code == 0
    assert json.loads(out)[0]["task"] == task
    assert path.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["real", "--suite", "quik"], 2, "unknown task 'quik'"),
        (["real", "--suite", "anyres-ful64/frechet"], 2, "did you mean anyres-full256"),
        (["real", "--suite", "patch32-at40/frechett"], 2, "did you mean frechet"),
        (["reel", "--suite", TASK], 2, "did you mean real"),
        (["real", "--suite", TASK, "--extractor", "biultin"], 2, "did you mean builtin"),
        (
            ["real", "--suite", "anyres-full40/frechet", "--extractor", ""],
            2,
            "unknown extractor ''",
        ),
        (["real", "--suite", TASK, "--n", "1"], 2, "not in the range x>=2"),
        (["real", "--suite", TASK, "--seed", str(1 << 63)], 2, "the seed has 64 bits"),
        (["real", "--suite", "patch32-at400/frechet"], 1, "0 of 10 are that large"),
        (["real", "--suite", "anyres-full40/frechet", "--n", "99"], 1, "only 20, mirrored"),
        (
            ["real", "--suite", "tiny/anyres-full40/frechet"],
            2,
            "--suite tiny:half/anyres-full40/frechet-ddof1",
        ),
        (["real", "--suite", "fid-full40"], 2, "--suite tiny:half/anyres-full40/frechet-ddof0/inc"),
        (["real", "--suite", "patch16-at40/frechet"], 2, "too small for builtin"),
        (["tests.fakes:nan", "--suite", TASK, "--n", "20"], 1, "NaN or infinite"),
        (["folder:nowhere", "--suite", TASK], 1, "no folder nowhere"),
        (["real", "--suite", TASK, "--psi", "0.7"], 2, "has no option psi"),
    ],
)
def test_bad_calls(data: str, capfd, arguments: list[str], code: int, message: str) -> None:
    got, out, err = call(capfd, "evaluate", *arguments, "--dataset", data)
    assert message in err
    assert (got, out) == (code, "")
    assert not Path("results").exists()


def test_bad_datasets(tmp_path: Path, capfd) -> None:
    code, _, err = call(capfd, "evaluate", "real", "--dataset", "nowhere")
    assert (code, "no dataset at nowhere" in err) == (1, True)
    (tmp_path / "empty").mkdir()
    code, _, err = call(capfd, "evaluate", "real", "--dataset", "empty")
    assert (code, "collect folder" in err) == (1, True)


def test_report_of_nothing(tmp_path: Path, capfd) -> None:
    (tmp_path / "none").mkdir()
    code, _, err = call(capfd, "report", "none")
    assert (code, "no results in none" in err) == (1, True)


def test_different_tasks_are_refused(data: str, capfd) -> None:
    for n in ("20", "21"):
        call(capfd, "evaluate", "constant", "--dataset", data, "--suite", TASK, "--n", n)
    files = map(str, Path("results").rglob("*.json"))
    code, out, err = call(capfd, "report", "--compare", *files)
    assert (code, out) == (1, "")
    assert "they differ in n: " in err


def start(data: str, **limits: int) -> subprocess.Popen[str]:
    """A slow evaluation in a process of its own."""

    def limit() -> None:
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, value))

    return subprocess.Popen(
        [sys.executable, "-m", "anyres_bench", "evaluate", "tests.fakes:slow"]
        + ["--dataset", data, "--suite", TASK, "--n", "300", "--batch-size", "8"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )


@pytest.mark.slow
def test_a_stopped_run_keeps_what_is_complete(data: str, tmp_path: Path, capfd) -> None:
    run = start(data)
    features = tmp_path / "cache" / "features"
    deadline = time.monotonic() + 120
    # 5 shards of the reals, then the first of the fakes
    while len(list(features.glob("*.safetensors"))) < 6 and time.monotonic() < deadline:
        time.sleep(0.05)
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert "the same command goes on where it was" in err
    assert not Path("results").exists()
    kept = {path.name: path.stat().st_mtime_ns for path in features.iterdir()}
    assert 6 <= len(kept) < 10
    again = ["evaluate", "tests.fakes:slow", "--dataset", data, "--suite", TASK, "--n", "300"]
    code, _, err = call(capfd, *again)
    assert code == 0, err
    assert all((features / name).stat().st_mtime_ns == stamp for name, stamp in kept.items())
    (result,) = read_results([Path("results")]).results
    assert result.n_fake == 300


@pytest.mark.slow
def test_a_full_disk_is_an_error_and_leaves_nothing_half_written(data: str, tmp_path: Path) -> None:
    run = start(data, RLIMIT_FSIZE=2000)
    _, err = run.communicate(timeout=120)
    assert run.returncode == 1, err
    assert "cannot be" in err
    assert "free some space" in err
    assert "Traceback" not in err
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not Path("results").exists()


def test_what_was_kept_is_marked_and_measured_again_when_asked(data: str, capfd) -> None:
    common = ("evaluate", "constant", "--dataset", data, "--suite", TASK, "--n", "20")
    _, first, told = call(capfd, *common)
    assert "kept" not in first + told
    (path,) = Path("results").rglob("*.json")
    before = path.stat().st_mtime_ns
    _, second, told = call(capfd, *common)
    assert second.splitlines()[1] == first.splitlines()[1] + "  (kept)"
    assert "1 of 1 tasks were measured before" in told
    assert path.stat().st_mtime_ns == before
    _, third, told = call(capfd, *common, "--fresh")
    assert (third, "kept" in told) == (first, False)
    assert path.stat().st_mtime_ns > before


def test_fresh_uses_no_feature_that_was_kept(data: str, capfd) -> None:
    common = ("evaluate", "constant", "--dataset", data, "--suite", TASK, "--n", "20", "--fresh")
    call(capfd, *common)
    kept = list(Path("cache/features").glob("*.safetensors"))
    for path in kept:
        path.write_bytes(b"damaged")
    assert call(capfd, *common)[0] == 0
    assert all(path.read_bytes() != b"damaged" for path in kept)


def test_a_dry_run_says_what_it_takes_and_writes_nothing(data: str, tmp_path: Path, capfd) -> None:
    common = ("evaluate", "scenes", "--dataset", data, "--n", "20")
    suites = ("--suite", TASK, "--suite", "fid-full32")
    code, out, _ = call(capfd, *common, *suites, "--dry-run")
    assert code == 0
    assert "tasks      2, of which 0 are measured already" in out
    assert f"  tiny:half/{TASK}-ddof1/builtin-v1/n20@1" in out
    assert "items      40 to compute" in out  # 20 windows of each side
    assert "downloads  inception-v3-torchscript, 95.6 MB, NVIDIA Source Code License; needs" in out
    assert "MB of features" in out
    assert not Path("results").exists()
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    call(capfd, *common, "--suite", TASK)
    code, out, _ = call(capfd, *common, "--suite", TASK, "--dry-run")
    assert (code, "  (kept)" in out, "items      0 to compute" in out) == (0, True, True)


def test_a_dry_run_says_once_what_is_left_out_and_tells_held_out_images_from_the_model(
    data: str, capfd: pytest.CaptureFixture[str]
) -> None:
    common = ("evaluate", "real", "--dataset", data, "--n", "10", "--dry-run")
    code, out, told = call(capfd, *common, "--suite", "ar1-patch32-min32max45")
    assert code == 0
    assert told.count("\nfd-infinity-groups") + told.startswith("fd-infinity-groups") == 1
    for who in ("reference", "real", "held-out"):
        assert out.count(f"  ar1-patch32-at32 {who}: 10, of which 0") >= 1


def test_mistakes_are_told_before_weights_are_asked_for(data: str, capfd) -> None:
    fid = ("--suite", "fid-full32", "--n", "10")
    code, _, told = call(capfd, "evaluate", "scene", "--dataset", data, *fid)
    assert (code, "did you mean scenes" in told, "inception" in told) == (2, True, False)
    few = data  # a folder that is no checkpoint
    code, _, told = call(capfd, "evaluate", few, "--dataset", data, *fid)
    assert (code, f"write folder:{few}" in told) == (1, True)
    code, _, told = call(capfd, "evaluate", "scenes", "--dataset", data, *fid)
    assert code == 1
    for part in ("get ", "inception-2015-12-05.pt", "put it", "sha256", "--extractor builtin"):
        assert part in told


def test_the_tasks_of_a_suite_are_shown_before_they_are_measured(data: str, capfd) -> None:
    common = ("--dataset", data, "--suite", "paper", "--extractor", "builtin", "--n", "4")
    code, _, told = call(capfd, "evaluate", "scenes", *common, "--as", "birds")
    assert code == 1  # the images are too small for it
    assert "anyres-full256" in told
    code, _, told = call(capfd, "evaluate", "scenes", *common, "--as", "bird")
    assert (code, "did you mean birds" in told) == (2, True)
    quick = ("--dataset", data, "--suite", "quick", "--n", "12")
    _, _, told = call(capfd, "evaluate", "constant", *quick)
    assert "the suite's tasks here:\n  tiny:half/anyres-full32-noflip/frechet-ddof1/" in told
    assert told.count("anyres-full32-noflip: 10 fakes, not 12: tiny has no more whole images") == 1
