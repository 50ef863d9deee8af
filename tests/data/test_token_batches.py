"""Token-budget sequences: every image once an epoch, within the budget, the same for everyone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.token_batches import Draw, SizeSchedule, TokenBatches

GROWING = SizeSchedule(((0, 32), (0.2, 64), (0.4, 128)))


def sizes(n: int = 40) -> list[Size]:
    drawn = np.exp(stream(0, "sizes").uniform((n, 2)) * np.log(40)) * 16
    return [Size(int(h), int(w)) for h, w in drawn]


def batches(**options: object) -> TokenBatches:
    defaults: dict = {"patch": 8, "budget": 256, "schedule": GROWING, "seed": 3}
    return TokenBatches(sizes(), **(defaults | options))


def first(batch: TokenBatches, n: int) -> list[tuple[Draw, ...]]:
    return [batch.sequence(number) for number in range(n)]


def test_every_image_is_shown_once_an_epoch_and_no_place_is_left_out() -> None:
    draws = list(itertools.chain(*first(batches(), 120)))
    assert [draw.place for draw in draws] == list(range(len(draws)))
    whole = len(draws) // 40
    assert whole >= 3
    for epoch in range(whole):
        assert sorted(d.image for d in draws[40 * epoch : 40 * (epoch + 1)]) == list(range(40))
    assert [d.image for d in draws[:40]] != [d.image for d in draws[40:80]]


@pytest.mark.parametrize("budget", [1, 7, 256])
def test_no_sequence_is_empty_or_over_the_budget(budget: int) -> None:
    for sequence in first(batches(budget=budget), 60):
        tokens = sum(draw.patches(8).pixels for draw in sequence)
        assert 0 < tokens <= budget


def test_a_sequence_is_full_but_for_the_image_that_did_not_fit() -> None:
    batch = batches()
    for one, two in itertools.pairwise(first(batch, 30)):
        tokens = sum(draw.patches(8).pixels for draw in one)
        assert tokens + two[0].patches(8).pixels > batch.budget


def test_seed_and_number_alone_decide() -> None:
    wanted = first(batches(), 600)
    late = batches()
    for number in (599, 3, 300, 255, 256, 257, 0, 598):
        assert late.sequence(number) == wanted[number]
    assert batches(seed=4).sequence(0) != wanted[0]


def test_images_grow_with_the_schedule_and_keep_their_aspect() -> None:
    batch = batches(budget=4096)
    for place, side in ((0, 32), (199, 32), (200, 64), (399, 64), (400, 128), (9999, 128)):
        draw = batch.draw(place)
        image = sizes()[draw.image]
        area = min(side**2, image.pixels)
        rows, columns = draw.patches(8)
        if min(rows, columns) >= 4:
            assert 0.7 < draw.size.pixels / area < 1.3
            stretch = draw.size.width / draw.size.height / (image.width / image.height)
            assert 0.75 < stretch < 1.34


def test_between_knots_and_around_them() -> None:
    linear = SizeSchedule(((0, 32), (1, 64)), "linear")
    assert [linear.side(n) for n in (0, 500, 1000, 5000)] == [32, 48, 64, 64]
    late = SizeSchedule(((10, 32), (20, 64)))
    assert [late.side(n) for n in (0, 10_000, 19_999, 20_000)] == [32, 32, 32, 64]
    spread = batches(schedule=SizeSchedule(((0, 64),), spread=2.0), enlarge=True, budget=4096)
    areas = [spread.draw(place).size.pixels for place in range(200)]
    assert 32**2 * 0.5 < min(areas) < 45**2
    assert 90**2 < max(areas) < 128**2 * 1.6
    assert spread.draw(7) == spread.draw(7)


def test_images_are_enlarged_only_where_they_may_be() -> None:
    large = SizeSchedule(((0, 5000),))
    for enlarge in (False, True):
        batch = batches(schedule=large, budget=10**6, enlarge=enlarge)
        draw = batch.draw(0)
        assert (draw.size.pixels > 2 * sizes()[draw.image].pixels) == enlarge


@pytest.mark.parametrize(
    ("knots", "options"),
    [((), {}), (((1, 5), (0, 6)), {}), (((0, 0),), {}), (((0, 9),), {"spread": 0.5}),
     (((0, 9),), {"between": "cubic"})],
)  # fmt: skip
def test_a_schedule_that_is_none_is_refused(knots: tuple, options: dict) -> None:
    with pytest.raises(ConfigError):
        SizeSchedule(knots, **options)


@pytest.mark.parametrize("options", [{"budget": 0}, {"patch": 0}])
def test_settings_that_cannot_be_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError, match="none may be 0"):
        batches(**options)
