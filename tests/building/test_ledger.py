"""One row a candidate: what a killed run leaves is what the next one starts from."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from anyres_bench.building.database import WORK_NAME
from anyres_bench.building.ledger import Ledger, ListingChanges, opened
from anyres_bench.building.outcomes import Image, Outcome
from anyres_bench.collectors.collector import Candidate
from anyres_bench.core.errors import DatasetError
from anyres_bench.fetching.http import Fetched
from tests.building.rogues import candidate


def image(stem: str) -> Image:
    """An image of the candidate whose key is all of the stem, or what is before its dash."""
    record = {"file_name": name(stem), "sha256": stem, "n_bytes": 3, "height": 4, "width": 5}
    return Image(record, {"phash": "0" * 64})


def name(stem: str) -> str:
    return f"images/00000/{stem}.png"


def names(ledger: Ledger) -> list[str]:
    return [image.file_name for _, image in ledger.images()]


def states(ledger: Ledger) -> list[int]:
    return [job.number for job in ledger.pending()]


def test_states(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        assert not ledger.listed
        listed = [candidate(key, key=key) for key in "abcde"]
        assert ledger.list_candidates(listed).n_new == 5
        assert ledger.listed
        a, b, c, d, e = ledger.pending()
        ledger.record(
            [
                Outcome(a, "done", images=(image("a"),)),
                Outcome(b, "rejected", "http-404", "gone"),
                Outcome(c, "failed", "timeout", "silent"),
                Outcome(d, "done", images=(image("d-1"), image("d-2"))),
            ]
        )
        assert states(ledger) == [e.number]
    with opened(tmp_path) as ledger:
        ledger.begin()
        assert states(ledger) == [c.number, e.number], "what failed in passing comes again"
        assert ledger.begin(retry=["http-404", "htp-404"]) == ["htp-404"]
        assert states(ledger) == [b.number, c.number, e.number]
        ledger.redo([d.number])
        assert [i.file_name for _, i in ledger.images()] == [name("a")], (
            "rows of what is redone rest"
        )
        ledger.record([Outcome(d, "done", images=(image("d-3"),))])
        assert names(ledger) == [name("a"), name("d-3")]
        assert ledger.counts() == {"done": 2, "pending": 3}
        ledger.withdraw({name("d-3"): "licence", name("never"): "licence"})
        assert ledger.withdrawn() == [name("d-3")]
        assert [(r.reason, r.state) for r in ledger.rejects()] == [("licence", "rejected")]
        assert ledger.begin(retry=["licence"]) == ["licence"], "it never comes back"
        ledger.forget(ledger.withdrawn())
        assert not ledger.withdrawn()
        assert names(ledger) == [name("a")]


def test_candidates_come_back_whole(tmp_path: Path) -> None:
    fetched = Fetched("ab", 3, "http://b.example/x", 200, "image/jpeg", '"e"', "", 1.5)
    whole = Candidate(
        key="k", url="http://a.example/ü", caption='a\n"b"', height=3, extra={"n": [1, None]}
    )
    with opened(tmp_path) as ledger:
        ledger.list_candidates([whole])
        (job,) = ledger.pending()
        assert job.candidate == whole
        learnt = Candidate(**{**_fields(whole), "fetched": fetched, "licence_id": "CC0-1.0"})
        ledger.record([Outcome(type(job)(job.number, learnt), "done", images=(image("k"),))])
        ((back, stored),) = ledger.images()
        assert back.candidate == learnt
        assert stored == image("k")


def _fields(c: Candidate) -> dict[str, object]:
    return dict(vars(c))


def test_keys_stay_apart(tmp_path: Path) -> None:
    listed = [
        candidate("1", key="a_b", source_id="b.jpg"),
        candidate("2", key="a_B", source_id="B.jpg"),
        candidate("3", key="a_b", source_id="b.png"),
        candidate("4", key="a_b", source_id="b.jpg"),
    ]
    with opened(tmp_path) as ledger:
        assert ledger.list_candidates(listed) == ListingChanges(n_new=3, n_repeated=1)
        keys = [job.candidate.key for job in ledger.pending()]
        assert keys[0] == "a_b"
        assert len({key.lower() for key in keys}) == 3
        assert all(key.lower().startswith("a_b") for key in keys)
        assert ledger.list_candidates(listed) == ListingChanges(n_repeated=1)
        assert [job.candidate.key for job in ledger.pending()] == keys


def test_many_pages(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        ledger.list_candidates(candidate(str(i)) for i in range(2500))
        jobs = ledger.pending()
        first = [next(jobs) for _ in range(10)]
        ledger.record([Outcome(job, "done") for job in first])
        assert len(list(jobs)) == 2490, "reading goes on while rows change"


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(DatasetError, match="another run"), opened(tmp_path):
        pass


def test_another_recipe_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        ledger.claim({"n": 1, "same": 2, "collector": "folder"})
        ledger.claim({"same": 2, "n": 1, "collector": "folder"})
        with pytest.raises(
            DatasetError, match=r"it differs in n \(1, now 2\), other \(None, now 1\); give"
        ):
            ledger.claim({"n": 2, "same": 2, "other": 1, "collector": "folder"})
        with pytest.raises(DatasetError, match="it is of `collect folder`, not of `collect urls`"):
            ledger.claim({"n": 2, "collector": "urls"})
        assert ledger.recipe == {"n": 1, "same": 2, "collector": "folder"}


def test_a_damaged_ledger(tmp_path: Path) -> None:
    (tmp_path / WORK_NAME).mkdir()
    (tmp_path / WORK_NAME / "ledger.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(DatasetError, match="damaged: collect into a new"), opened(tmp_path):
        pass


def test_a_full_disk_is_no_reason_to_remove_anything(tmp_path: Path) -> None:
    wanted = r"disk is full\); make room .+ nothing is lost"
    with pytest.raises(DatasetError, match=wanted) as told, opened(tmp_path) as ledger:
        ledger._db.execute("PRAGMA max_page_count = 1")  # as SQLite meets a full disk
        ledger.list_candidates(candidate(f"{i}") for i in range(1000))
    assert "remove" not in str(told.value)
    with opened(tmp_path) as ledger:
        ledger.list_candidates([candidate("1")])


def test_what_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        ledger.list_candidates([candidate("1")])
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    with pytest.raises(DatasetError, match=r"can be written to"), opened(tmp_path):
        raise error


def test_a_failed_commit_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        ledger.list_candidates([candidate("1"), candidate("2")])
        a, b = ledger.pending()
        twice = [Outcome(a, "done", images=(image("x"),)), Outcome(b, "done", images=(image("x"),))]
        with pytest.raises(Exception, match="UNIQUE"):
            ledger.record(twice)
        assert states(ledger) == [a.number, b.number]
