"""Tables: a number stands beside its task; frames, CSV and LaTeX hold what the records hold."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from anyres_bench.results import ExtractorRecord, result_table, to_csv, to_frame, to_latex
from tests.results.records import TASK, interval, model, result


def test_numbers_stand_beside_their_task() -> None:
    lines = result_table([result()]).splitlines()
    assert lines[1].split() == ["real", "frechet", "↓", "0.3333", "[0.25,", "0.4]", TASK]
    fid = result(extractor=ExtractorRecord("inception-v3", 2048, is_fid=True))
    assert "FID ↓" in result_table([fid])
    chance = result(
        values={"ap": 0.6, "ap_null_low": 0.45, "ap_null_high": 0.55},
        intervals={},
        higher_is_better={"ap": False},
    )
    assert "chance 0.45 to 0.55" in result_table([chance])


def test_what_makes_an_interval_less_sure_is_said_once_below() -> None:
    plain = interval(0.25, 0.4)
    few = replace(plain, cautions=("few-groups", "of-a-later-version"))
    old = replace(plain, method="delete-a-group jackknife")
    results = [result(intervals={"frechet": each}) for each in (few, few, old)]
    lines = result_table(results).splitlines()
    assert ["few-groups" in line for line in lines] == [
        False,
        True,
        True,
        False,
        True,
        False,
        False,
    ]
    assert "[0.25, 0.4] (earlier-method)" in lines[3]
    assert lines[4].startswith("few-groups: fewer than 20 images")
    assert lines[5] == "of-a-later-version: not known here"
    assert to_frame(results)["cautions"].tolist() == [
        "few-groups of-a-later-version",
        "few-groups of-a-later-version",
        "earlier-method",
    ]
    assert "(few-groups, of-a-later-version)" in to_latex(results[:1])


def test_text_of_others_is_inert() -> None:
    odd = result(model=model("=1+1\x1b[31m & 50% _a_"))
    assert "\x1b" not in result_table([odd])
    (row,) = csv.DictReader(io.StringIO(to_csv([odd])))
    assert row["model"].startswith("'=1+1")
    assert r"\& 50\% \_a\_" in to_latex([odd])
    lined = to_latex([result(model=model("a\x1b[31m\nb\u202e"))])
    assert not set("\x1b\u202e") & set(lined)
    assert len(lined.splitlines()) == len(to_latex([result()]).splitlines())


def test_frames_round_nothing() -> None:
    bare = result(model=model("bare"), intervals={})
    frame = to_frame([result(), bare])
    assert list(frame["value"]) == [1 / 3, 1 / 3]
    assert frame["low"].isna().tolist() == [False, True]
    assert frame["protocol"].tolist() == ["anyres-full64"] * 2
    first, second = csv.DictReader(io.StringIO(to_csv([result(), bare])))
    assert float(first["value"]) == 1 / 3
    assert (first["n"], second["low"]) == ("100", "")


def test_latex_is_a_tabular() -> None:
    text = to_latex([result()])
    assert text.startswith(r"\begin{tabular}")
    assert "real & frechet & 0.3333 & [0.25, 0.4] &" in text
