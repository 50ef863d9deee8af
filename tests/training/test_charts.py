"""The curves of a run: every score of the log is drawn, with its interval."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from anyres_bench.cli.main import main
from anyres_bench.core.errors import UsageError
from anyres_bench.core.reporting import report_to
from anyres_bench.training.charts import draw, draw_run, read_entries, read_lines
from tests.reporters import Recorder


def write_log(folder: Path, entries: list[dict[str, Any]], tail: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder / "log.jsonl").write_text(text + tail)


def tick(images: int, **scores: float) -> dict[str, Any]:
    return {"kind": "tick", "images": images, "images_per_second": 9.5, "scores": scores}


def evaluation(images: int, **scores: float) -> dict[str, Any]:
    return {"kind": "evaluation", "images": images, "scores": scores}


def test_lines_and_intervals_are_those_of_the_log(tmp_path: Path) -> None:
    entries = [
        tick(1000, G=1.5, D=0.5),
        evaluation(1000, **{"kid": 4.0, "kid-low": 3.0, "kid-high": 5.0}),
        tick(2000, G=1.25, D=0.75),
        evaluation(2000, **{"kid": 2.0, "kid-low": 1.0, "kid-high": 3.0}),
    ]
    write_log(tmp_path, entries, tail='{"kind": "tick", "ima')
    assert read_entries(tmp_path / "log.jsonl") == entries
    lines, spread = read_lines(tmp_path / "log.jsonl")
    assert lines == {
        "tick/G": ([1.0, 2.0], [1.5, 1.25]),
        "tick/D": ([1.0, 2.0], [0.5, 0.75]),
        "images_per_second": ([1.0, 2.0], [9.5, 9.5]),
        "evaluation/kid": ([1.0, 2.0], [4.0, 2.0]),
    }
    assert spread == {"evaluation/kid": ([3.0, 1.0], [5.0, 3.0])}


def test_the_log_is_a_table_too(tmp_path: Path) -> None:
    entries = [tick(1000, G=1.5), evaluation(1000, kid=4.0) | {"task": "=a/b"}, tick(2000, G=1.25)]
    write_log(tmp_path, entries)
    assert draw(tmp_path)
    with open(tmp_path / "log.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["images"] for row in rows] == ["1000", "1000", "2000"]
    assert [row["tick/G"] for row in rows] == ["1.5", "", "1.25"]
    assert (rows[1]["evaluation/kid"], rows[1]["task"]) == ("4.0", "'=a/b")


@pytest.mark.slow
def test_more_scores_make_a_larger_picture(tmp_path: Path) -> None:
    sizes = []
    for name, scores in (("few", {"G": 1.0}), ("many", dict.fromkeys("ABCDEFG", 1.0))):
        write_log(tmp_path / name, [tick(1000, **scores)])
        assert draw(tmp_path / name)
        with Image.open(tmp_path / name / "curves.png") as picture:
            sizes.append(picture.size)
    assert sizes[0][0] < sizes[1][0]
    assert sizes[0][1] < sizes[1][1]


def test_a_run_of_several_stages_is_drawn_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for stage in ("global", "patch"):
        write_log(tmp_path / stage, [tick(1000, G=1.0, **{"scores-fake": 0.1, "scores-real": 0.2})])
    with pytest.raises(SystemExit) as end:
        main(["train", "--plot", str(tmp_path)])
    assert not end.value.code
    drawn = [tmp_path / stage / "curves.png" for stage in ("global", "patch")]
    assert capsys.readouterr().out.split() == [str(path) for path in drawn]
    assert all(path.stat().st_size > 1000 for path in drawn)


@pytest.mark.parametrize(
    "line",
    [
        "\0\0\0", "[]", "5", '{"kind": "tick"}', '{"kind": "tick", "images": 1, "scores": {}}',
        '{"kind": "evaluation", "images": 1, "scores": {"fd": "1"}}',
        '{"kind": "evaluation", "images": "1", "scores": {}}', '{"kind": "other", "images": 1}',
    ],
)  # fmt: skip
def test_lines_of_no_run_are_said_and_passed_over(line: str, tmp_path: Path) -> None:
    write_log(tmp_path, [tick(1000, G=1.5), evaluation(1000, kid=4.0)], tail=f"{line}\n\xff\n")
    recorder = Recorder()
    with report_to(recorder):
        assert len(read_entries(tmp_path / "log.jsonl")) == 2
    assert recorder.told == [("say", f"passed over: 2 damaged lines of {tmp_path / 'log.jsonl'}")]


def test_where_there_is_no_run_it_says_so(tmp_path: Path) -> None:
    assert not draw(tmp_path)
    write_log(tmp_path / "empty", [])
    with pytest.raises(UsageError, match=r"holds no log\.jsonl"):
        draw_run(tmp_path)
