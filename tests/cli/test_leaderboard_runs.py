from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.numpy import load, save

from anyres_bench.cli.main import main
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, submit
from anyres_bench.results import write_result
from anyres_bench.results.record import seal
from tests.fakes import write_dataset
from tests.leaderboard.submitted import reseal, results_of


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["leaderboard", *arguments])
    code = stop.value.code
    out, err = capsys.readouterr()
    return (code if isinstance(code, int) else 0 if code is None else 1), out, err


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_plan_as_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "plan", "paper")
    assert code == 0
    assert "missing  14 of 14 things" in text
    code, body, _ = run(capsys, "plan", "paper", "--json")
    assert (code, len(json.loads(body)["cells"])) == (0, 25)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "table"), "paper"),
        (("plan", "paper", "--dataset", "ffhq6k"), "NAME=PATH"),
        (("plan", "paper", "--dataset", "ffhq=x"), "ffhq6k"),
        (("plan", "paper", "--dataset", "ffhq6k=none"), "no such folder"),
        (("plan", "paper", "--csv", "--json"), "two answers"),
        (("reproduce", "paper"), "leaderboard plan paper"),
        (("reproduce", "scenes", "--dataset", "a=b"), "draws its own"),
        (("reproduce", "scenes", "--fraction", "0"), "fraction"),
        (("reproduce", "scenes", "--only", "our-seed0"), "did you mean ours-seed0"),
        (("reproduce", "paper", "--only", "ours-seed0"), "names systems of scenes"),
        (("verify", "none", "--dataset", "none"), "no folder"),
        (("serve", "none"), "leaderboard build"),
        (("log", "none.csv"), "cannot be read"),
        (("log", "log.csv", "--retract", "00000000"), "cannot be read"),
        (("log", "log.csv", "--add", "a", "--retract", "b"), "one line at a time"),
        (("check",), "--board-log"),
        (("export", "none", "--out", "o", "--benchmark", "x", "--licence", "y"), "ORGANISATION"),
        (("check", "mine", "--base", "log.csv"), "give that too"),
    ],
)
def test_mistakes_say_what_to_do(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = run(capsys, *arguments)
    assert code != 0
    assert said in err


def test_a_board_in_ci(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    submit(results_of(), tmp_path / "mine", Card("MIT", "own"), Enclosed("float32"))
    code, line, _ = run(capsys, "log", "log.csv", "--add", "mine")
    assert (code, line.split(",")[1]) == (0, "recomputed")
    (tmp_path / "base.csv").write_bytes((tmp_path / "log.csv").read_bytes())
    code, _, err = run(capsys, "log", "log.csv", "--retract", line.split(",")[2][:8])
    assert (code != 0, "--why" in err) == (True, True)
    seal = line.split(",")[2]
    assert run(capsys, "log", "log.csv", "--re-rendered", seal)[0] == 0
    assert run(capsys, "log", "log.csv", "--retract", seal, "--why", "wrong images")[0] == 0
    asked = ("check", "mine", "--board-log", "log.csv", "--base", "base.csv")
    code, text, _ = run(capsys, *asked)
    assert (code, text.splitlines()[-1]) == (0, "accepted: retracted")
    assert "log only grows: added: 1 re-rendered, 1 retracted" in text
    assert "wrong images" in text
    (tmp_path / "log.csv").write_text(
        (tmp_path / "log.csv").read_text().replace("recomp", "re-comp")
    )
    code, text, _ = run(capsys, *asked)
    assert (code, text.splitlines()[-1]) == (1, "refused")
    assert "line 2 of the log" in text


def evaluated(tmp_path: Path) -> None:
    """The three commands of a newcomer, and the board's log."""
    write_dataset(tmp_path / "photos", [(44, 48)] * 24, name="photos")
    task = "photos:half/patch32-at40/precision-recall"
    model = ("scenes", "--dataset", "photos", "--suite", task, "--n", "12", "--workers", "0")
    card = ("--licence", "CC0-1.0", "--training-data", "none", "--features", "float32")
    for command in (
        ("evaluate", *model),
        ("leaderboard", "submit", "results", "--out", "mine", *card),
        ("leaderboard", "check", "mine"),
        ("leaderboard", "log", "log.csv", "--add", "mine"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(list(command))
        assert not stop.value.code


def edited(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    body = json.loads(path.read_text())
    edit(body)
    path.write_text(json.dumps(body | {"seal": seal(body)}))


def tamper(folder: Path, what: str) -> None:
    """Change one thing, as somebody would who makes every seal and digest fit afterwards."""
    record = next(folder.glob("records/*/*.json"))
    feature = sorted(folder.glob("features/*"))[0]
    manifest = folder / "submission.json"
    if what == "value":
        edited(record, lambda body: body["values"].update(precision=1.0))
        reseal(folder, record.relative_to(folder).as_posix())
    elif what == "feature":
        tensors = load(feature.read_bytes())
        rows = tensors["features"].copy()
        rows[0] = rows[1] + 1e-3
        feature.write_bytes(save({**tensors, "features": rows}))
        reseal(folder, feature.relative_to(folder).as_posix())
    elif what == "sample":
        picture = next(folder.glob("samples/*"))
        with Image.open(picture) as opened:
            size = opened.size
        Image.new("RGB", size, "red").save(picture)
        reseal(folder, picture.relative_to(folder).as_posix())
    elif what == "digest":
        edited(manifest, lambda body: next(iter(body["files"].values())).update(sha256="0" * 64))
    else:
        edited(manifest, lambda body: body.update(created="2024-02-03T04:05:06Z"))


@pytest.mark.parametrize(
    "forged", [pytest.param(False, marks=pytest.mark.slow), True], ids=["careless", "forged"]
)
def test_three_commands_lead_to_a_checked_folder_and_no_edit_passes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, forged: bool
) -> None:
    evaluated(tmp_path)
    told = capsys.readouterr().out
    assert "accepted: recomputed" in told
    code, text, _ = run(capsys, "check", "mine", "--board-log", "log.csv")
    assert (code, "recomputed since" in text) == (0, True)
    assert run(capsys, "verify", "mine", "--dataset", "photos", "--fraction", "0.2")[0] == 0
    for what in ("value", "feature", "sample", "digest", "date"):
        copy = tmp_path / what
        shutil.copytree("mine", copy)
        names = [p for p in copy.rglob("*") if p.is_file()]
        before = {p: p.read_bytes() for p in names}
        tamper(copy, what)
        if not forged:  # the manifest stays as it was, unless it is what was changed
            changed = [p for p in names if p.read_bytes() != before[p]]
            keep = copy / "submission.json"
            if len(changed) > 1:
                keep.write_bytes(before[keep])
            elif changed == [keep]:
                keep.write_text(keep.read_text().replace('"seal": "', '"seal": "0'))
        code, text, _ = run(capsys, "check", what, "--board-log", "log.csv")
        assert (code, text.splitlines()[-1]) == (1, "refused"), what
        reasons = [line for line in text.splitlines() if line.startswith("failed")]
        assert reasons, what
        if forged:
            assert any("entry in the log" in line for line in reasons), what


@pytest.mark.slow
@pytest.mark.parametrize("name", ["index.html", "report.html"])
def test_serve_ends_quietly(tmp_path: Path, name: str) -> None:
    """It says where a folder has no front page."""
    (tmp_path / name).write_text("front")
    command = [sys.executable, "-m", "anyres_bench", "leaderboard", "serve", str(tmp_path)]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as child:
        assert child.stdout is not None
        address = child.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        page = address if name == "index.html" else f"{address.rstrip('/')}/{name}"
        with urllib.request.urlopen(page, timeout=30) as answer:
            assert answer.read() == b"front"
        child.send_signal(signal.SIGINT)
        rest, errors = child.communicate(timeout=60)
        assert (rest, "has no index.html" in errors) == ("", name != "index.html")
        assert (child.returncode, errors.count("\n")) == (0, int(name != "index.html"))


def test_export_says_what_it_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, changed = (write_result(tmp_path / "results", result) for result in results_of())
    changed.write_text(changed.read_text().replace("0.", "0.1", 1))
    hub = ("--out", "hub", "--benchmark", "me/scenes", "--licence", "CC0-1.0")
    code, _, err = run(capsys, "export", "results", *hub)
    assert code == 0
    assert f"{changed.relative_to(tmp_path)} cannot be used: it was changed" in err
    assert kept.name not in err
