"""The check: wrong engines are found, with the reason."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

from anyres_bench.core.geometry import Size
from anyres_bench.tilers import TILERS, load, relatives
from anyres_bench.tilers.conformance import KINDS, UNKNOWN, compare, expected, told
from anyres_bench.tilers.engine import Answer
from anyres_bench.tilers.kit import sizes
from tests.cli.calls import call
from tests.commands import run
from tests.tilers import engines

THREE = [Size(448, 448), Size(1080, 1920), Size(1, 200)]


Check = Callable[..., tuple[int, str]]


@pytest.fixture
def checked(capfd: pytest.CaptureFixture[str]) -> Check:
    """Exit status and output of `tilers check` on a Python program."""

    def check(spec: str, program: str, *options: str) -> tuple[int, str]:
        engine = ("--", sys.executable, "-S", "-c", program)
        code, out, err = call(capfd, "tilers", "check", *options, spec, *engine)
        assert "Traceback" not in err
        return code, out + err

    return check


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
    spec: str,
    program: str,
    slot: str,
    right: str,
    wrong: str,
    kind: str,
    reason: str,
    checked: Check,
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


def test_the_famous_case_is_told_in_words(checked: Check) -> None:
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


def test_errors_reach_the_user_as_a_line(checked: Check) -> None:
    code, text = checked("internvl", "print('ready')")
    assert code == 1
    assert text.startswith("error: answer 1 (for 1x1) is 'ready'")
    assert checked("internvi", "")[0] == 2


def test_tilers_are_listed_with_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    run("tilers", "list")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(TILERS)
    assert "max_tiles=12" in next(line for line in lines if line.startswith("internvl"))
