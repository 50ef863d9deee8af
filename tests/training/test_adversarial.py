"""The parts that GAN recipes share."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.seeds import stream
from anyres_bench.training.adversarial import (
    AdversarialConfig,
    PathLength,
    check_loop,
    path_lengths,
)
from anyres_bench.training.config import LoopConfig
from anyres_bench.training.recipe import Loss, StepContext
from tests.training.tiny import CONTEXT, LOOP


def test_phases_are_those_that_are_wanted() -> None:
    def loss(batch: object, context: StepContext) -> Loss:
        return Loss(torch.zeros(1))

    def names_of(config: AdversarialConfig) -> list[str]:
        return [phase.name for phase in config.phases(loss, loss, loss, (loss, loss))]

    names = names_of(AdversarialConfig())
    assert names == ["G", "D", "D-r1", "G-path", "path-mean"]
    bare = AdversarialConfig(r1_gamma=0, path_weight=0)
    assert names_of(bare) == ["G", "D"]
    assert [phase.name for phase in AdversarialConfig().phases(loss, loss, loss)] == names[:3]


def test_rates_are_shortened_by_the_steps_that_penalties_are() -> None:
    module = torch.nn.Linear(2, 2)
    config = AdversarialConfig(lr=0.1)
    rates = {n: config.optimizer(n, module, LOOP).param_groups[0] for n in ("G", "D")}
    assert rates["G"]["lr"] == pytest.approx(0.1 * 4 / 5)
    assert rates["D"]["lr"] == pytest.approx(0.1 * 16 / 17)
    assert rates["D"]["betas"] == pytest.approx((0, 0.99 ** (16 / 17)))
    full = AdversarialConfig(lr=0.1, lazy=False).optimizer("D", module, LOOP)
    assert full.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize("penalties", [0.0, 1.0])
def test_rates_are_halved_after_so_many_images_whatever_penalties_step_between(
    penalties: float,
) -> None:
    loop = LoopConfig(batch=8, micro_batch=8)
    config = AdversarialConfig(
        lr=0.1, lazy=False, halve_kimg=(0.032,), r1_gamma=penalties, path_weight=penalties
    )
    for name, interval in (("G", config.path_interval), ("D", config.r1_interval)):
        module = torch.nn.Linear(1, 1)
        optimizer, rates = config.optimizer(name, module, loop), []
        for step in range(8):
            for _ in range(2 if penalties and step % interval == 0 else 1):
                module(torch.ones(1, 1)).sum().backward()
                optimizer.step()
            rates.append(optimizer.param_groups[0]["lr"])
        assert rates == [0.1] * 4 + [0.05] * 4, name


def test_the_mean_length_is_the_published_running_mean() -> None:
    path, expected = PathLength(), 0.0
    optimizer = AdversarialConfig().optimizer("path", path, LOOP)
    for step in range(5):
        lengths = torch.from_numpy(stream(step).uniform(4)).float()
        loss = path.penalty(lengths, 2.0)
        assert torch.allclose(loss.total, 2 * (lengths - expected).square())
        optimizer.zero_grad()
        context = dataclasses.replace(CONTEXT, scores=loss.scores)
        path.follow(None, context).total.mean().backward()
        optimizer.step()
        expected += 0.01 * (float(lengths.mean()) - expected)
        assert path.mean.item() == pytest.approx(expected, rel=1e-5)


def test_path_lengths_of_a_linear_map() -> None:
    """Images that are styles repeated over h x w: every direction's length is known."""
    styles = torch.zeros(2, 1, 3, requires_grad=True)
    images = (
        styles[:, 0, :, None, None].expand(2, 3, 8, 8)
        * torch.tensor([1.0, 3.0])[:, None, None, None]
    )
    lengths = path_lengths(images, styles, stream(0))
    again = path_lengths(images, styles, stream(0), mean=True)
    assert float(lengths[1] / lengths[0]) > 1.2
    assert torch.allclose(again * 3**0.5, lengths)


def test_mixing_switches_inside_the_layers() -> None:
    config = AdversarialConfig(mixing=1.0)
    places = {config.switch(stream(seed), 5) for seed in range(60)}
    assert places == {1, 2, 3, 4}
    assert dataclasses.replace(config, mixing=0.0).switch(stream(0), 5) is None


def test_loops_that_cannot_be_are_refused() -> None:
    check_loop(dataclasses.replace(LOOP, batch=6, micro_batch=3))
    with pytest.raises(ConfigError, match="micro_batch is 6"):
        check_loop(dataclasses.replace(LOOP, batch=6, micro_batch=6))
    with pytest.raises(ConfigError, match=r"loop\.compile is not implemented"):
        check_loop(dataclasses.replace(LOOP, compile=True))
