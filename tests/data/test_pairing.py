"""Images beside the references of their names."""

from __future__ import annotations

import pytest

from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.data.pairing import image_name, pair_items, pairs
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.records import ImageRecord, Manifest


def image(name: str, size=(40, 60), source_id: str = "") -> ImageRecord:
    return ImageRecord(
        file_name=name,
        sha256=f"{abs(hash(name)):064x}"[:64],
        n_bytes=1,
        height=size[0],
        width=size[1],
        source_id=source_id,
    )


REFERENCE = Manifest([image(f"images/{n}.png", source_id=f"b/{n}.png") for n in "xyz"])


def test_names_are_paths_without_their_ending() -> None:
    assert image_name(image("a/0801.png")) == "a/0801"
    assert image_name(image("images/0.png", source_id="b/x.jpg")) == "b/x"


def test_pairs_by_name() -> None:
    made = Manifest([image("b/z.webp"), image("b/x.png")])
    found = pairs(made, REFERENCE, 2, 0)
    assert found == [(0, 0), (1, 2)]
    first, second = pair_items(made, found)
    assert [view.image for view in second.views] == [1, 2]
    assert [view.view.size for view in first.views] == [(40, 60)] * 2
    assert len(pairs(made, REFERENCE, 1, 0)) == 1


@pytest.mark.parametrize(
    ("made", "n", "message"),
    [
        ([image("b/w.png")], 1, "image 'b/w' has no reference"),
        ([image("b/x.png", (40, 61))], 1, "is 40x61 px and its reference 40x60"),
        ([image("b/x.png"), image("b/x.jpg")], 2, "two of the name 'b/x'"),
        ([image("b/x.png")], 2, "there are 1: no readable image is called 'b/y', 'b/z'; .* --n 1$"),
        ([image("b/x.png")], 9, "9 pairs were asked for and there are 1"),
    ],
)
def test_what_makes_no_pairs(made, n: int, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        pairs(Manifest(made), REFERENCE, n, 0)


def test_the_protocol_shows_two_views_and_renders_nothing() -> None:
    protocol = protocol_from("paired")
    assert (protocol.n_views, protocol.mixed_sizes, protocol.takes_all) == (2, True, True)
    with pytest.raises(UsageError, match="use paired:DIR"):
        protocol.fake(REFERENCE, 2, 0)
