"""Runner for the trainer's cases: dataset items, masked losses, loss values and gradients."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from anyres_bench.core.geometry import Size
from anyres_bench.data.protocols import infinite_order
from anyres_bench.data.reading import view_pixels
from anyres_bench.data.views import ImageView, Patch, Whole
from anyres_bench.reference.config import DiscriminatorConfig, GeneratorConfig
from anyres_bench.reference.discriminator import AnyResDiscriminator
from anyres_bench.reference.layers import normalize_rms
from anyres_bench.reference.mapping import OfficialScaleMapping
from anyres_bench.reference.network import GeneratorNetwork
from anyres_bench.reference.teacher import OFFICIAL_BORDER, Teacher, TeacherOptions
from anyres_bench.training.losses import (
    at_most_256,
    discriminator_loss,
    fade_blur,
    fade_sigma,
    generator_loss,
    masked_l1,
    masked_mean,
    r1_penalty,
)
from tests.golden import Case, Check


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    got = dict(_RUNNERS[case.meta["kind"]](case))
    yield "", [_check(case, name, stated, got) for name, stated in case.meta["outputs"].items()]


def _check(case: Case, name: str, stated: dict[str, Any], got: dict[str, Any]) -> Check:
    want = case.arrays[f"out.{name}"]
    if name not in got:
        return Check(name, "not computed", "computed")
    return Check(name, got[name], want, atol=stated["atol"])


class OfficialDraws:
    """Python's global generator, seeded as the case says."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def uniform(self) -> float:
        return self._random.random()


def _dataset(case: Case) -> Iterator[tuple[str, Any]]:
    names = sorted(name for name in case.arrays if name.startswith("in.image"))
    images = [case.arrays[name] for name in names]
    for i, query in enumerate(case.meta["config"]["patch_queries"]):
        index, flip, length = _item(query, len(images))
        pixels, draws = images[index], OfficialDraws(query["seed"])
        rule = Patch(query["resolution"], query["scale_min"], query["scale_max"])
        size = Size(*pixels.shape[:2])
        square, view = rule.draw(size, flip, not query["random_crop"], draws)
        shown = view_pixels(pixels, ImageView(index, flip, square, view))
        yield f"patch{i}.image", shown.transpose(2, 0, 1)
        yield f"patch{i}.transform", view.region.affine().float()
        facts = [view.region.canvas.width, view.region.left, view.region.top, square.width, length]
        yield f"patch{i}.new_size_x_y_orig_len", np.array(facts)
    for i, query in enumerate(case.meta["config"]["full_queries"]):
        index, flip, length = _item(query, len(images))
        pixels, draws = images[index], OfficialDraws(query["seed"])
        rule = Whole(query["resolution"])
        square, view = rule.draw(Size(*pixels.shape[:2]), flip, not query["crop_image"], draws)
        shown = view_pixels(pixels, ImageView(index, flip, square, view))
        yield f"full{i}.image", shown.transpose(2, 0, 1)
        yield f"full{i}.raw_idx_xflip_len", np.array([index, flip, length])
    for i, (size, seed, n_replicas, rank, take) in enumerate(case.meta["config"]["sampler"]):
        order = infinite_order(size, seed)
        mine = (index for place, index in enumerate(order) if place % n_replicas == rank)
        yield f"sampler{i}", np.array([next(mine) for _ in range(take)])


def _item(query: dict[str, Any], n_images: int) -> tuple[int, bool, int]:
    """(image, mirrored, length of the dataset); a subset is the sorted start of a shuffle."""
    kept = np.arange(n_images)
    if query.get("max_size") is not None and query["max_size"] < n_images:
        np.random.RandomState(query.get("random_seed", 0)).shuffle(kept)
        kept = np.sort(kept[: query["max_size"]])
    flip, place = divmod(query["idx"], len(kept))
    return int(kept[place]), bool(flip), len(kept) * (2 if query["xflip"] else 1)


def _masked_losses(case: Case) -> Iterator[tuple[str, Any]]:
    config = case.meta["config"]
    a, b, mask = (torch.from_numpy(case.arrays[f"in.{name}"]) for name in ("a", "b", "mask"))
    yield "masked_l1", masked_l1(a, b, mask)
    yield "l1_nomask_shape", np.array((a - b).abs().shape)
    distance = (a - b).square().mean(dim=1, keepdim=True)
    yield "masked_spatial_fake_lpips", masked_mean(distance, mask)
    normal = np.random.Generator(np.random.PCG64(config["big_seed"]))
    big = 1.3 * normal.standard_normal(config["big_shape"])
    big = torch.from_numpy(big.astype(np.float32))
    small, stride = at_most_256(big), config["stride"]
    yield "down256_shape", np.array(small.shape)
    yield "down256_stride", small[:, :, ::stride, ::stride]
    small_mask = at_most_256((big[:, :1] > 0).float(), "nearest")
    yield "down256_mask_stride", small_mask[:, :, ::stride, ::stride]
    yield "down256_mask_sum", small_mask.sum()
    yield "small_passthrough_clamped", at_most_256(a)

    for i, (norm, low, high) in enumerate(config["scale_norms"]):
        mapping = OfficialScaleMapping(
            GeneratorConfig(16, scale_min=low, scale_max=high, scale_norm=norm),
            torch.Generator().manual_seed(0),
        )
        seen = mapping.normalize(torch.tensor(config["scale_values"])[:, None])
        yield f"scale_norm{i}", seen
        yield f"scale_norm{i}.after_mapping_normalisation", normalize_rms(seen)


