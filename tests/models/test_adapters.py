"""Models of users' code: fixed sizes, pipelines, functions of coordinates."""

from __future__ import annotations

from typing import Any

import pytest

import anyres_bench as ab
from anyres_bench.core.errors import GeneratorError, UsageError
from anyres_bench.core.geometry import Region
from anyres_bench.models.checking import check_model
from tests.fakes import Waves


class Reusing(Waves):
    """A model that draws every picture into the same memory, as captured graphs do."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "memory", {})

    def sample(self, *arguments: Any) -> Any:
        images = super().sample(*arguments)
        return self.memory.setdefault(images.shape, images).copy_(images)


def test_labels_of_a_fixed_size_are_drawn_and_said() -> None:
    def draw(z: Any, labels: Any) -> Any:
        return z.tanh().view(-1, 3, 2, 2) * 0 + labels.view(-1, 1, 1, 1) / 10

    model = ab.FixedSize(draw, 2, z_dim=12, n_labels=5, exact=True)
    images = model.sample(model.latents(range(30)), [Region.whole(ab.Size(2, 2))] * 30)
    assert len(images.unique()) == 5
    assert "labels-uniform5" in model.id
    chosen = model.sample(model.latents(range(30), [3] * 30), [Region.whole(ab.Size(2, 2))] * 30)
    assert chosen.unique().tolist() == [pytest.approx(0.3)]
    with pytest.raises(UsageError, match="has no label 5; its labels: 0 to 4"):
        model.latents([0], [5])
    with pytest.raises(UsageError, match="1 labels for 2 seeds"):
        model.latents([0, 1], [3])


def test_labels_are_not_passed_over_where_there_are_none() -> None:
    plain = ab.FixedSize(lambda z: z.view(-1, 3, 2, 2), 2, z_dim=12)
    with pytest.raises(UsageError, match="has no label 1; its labels: none"):
        plain.latents([0], [1])
    waves = ab.Coordinates(lambda x, z, cell: x, native=ab.Size(2, 2), name="waves")
    for model in (waves, ab.load("scenes"), ab.load("houses")):
        with pytest.raises(UsageError, match=r"takes no labels by number, got \[1\]"):
            model.latents([0], [1])


def test_a_pipeline_is_given_what_it_asks_for_and_held_to_it() -> None:
    def draw(seed: int, size: Any, level: int = 0) -> Any:
        import numpy as np

        return np.full((*size, 3), (seed + level) % 256, np.uint8)

    model = ab.Pipeline(draw, native=ab.Size(8, 12), options=(("level", 7),))
    window = Region(ab.Size(8, 12), 2, 3, ab.Size(4, 4))
    image = model.sample(model.latents([3]), [window])
    assert image.shape == (1, 3, 4, 4)
    assert float(image[0, 0, 0, 0]) == pytest.approx(10 / 127.5 - 1)
    assert "level=7" in model.id
    wrong = ab.Pipeline(lambda seed, size: draw(seed, size).transpose(1, 0, 2), name="turned")
    with pytest.raises(GeneratorError, match=r"shape \(12, 8, 3\)"):
        wrong.sample(wrong.latents([0]), [Region.whole(ab.Size(8, 12))])


def test_pictures_become_pixels_as_files_do() -> None:
    import numpy as np
    import torch
    from PIL import Image

    side = ab.Size(2, 2)

    def drawn(made: Any) -> Any:
        model = ab.Pipeline(lambda seed, size: made, native=side, name="odd")
        return model.sample(model.latents([0]), [Region.whole(side)])

    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    keyed = Image.new("P", (2, 2), 0)
    keyed.info["transparency"] = 0
    for white in (clear, clear.convert("LA"), keyed, torch.ones(2, 2, 3, dtype=torch.bfloat16)):
        assert drawn(white).unique().tolist() == [1]
    assert drawn(Image.new("L", (2, 2), 255)).unique().tolist() == [1]
    deep = Image.fromarray(np.full((2, 2), 300, np.uint16))
    for mode, unknown in (("I;16", deep), ("F", deep.convert("F")), ("I", deep.convert("I"))):
        with pytest.raises(GeneratorError, match=f"odd made a picture of mode {mode}"):
            drawn(unknown)
    with pytest.raises(GeneratorError, match=r"shape \(3, 2, 2\)"):
        drawn(torch.zeros(3, 2, 2))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 8, 8), r"shape \(1, 3, 8, 8\); expected \(1, 3, 4, 4\)"),  # was cut, in silence
        ((1, 3, 2, 2), r"shape \(1, 3, 2, 2\)"),
        ((1, 4, 4, 3), r"shape \(1, 4, 4, 3\); .* \(n, channels, height, width\)"),
        ((1, 1, 4, 4), r"shape \(1, 1, 4, 4\)"),
        ((2, 3, 4, 4), r"shape \(2, 3, 4, 4\)"),
    ],
)
def test_a_network_of_another_size_is_named(shape: tuple[int, ...], message: str) -> None:
    import torch

    model = ab.FixedSize(lambda z: torch.zeros(shape), 4, z_dim=8, name="net")
    for side in (4, 16):
        with pytest.raises(GeneratorError, match=f"net returned {message}"):
            model.sample(model.latents([0]), [Region.whole(ab.Size(side, side))])


def test_a_size_is_a_number_or_height_and_width() -> None:
    import numpy as np

    for given in ((4, 6), [4, 6], ab.Size(4, 6)):
        assert ab.FixedSize(lambda z: z, given, z_dim=8).native == ab.Size(4, 6)
    assert ab.FixedSize(lambda z: z, np.int64(4), z_dim=8).native == ab.Size(4, 4)
    for given in (64.0, "64", 0, (4, 6, 3), None, True):
        with pytest.raises(UsageError, match=r"size is .*; expected"):
            ab.FixedSize(lambda z: z, given, z_dim=8)
    for wrong in ({"z_dim": 0}, {"z_dim": 8.5}, {"z_dim": 8, "n_labels": -1}):
        with pytest.raises(UsageError, match=f"{list(wrong)[-1]} is .*; expected"):
            ab.FixedSize(lambda z: z, 4, **wrong)


def test_a_network_that_draws_into_its_last_picture_draws_them_all() -> None:
    import torch

    kept = torch.zeros(1, 3, 2, 2)

    def draw(z: torch.Tensor) -> torch.Tensor:
        return kept.copy_(z.tanh().view(1, 3, 2, 2))

    model, plain = (ab.FixedSize(one, 2, z_dim=12) for one in (draw, lambda z: draw(z).clone()))
    whole = [Region.whole(ab.Size(2, 2))] * 3
    assert torch.equal(
        model.sample(model.latents(range(3)), whole), plain.sample(plain.latents(range(3)), whole)
    )
    assert model.id.partition("+")[2] == plain.id.partition("+")[2]
    for step in check_model(Reusing()):
        assert not step.fault


def test_what_is_no_tensor_of_floats_is_named() -> None:
    import torch

    whole = [Region.whole(ab.Size(4, 4))]
    for made, got in (
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), "torch.uint8"),
        ((torch.zeros(1, 3, 4, 4),), "tuple"),
        ({"sample": torch.zeros(1, 3, 4, 4)}, "dict"),
    ):
        fixed = ab.FixedSize(lambda z, made=made: made, 4, z_dim=8, name="net")
        waves = ab.Coordinates(lambda x, z, c, made=made: made, native=ab.Size(4, 4), name="net")
        for model in (fixed, waves):
            with pytest.raises(GeneratorError, match=f"net returned {got}; expected a tensor of"):
                model.sample(model.latents([0]), whole)
    for made in (torch.ones(1, 3, 4, 4).to_sparse(), torch.ones(1, 3, 4, 4, device="meta")):
        fixed = ab.FixedSize(lambda z, made=made: made, 4, z_dim=8, name="net")
        with pytest.raises(GeneratorError, match="no number for every pixel"):
            fixed.sample(fixed.latents([0]), whole)
    half = ab.FixedSize(lambda z: torch.zeros(1, 3, 4, 4).half(), 4, z_dim=8)
    assert half.sample(half.latents([0]), whole).dtype == torch.float32
