from __future__ import annotations

import json
from pathlib import Path

import pytest

from anyres_bench.cli.main import main
from tests.leaderboard.submitted import results_of

CARD = ("--licence", "MIT", "--training-data", "own photographs")


@pytest.fixture(autouse=True)
def _work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def call(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        main(["leaderboard", *arguments])
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    captured = capfd.readouterr()
    return code, captured.out, captured.err


def write(folder: str) -> None:
    from anyres_bench.results import write_result

    for result in results_of():
        write_result(Path(folder), result)


def test_from_results_to_an_accepted_submission_and_a_tampered_copy(capfd) -> None:
    write("results")
    code, out, _ = call(capfd, "submit", "results", "--out", "s", *CARD, "--features", "float32")
    assert code == 0
    assert out.splitlines()[-1] == "wrote s: accepted by `leaderboard check s`: recomputed"
    assert "ok        values against features: 2 records computed again" in out
    code, out, _ = call(capfd, "check", "s")
    assert (code, out.splitlines()[-1]) == (0, "accepted: recomputed")
    path = Path("s/submission.json")
    path.write_text(path.read_text().replace("own photographs", "the reference"))
    code, out, _ = call(capfd, "check", "s")
    assert code == 1
    assert "changed after it was written" in out
    assert out.splitlines()[-1] == "refused"


def test_what_a_submission_leaves_out_and_what_has_no_seal_is_said(capfd) -> None:
    write("results")
    Path("results/damaged.json").write_text("{")
    old = Path(__file__).parents[1] / "results" / "schema_1" / "constant.json"
    Path("results/old.json").write_bytes(old.read_bytes())
    code, _, err = call(capfd, "submit", "results", "--model", "mine", "--out", "s", *CARD)
    assert code == 0
    assert "damaged.json is no result of this package" in err
    assert "results: results written before records had a seal (schema 1): 1;" in err


def test_escapes_of_a_hostile_card_do_not_reach_the_terminal(capfd) -> None:
    from anyres_bench.results.record import seal

    write("results")
    call(capfd, "submit", "results", "--out", "s", *CARD)
    path = Path("s/submission.json")
    body = json.loads(path.read_text())
    body["card"]["licence"] = "\x1b]0;owned\x07"
    body["seal"] = seal(body)
    path.write_text(json.dumps(body))
    _, out, _ = call(capfd, "check", "s")
    assert "\x1b" not in out


def test_nothing_is_written_where_it_would_be_read_as_results(capfd) -> None:
    write("results")
    hub = ("--benchmark", "me/x", "--licence", "MIT")
    Path("link").symlink_to("results")
    for command in (
        ("submit", "results", "--out", "results/s", *CARD),
        ("submit", ".", "--out", "s", *CARD),
        ("submit", "results", "--out", "link/s", *CARD),
        ("export", "results", "--out", "results/hub", *hub),
        ("build", "results", "--out", "results/site"),
        ("build", "--submissions", "results", "--out", "results/site"),
    ):
        code, _, err = call(capfd, *command)
        assert code == 2, command
        assert "lies within" in err
        assert "name a place outside" in err
    assert not list(Path().rglob("site*")) + list(Path().rglob("submission.json"))
    assert call(capfd, "submit", "results", "--out", "s", *CARD)[0] == 0
    code, _, err = call(capfd, "submit", "results", "--out", "s/inner", *CARD)
    assert (code, "is a submission" in err) == (2, True)
    assert call(capfd, "check", "s")[0] == 0
    _, _, err = call(capfd, "submit", "results", "s", "--out", "t", *CARD)
    assert "submission.json cannot be used: it is the manifest of a submission" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "none"), "leaderboard submit"),
        (("submit", "none", "--out", "s", *CARD), "none"),
        (("submit", "results", "--out", "s", "--licence", "MIT"), "--training-data"),
        (("claims", "--system", "nobody"), "leaderboard claims"),
    ],
)
def test_errors_say_what_to_do(capfd, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = call(capfd, *arguments)
    assert code in (1, 2)
    assert said in err
    assert "Traceback" not in err


def test_claims_have_their_sources(capfd) -> None:
    code, out, _ = call(capfd, "claims", "--system", "MS-PE")
    assert code == 0
    assert "30.41" in out
    _, out, _ = call(capfd, "claims", "--csv")
    assert out.startswith("system,dataset,metric")


def test_build_writes_a_site_and_names_what_stays_out(capfd) -> None:
    write("results")
    Path("submissions", "evil\x1b").mkdir(parents=True)
    for _ in range(2):
        code, out, err = call(capfd, "build", "results", "--submissions", "submissions")
        assert (code, "2 tables of 1 model in" in out) == (0, True)
        assert "refused evil\\x1b: manifest" in err
    assert "<h1>anyres-bench leaderboard</h1>" in Path("site", "index.html").read_text()
    Path("site", "mine.txt").write_text("x")
    code, _, err = call(capfd, "build", "results")
    assert (code, "nothing was replaced" in err) == (2, True)