def _loss(case: Case) -> Iterator[tuple[str, Any]]:
    for phase in case.meta["config"]["phases"]:
        trial = _Trial(case, phase)
        for name, value in trial.run():
            yield f"{phase['tag']}.{name}", value


class _Trial:
    """One official phase from the case's weights."""

    def __init__(self, case: Case, phase: dict[str, Any]) -> None:
        self.case, self.phase, self.config = case, phase, case.meta["config"]
        self.g = GeneratorNetwork(GeneratorConfig.from_official(self.config["generator"]))
        self.d = AnyResDiscriminator(
            DiscriminatorConfig.from_official(self.config["discriminator"])
        )
        fill(self.g, case.meta["weights"]["G"])
        fill(self.d, case.meta["weights"]["D"])

    def run(self) -> Iterator[tuple[str, Any]]:
        z = self._input("z")
        transforms = self._input("transforms") if "in.transforms" in self.case.arrays else None
        if self.phase["phase"].startswith("G"):
            total, reports = self._generator_phase(z, transforms)
            trained: torch.nn.Module = self.g
        else:
            total, reports = self._discriminator_phase(z, transforms)
            trained = self.d
        (total.mean() * self.phase["gain"]).backward()
        for name, value in reports.items():
            yield f"report.Loss_{name}", value.detach()
        gradients = {n: p.grad for n, p in trained.named_parameters() if p.grad is not None}
        stated = str(self.case.arrays[f"out.{self.phase['tag']}.grad_names"]).split("\n")
        if set(stated) == set(gradients):
            yield "grad_names", "\n".join(stated)
        yield "grad_norms", torch.stack([gradients[n].norm() for n in stated if n in gradients])
        for name in self.phase["full_grads"]:
            yield f"grad.{name}", gradients[name]
        for name, value in self.g.named_buffers():
            yield f"G_buffer_after.{name}", value

    def _generator_phase(
        self, z: torch.Tensor, transforms: torch.Tensor | None
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        self.d.requires_grad_(False)
        fake = self.g(z, None, transforms)
        logits = self._judge(fake)
        total = generator_loss(logits)
        reports = {"scores_fake": logits, "signs_fake": logits.sign(), "G_loss": total}
        if self.config.get("teacher"):
            terms = self._teacher().terms(z, None, fake, transforms)
            reports["G_loss_teacher_l1"] = terms["l1"]
            reports["G_loss_teacher_lpips"] = terms["perceptual"]
            weighted = self.config["teacher_lambda"] * (terms["l1"] + terms["perceptual"])
            total = total + weighted[:, None]
            reports["G_loss_total"] = total
        return total, reports

    def _teacher(self) -> Teacher:
        """The same weights without the scale branch; LPIPS is the case's stand-in."""
        network = GeneratorNetwork(
            replace(GeneratorConfig.from_official(self.config["generator"]), scale_embedding="none")
        )
        own = self.g.state_dict()
        network.load_state_dict({name: own[name] for name in network.state_dict()})
        options = TeacherOptions(mode=self.config["teacher_mode"], border=OFFICIAL_BORDER)
        return Teacher(network, options, lambda a, b: (a - b).square().mean(1, keepdim=True))

    def _discriminator_phase(
        self, z: torch.Tensor, transforms: torch.Tensor | None
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        reports: dict[str, torch.Tensor] = {}
        total: Any = 0.0
        main, penalised = self.phase["phase"] != "Dreg", self.phase["phase"] != "Dmain"
        if main:
            with torch.no_grad():
                fake = self.g(z, None, transforms, update_emas=True)
            fake_logits = self._judge(fake)
            reports |= {"scores_fake": fake_logits, "signs_fake": fake_logits.sign()}
        real = self._input("real").requires_grad_(penalised)
        logits = self._judge(real)
        reports |= {"scores_real": logits, "signs_real": logits.sign()}
        if main:
            total = discriminator_loss(fake_logits, logits)
            reports["D_loss"] = total
        if penalised:
            penalty = r1_penalty(logits, real)
            reports |= {
                "r1_penalty": penalty,
                "D_reg": penalty * (self.config["r1_gamma"] / 2),
            }
            total = total + reports["D_reg"][:, None]
        return total, reports

    def _judge(self, images: torch.Tensor) -> torch.Tensor:
        config = self.config
        sigma = 0.0
        if config.get("blur_fade_kimg"):
            n_images, start = self.phase["cur_nimg"], config["blur_init_sigma"]
            sigma = fade_sigma(n_images, config["blur_fade_kimg"], start)
        return self.d(fade_blur(images, sigma))

    def _input(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self.case.arrays[f"in.{name}"])


def fill(network: torch.nn.Module, weights: dict[str, Any]) -> None:
    """Fill a network by the golden rule; what the entries do not name keeps its value."""
    state = network.state_dict()
    for name, shape, mean, std in weights["entries"]:
        normal = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
        value = np.asarray(mean + std * normal.standard_normal(shape)).astype(np.float32)
        assert name in state, name
        state[name] = torch.from_numpy(value)
    network.load_state_dict(state)


_RUNNERS = {"dataset": _dataset, "masked_losses": _masked_losses, "loss": _loss}
