"""Optimisers with their schedule inside, so that a state on disk holds both."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn


class SteppedAdam(torch.optim.Adam):
    """Adam whose learning rate is multiplied at given steps.

    The step is Adam's own count, so a resumed run goes on with the right rate.

    Args:
        parameters: what is trained.
        lr: at the start.
        betas: as Adam has them.
        milestones: steps before which the rate changes.
        factor: that it is multiplied by.
        fused: compute a step in one kernel; moves the last bits.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        milestones: Iterable[int] = (),
        factor: float = 0.5,
        fused: bool = False,
    ) -> None:
        super().__init__(parameters, lr=lr, betas=betas, fused=fused)
        self._start, self._milestones, self._factor = lr, tuple(milestones), factor

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step at the rate of its number."""
        steps = [state["step"] for state in self.state.values()] if self._milestones else []
        done = int(torch.stack(steps).max()) if steps else 0  # a GPU is waited for once
        passed = sum(milestone <= done for milestone in self._milestones)
        for group in self.param_groups:
            group["lr"] = self._start * self._factor**passed
        return super().step(closure)


def lazy_adam(
    parameters: Iterable[nn.Parameter],
    lr: float,
    interval: int | None,
    milestones: Iterable[int] = (),
) -> SteppedAdam:
    """Adam of a GAN whose penalty is a step of its own, once in `interval` steps.

    Rate and memory are shortened by interval / (interval + 1); None leaves them. The rate is halved
    before each milestone, a step of the optimiser's own count.

    Source: StyleGAN2 (Karras et al., CVPR 2020), appendix B, lazy regularisation.
    """
    share = interval / (interval + 1) if interval else 1.0
    return SteppedAdam(parameters, lr * share, (0.0, 0.99**share), milestones, fused=True)
