"""The kit and the check: wrong engines are found with the reason, bad commands are told."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from anyres_bench.core.errors import CommandError, DataError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import TILERS, load, relatives
from anyres_bench.tilers.conformance import KINDS, UNKNOWN, compare, expected, told
from anyres_bench.tilers.engine import Answer, ask
from anyres_bench.tilers.kit import SCHEMA, answer, export, sizes
from tests.commands import run
from tests.tilers import engines

ROOT = Path(__file__).resolve().parents[2]
THREE = [Size(448, 448), Size(1080, 1920), Size(1, 200)]


def checked(spec: str, program: str, *options: str) -> tuple[int, str]:
    """Exit status and output of `tilers check` on a Python program."""
    command = [sys.executable, "-m", "anyres_bench", "tilers", "check", *options, spec]
    command += ["--", sys.executable, "-S", "-c", program]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "Traceback" not in result.stderr
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("spec", "program", "slot", "right", "wrong", "kind", "reason"),
    [
        (
            "internvl", engines.INTERNVL, "TIE", engines.TIE_BY_AREA, engines.TIE_BY_BLOCKS,
            "grid", "ties to the grid of most blocks",
        ),
        (
            "llava-next-hf", engines.LLAVA_HF, "UNPAD", engines.UNPAD_NOW, engines.UNPAD_OLD,
            "tokens", "unpad rounding: floor of a double",
        ),
        (
            "qwen2-vl", engines.QWEN, "ROUND", engines.ROUND_TO_EVEN, engines.ROUND_UP,
            "grid", "rounding half-up",
        ),
    ],
)  # fmt: skip
def test_a_wrong_engine_is_found_with_the_reason(
    spec: str, program: str, slot: str, right: str, wrong: str, kind: str, reason: str
) -> None:
    code, text = checked(spec, program.replace(slot, right))
    assert (code, text.count("all ")) == (0, 1), text
    code, text = checked(spec, program.replace(slot, wrong), "--json")
    assert code == 1
    found = [json.loads(line) for line in text.splitlines()]
    assert found
    assert {one["reason"] for one in found} == {
        next(one["reason"] for one in found if one["reason"].startswith(reason))
    }
    assert found[0]["kind"] == kind
    assert all(one["decisions"] for one in found)


def test_the_famous_case_is_told_in_words() -> None:
    code, text = checked("internvl", engines.INTERNVL.replace("TIE", engines.TIE_BY_BLOCKS))
    assert code == 1
    assert "grid, " in text
    assert "448x448: expected grid 1x1, resized 448x448, 256 tokens; got grid 3x3" in text
    assert "2560 tokens; decided by grid: nearest aspect; tie kept (aspect 1, difference 0)" in text


@pytest.mark.parametrize("name", list(TILERS))
def test_each_known_variant_is_named_where_it_differs(name: str) -> None:
    """Every rival's answers, given as a command would, are explained by a rival that fits them."""
    tiler = load(name)
    asked = sizes(tiler)[::3]
    for rival in tiler.rivals().values():
        ours, answers = expected(tiler, asked), expected(rival, asked)
        found = compare(tiler, asked, answers, relatives(tiler))
        differ = [size for size, a, b in zip(asked, ours, answers, strict=True) if a != b]
        assert sorted(d.size for d in found) == sorted(differ)
        assert UNKNOWN not in {d.reason for d in found}
        assert len({d.reason for d in found}) <= 1


def test_disagreements_are_ordered_by_kind_reason_and_size() -> None:
    tiler = load("internvl")
    asked = sizes(tiler)[:60]
    answers = expected(tiler, asked)
    for index, wrong in ((40, Answer()), (3, Answer(Size(9, 9), Size(9, 9), 9)), (20, None)):
        right = answers[index]
        answers[index] = wrong or Answer(right.grid, right.resized, 1)
    found = compare(tiler, asked, answers)
    assert [d.size for d in found] == [asked[40], asked[3], asked[20]]
    assert [d.kind for d in found] == ["refusal", "grid", "tokens"]
    assert {d.reason for d in found} == {UNKNOWN}
    text = told(found, 60, "internvl")
    assert text.splitlines()[0].startswith("internvl: 3 of 60 sizes disagree")
    assert [k for k in KINDS if f"\n{k}, 1 sizes" in text] == ["refusal", "grid", "tokens"]


def test_exchanged_sides_are_named() -> None:
    tiler = load("qwen2-vl")
    asked = sizes(tiler)[::5]
    turned = expected(tiler, [Size(s.width, s.height) for s in asked])
    (reason,) = {d.reason for d in compare(tiler, asked, turned)}
    assert reason.startswith("height and width are read the other way round")


