"""Files of a dataset's folder: what others put there is kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from anyres_bench.building.pipeline import Order, build
from tests.building.builds import ENGINE, HEADER
from tests.building.rogues import given
from tests.servers import photo


def test_what_others_put_there_is_kept(tmp_path: Path) -> None:
    """Captions, other pictures, and what has the name of an image and is not it."""
    order = Order(given("1", "2", "3"), tmp_path / "out", "g", HEADER)
    images = tmp_path / "out/images/00000"
    first = build(order, ENGINE)
    others = {"given_1.txt": b"a caption", "given_1.png": b"a mask", "mine.jpg": b"mine",
              "sub/deep.json": b"{}", "given_4.jpg": b"before its time"}  # fmt: skip
    for name, data in others.items():
        (images / name).parent.mkdir(exist_ok=True)
        (images / name).write_bytes(data)
    (images / "given_2.jpg").write_bytes(b"edited")
    (images / "given_3.jpg").write_bytes(b"")
    (images / "linked.jpg").symlink_to(tmp_path / "nowhere")
    again = build(order, ENGINE)
    assert again.dataset.digest == first.dataset.digest
    assert again.dataset.path(again.dataset.manifest[1]).read_bytes() == photo(2)
    assert {name: (images / name).read_bytes() for name in others} == others
    assert (tmp_path / "out/.collect/found/images/00000/given_2.jpg").read_bytes() == b"edited"
    assert (images / "linked.jpg").is_symlink()
    assert again.notes == (
        "7 files in images or .collect/found are not of this dataset; left alone",
    )
    more = build(dataclasses.replace(order, collector=given("1", "2", "3", "4")), ENGINE)
    assert (images / "given_4.jpg").read_bytes() == photo(4)
    found = tmp_path / "out/.collect/found/images/00000/given_4.jpg"
    assert found.read_bytes() == b"before its time"
    assert len(more.dataset.manifest) == 4
