"""The steps of one candidate: what is refused, what failed, and what is made of an original."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from anyres_bench.building.outcomes import Job
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.steps import Site, faulted, refused, run_local
from anyres_bench.core.errors import FetchError, ImageError
from anyres_bench.data.pixels import decode
from tests.building.builds import DECODE, ENGINE, HEADER
from tests.building.rogues import Given, Halves, candidate
from tests.servers import photo


def job(url: str) -> Job:
    return Job(3, candidate(url))


def test_an_original_is_put_where_its_number_says(tmp_path: Path) -> None:
    site = Site(tmp_path, HEADER, Given(()))
    done = job("1")
    site.incoming(done).parent.mkdir(parents=True)
    outcome = run_local(site, done)
    assert (outcome.state, outcome.reason) == ("done", "")
    (image,) = outcome.images
    assert image.file_name == "images/00000/given_1.jpg"
    assert (tmp_path / image.file_name).read_bytes() == photo(1)
    assert outcome.n_bytes == len(photo(1))
    assert not list(site.incoming(done).parent.iterdir())


def test_what_a_collector_refuses_leaves_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, HEADER, Given(()))
    site.incoming(job("refuse")).parent.mkdir(parents=True)
    outcome = run_local(site, job("refuse"))
    assert (outcome.state, outcome.reason, outcome.images) == ("rejected", "refused", ())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_may_pass_is_tried_again_and_the_rest_is_not() -> None:
    assert refused(job("1"), FetchError("timeout", "t")).state == "failed"
    assert refused(job("1"), FetchError("http-404", "gone")).state == "rejected"
    assert refused(job("1"), ImageError("truncated", "short")).state == "rejected"


def test_a_fault_says_where() -> None:
    try:
        raise ZeroDivisionError("by \udc80")
    except ZeroDivisionError as error:
        outcome = faulted(job("1"), error)
    assert (outcome.state, outcome.reason) == ("rejected", "fault")
    assert "ZeroDivisionError at test_steps.py:" in outcome.message
    outcome.message.encode()


def test_derived_images(tmp_path: Path) -> None:
    listed = (candidate("1@96x128"), candidate("2@64x80", licence_id="CC-BY-4.0"))
    built = build(Order(Halves(listed), tmp_path / "out", "h", DECODE), ENGINE)
    roles = built.dataset.roles
    assert {role: len(images) for role, images in roles.items()} == {"hr": 2, "lr": 2}
    high, low = roles["hr"][0], roles["lr"][0]
    assert (high.file_name, high.size) == ("images/00000/given_1-96x128-left.png", (96, 64))
    assert (high.source_height, high.source_width) == (96, 128)
    assert high.group == low.group == "given_1-96x128"
    assert roles["lr"][1].licence_id == "CC-BY-4.0"
    assert decode(built.dataset.path(low)).pixels.shape == (24, 32, 3)
    provenance = pd.read_parquet(tmp_path / "out" / "provenance.parquet").set_index("file_name")
    assert json.loads(provenance.derived[high.file_name]) == {"cut": "left"}
    kept = Order(Halves(listed, keep_originals=True), tmp_path / "kept", "h", DECODE)
    manifest = build(kept, ENGINE).dataset.manifest
    assert len(manifest) == 6
    assert (tmp_path / "kept/images/00000/given_1-96x128.jpg").read_bytes() == photo(1)
