"""Runner of `anycost_*`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import torch

from anyres_bench.baselines.anycost import network as anycost
from tests.golden import Case, Check
from tests.golden_runners.fill import compare, inputs, load, outputs

CLASSES = {
    "Generator": anycost.AnycostNetwork,
    "Discriminator": anycost.AnycostDiscriminator,
    "DiscriminatorMultiRes": anycost.DiscriminatorMultiRes,
}


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    options = dict(case.meta["constructor"])
    kind = options.pop("class")
    network = load(case, CLASSES[kind](**options))
    if kind == "Generator":
        yield "", generator(case, network)
    else:
        yield "", discriminator(case, network)


def discriminator(case: Case, network: torch.nn.Module) -> Iterator[Check]:
    given = inputs(case)
    code = given.get("g_arch")
    extra = () if code is None else (code,)
    names = [(name, "img" + name.removeprefix("logit_")) for name in outputs(case)]
    yield from compare(case, {name: network(given[image], *extra) for name, image in names})
    if ratios := case.meta["params"].get("g_arch_ratios"):
        yield Check("architecture code", anycost.architecture_code(ratios), code)


def generator(case: Case, network: anycost.AnycostNetwork) -> Iterator[Check]:
    params, render = case.meta["params"], Renderer(case, network)
    yield from compare(case, {name: render(name) for name in outputs(case)})
    yield Check("full widths", network.widths, params["full_channel_list"])
    for ratio, widths in params["uniform_channel_lists"].items():
        yield Check(f"widths at {ratio}", network.uniform_widths(float(ratio)), widths)


class Renderer:
    """Computes an output from its name."""

    def __init__(self, case: Case, network: anycost.AnycostNetwork) -> None:
        self.network, self.given, self.params = network, inputs(case), case.meta["params"]
        self.w = network.style(self.given["z"][:, 0])

    def __call__(self, name: str) -> torch.Tensor:
        if name == "w":
            return self.w[:, None]
        tag, _, target = name.partition("_target")
        if tag.startswith("target"):
            return self.image(target=int(name.removeprefix("target")))
        if tag == "full":
            return self.image()
        if match := re.fullmatch(r"full_rgb(\d+)", tag):
            return self.images()[self.network.resolutions.index(int(match[1]))]
        if match := re.fullmatch(r"uniform([\d.]+)", tag):
            widths = self.network.uniform_widths(float(match[1]))
            return self.image(target=int(target) if target else None, widths=widths)
        return self.variant(tag)

    def variant(self, tag: str) -> torch.Tensor:
        """Outputs at the auxiliary resolution."""
        target = self.params["aux_res"]
        if match := re.fullmatch(r"layers_(.+)", tag):
            return self.image(target=target, widths=self.params["per_layer"][match[1]])
        if match := re.fullmatch(r"trunc([\d.]+)", tag):
            w = torch.lerp(self.given["mean_style"], self.w, float(match[1]))
            return self.image(self.network.styles(w), target=target)
        if match := re.fullmatch(r"mix(\d+)", tag):
            latents = self.network.style(self.given["z_mix"]).unbind(1)
            return self.image(self.network.styles(*latents, switch=int(match[1])), target=target)
        if tag == "wplus":
            return self.image(self.given["wplus"], target=target)
        if tag == "explicit_noise":
            noise = [self.given[f"noise{i}"] for i in range(len(self.network.noise_sides))]
            return self.image(noise=noise, target=target)
        raise ValueError(f"no way to compute {tag!r}")

    def image(self, *arguments, target: int | None = None, **options) -> torch.Tensor:
        stops = self.network.resolutions[1:]  # the official class renders in full at any other
        return self.images(*arguments, target=target if target in stops else None, **options)[-1]

    def images(self, styles=None, noise=None, target=None, widths=None) -> list[torch.Tensor]:
        styles = self.network.styles(self.w) if styles is None else styles
        noise = self.network.buffered_noise() if noise is None else noise
        return self.network(styles, noise, target, widths)