def python(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", program]


GOOD = 'print(\'{"grid": [1, 1], "resized": [2, 2], "tokens": 3, "more": 4}\')'


def test_an_engine_may_answer_at_once_or_at_the_end() -> None:
    at_end = f"import sys\nfor line in sys.stdin.read().split('\\n')[:-1]: {GOOD}"
    refuses = "import sys\nfor line in sys.stdin: print('{\"refused\": true}', flush=True)"
    assert ask(python(at_end), THREE) == [Answer(Size(1, 1), Size(2, 2), 3)] * 3
    assert ask(python(refuses), THREE) == [Answer()] * 3


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import time; time.sleep(60)", r"no answer for 448x448 within 0.5 s, after 0 of 3"),
        (f"import time; {GOOD}; import sys; sys.stdout.flush(); time.sleep(60)", "after 1 of 3"),
        ("", r"ended \(status 0\) after 0 of 3 answers, at 448x448"),
        ("raise SystemExit('no such model')", r"status 1\).*no such model"),
        ("import os; os.kill(os.getpid(), 11)", r"ended \(signal 11\)"),
        (f"{GOOD}\nimport sys; sys.exit(4)", r"status 4\) after 1 of 3 answers, at 1080x1920"),
        ("print('ready')", r"answer 1 \(for 448x448\) is 'ready': not JSON"),
        ("print('[1, 2]')", "no object"),
        ("print('{}')", "a key is missing"),
        (GOOD.replace("3", "-3"), "no whole number"),
        (GOOD.replace("3", "3.5"), "no whole number"),
        (GOOD.replace("3", "true"), "no whole number"),
        (GOOD.replace("[2, 2]", "[2]"), "no whole number"),
        (GOOD.replace("[2, 2]", "[2, NaN]"), "no whole number"),
        ("print('[' * 50000)", "not JSON"),
        ("print('1' * 100000)", "over 65536 bytes"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n')", "not JSON"),
        (f"for k in range(4): {GOOD}", "more answers than the 3 sizes"),
        (f"while True: {GOOD}", "more answers than the 3 sizes"),
    ],
)
def test_a_bad_command_is_told(program: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        ask(python(program), THREE, timeout_s=0.5 if "sleep" in program else 10)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_timeout_that_is_none_is_told(timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout"):
        ask(python(""), THREE, timeout)


def test_a_command_that_cannot_start_is_told() -> None:
    with pytest.raises(UsageError, match="cannot start '/nowhere/engine'"):
        ask(["/nowhere/engine"], THREE)


def test_nothing_that_a_command_started_is_left(tmp_path: Path) -> None:
    note = tmp_path / "child"
    child = f"import time, pathlib\ntime.sleep(1.5)\npathlib.Path({str(note)!r}).touch()"
    program = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-S', '-c', {child!r}])\ntime.sleep(60)"
    )
    with pytest.raises(CommandError):
        ask(python(program), THREE, timeout_s=0.5)
    time.sleep(1.6)
    assert not note.exists()


def test_errors_reach_the_user_as_a_line() -> None:
    code, text = checked("internvl", "print('ready')")
    assert code == 1
    assert text.startswith("error: answer 1 (for 1x1) is 'ready'")
    assert checked("internvi", "")[0] == 2


def test_the_kit_is_what_its_schema_says(tmp_path: Path) -> None:
    names = ["internvl", "qwen2-vl-4.49", "navit"]
    export(tmp_path / "kit", {name: load(name) for name in names})
    index = json.loads((tmp_path / "kit" / "kit.json").read_text())
    assert sorted(index["tilers"]) == sorted(names)
    schema = json.loads((tmp_path / "kit" / index["schema"]).read_text())
    assert schema == SCHEMA
    for name in names:
        lines = (tmp_path / "kit" / f"{name}.jsonl").read_text().splitlines()
        assert len(lines) == index["tilers"][name]["lines"]
        rows = [json.loads(line) for line in lines]
        validator = jsonschema.Draft202012Validator(schema)
        assert all(validator.is_valid(row) for row in rows[::25])
        assert rows == [answer(load(name), size) for size in sizes(load(name))]
        refusing = [row for row in rows if "refused" in row]
        assert bool(refusing) == (name == "qwen2-vl-4.49")
        sides = [(row["height"], row["width"]) for row in rows]
        assert {(1, 1), (40_000, 40_000), (1, 40_000), (1, 201), (42, 70)} <= set(sides)
    export(tmp_path / "kit", {"navit": load("navit")})  # over a kit of ours


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kit.json").write_text("mine")
    with pytest.raises(DataError, match="is no kit"):
        export(tmp_path, {"navit": load("navit")})
    assert (tmp_path / "kit.json").read_text() == "mine"


def test_tilers_are_listed_with_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    run("tilers", "list")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(TILERS)
    assert "max_tiles=12" in next(line for line in lines if line.startswith("internvl"))


@pytest.mark.slow
def test_the_whole_kit_is_exported(tmp_path: Path) -> None:
    run("tilers", "export", tmp_path / "kit")
    index = json.loads((tmp_path / "kit" / "kit.json").read_text())
    assert sorted(index["tilers"]) == sorted(TILERS)
    for name, row in index["tilers"].items():
        lines = (tmp_path / "kit" / row["file"]).read_text().splitlines()
        assert len(lines) == row["lines"] > 600, name
