"""The recipe of AnyRes-GAN: whole images first, then patches of any scale tied to a teacher.

Stage 1 trains StyleGAN3 on whole images. Stage 2 starts from it, adds the scale branch, and shows
half of the batches windows of variable-size images; what the generator draws in a window is held
against the same place in the image that the frozen first stage draws from the same latent.

With `generator.panorama_fov` a third kind: the generator draws frames around a cylinder, and the
discriminator sees cuts across the seam of two of them, beside squares cut out of wide photographs.

Source: AnyRes-GAN (Chai et al., ECCV 2022), section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anyres_bench.core import distributed
from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import to_float
from anyres_bench.features.lpips import load_lpips
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.fitting import load_strict
from anyres_bench.models.generator import Generator
from anyres_bench.reference.config import DiscriminatorConfig, GeneratorConfig
from anyres_bench.reference.discriminator import AnyResDiscriminator
from anyres_bench.reference.generator import from_checkpoint
from anyres_bench.reference.inputs import PanoramaInput
from anyres_bench.reference.network import GeneratorNetwork
from anyres_bench.reference.panorama import spliced_image
from anyres_bench.reference.teacher import Teacher, TeacherOptions
from anyres_bench.training.adversarial import AdversarialConfig, sample_grids
from anyres_bench.training.config import LoopConfig, above, at_least, to_plain
from anyres_bench.training.items import ImageBatch, ImageItems, SourceConfig
from anyres_bench.training.losses import (
    Perceptual,
    discriminator_loss,
    fade_blur,
    fade_sigma,
    generator_loss,
    laplacian_distance,
    r1_penalty,
)
from anyres_bench.training.optimisers import lazy_adam
from anyres_bench.training.recipe import Loss, Phase, StepContext, exported
from anyres_bench.training.warm_start import read_warm_start

_SAMPLE_SCALES = (1, 2, 4)  # canvases of the sample grids, over the model's resolution
_N_SAMPLES, _N_ROWS = 8, 4  # of the smallest canvas


@dataclass(frozen=True, kw_only=True)
class AnyResConfig:
    """What is trained on what.

    Attributes:
        generator: its network; `scale_embedding` "none" for stage 1, else for stage 2.
        discriminator: its network; None for one that fits the generator.
        sources: datasets and what of them is shown; stage 2 mixes "whole" and "patch".
        r1_gamma: weight of the R1 penalty.
        r1_interval: steps from one penalty to the next.
        generator_lr, discriminator_lr: of Adam.
        halve_kimg: thousands of images after which both are halved, once for each.
        reuse_fakes: the discriminator sees the images that the generator was just judged by,
            which saves drawing others.
        blur_kimg: the discriminator sees blurred images, less and less, for so many thousand
            images (config R, stage 1); 0 for never.
        teacher: folder of the stage-1 run or checkpoint; the networks start from it, and it is
            the teacher. A run's discriminator is taken over too.
        teacher_options: how the teacher is held against.
    """

    generator: GeneratorConfig
    discriminator: DiscriminatorConfig | None = None
    sources: tuple[SourceConfig, ...] = ()
    r1_gamma: float = 2.0
    r1_interval: int = 16
    generator_lr: float = 0.0025
    discriminator_lr: float = 0.002
    halve_kimg: tuple[float, ...] = ()
    reuse_fakes: bool = False
    blur_kimg: float = 0.0
    teacher: str | None = None
    teacher_options: TeacherOptions = field(default_factory=TeacherOptions)

    def __post_init__(self) -> None:
        above(self, generator_lr=0, discriminator_lr=0)
        at_least(self, r1_gamma=0, r1_interval=1, halve_kimg=0, blur_kimg=0)
        uses = {source.use for source in self.sources}
        if self.generator.panorama_fov is not None and (
            self.teacher is not None or "patch" in uses or self.generator.scale_embedding != "none"
        ):
            raise ConfigError(
                "a panorama is trained on whole frames: set model.generator.scale_embedding to "
                '"none", every source\'s use to "whole", and no model.teacher'
            )

    @property
    def adversarial(self) -> AdversarialConfig:
        """How the networks are played: without path penalty and without mixed styles."""
        return AdversarialConfig(
            r1_gamma=self.r1_gamma, r1_interval=self.r1_interval, path_weight=0.0, mixing=0.0
        )

    def recipe(self, loop: LoopConfig) -> AnyResRecipe:
        """The recipe of this configuration."""
        return AnyResRecipe(self, loop)


class AnyResRecipe:
    """Networks, batches and losses of either stage.

    Raises:
        ConfigError: labels or sizes do not go together.
        CheckpointError: the teacher cannot be read, or does not fit.
    """

    averaged = "G"

    def __init__(self, config: AnyResConfig, loop: LoopConfig) -> None:
        self.config, self._loop = config, loop
        g = config.generator
        if loop.compile and g.panorama_fov is not None:
            raise ConfigError("loop.compile is not implemented for panoramas; set it to false")
        self._items = ImageItems(config.sources, g.resolution, loop.batch, loop.seed)
        self._check_labels()
        self.generator_network = GeneratorNetwork(g, loop.seed)
        shape = config.discriminator or DiscriminatorConfig(g.resolution, g.c_dim)
        self.discriminator = AnyResDiscriminator(shape, loop.seed + 1)
        # A third faster on a CPU.
        self.discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._drawn: dict[int, Tensor] = {}  # by micro-batch, where fakes are used again
        self.teacher: Teacher | None = None
        self._teacher_digest: str | None = None
        if config.teacher is not None:
            self._start_from(Path(config.teacher))

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The generator G and the discriminator D."""
        return {"G": self.generator_network, "D": self.discriminator}

    @property
    def phases(self) -> tuple[Phase, ...]:
        """G, then D, then D's lazy penalty."""
        played = self.config.adversarial
        return played.phases(self._generator_loss, self._discriminator_loss, self._penalty)

    def optimizer(self, network: str) -> torch.optim.Optimizer:
        """Adam; D's rates are shortened because it takes r1_interval + 1 steps in r1_interval."""
        parameters, config = self.networks[network].parameters(), self.config
        lr = config.generator_lr if network == "G" else config.discriminator_lr
        penalty_interval = None if network == "G" else config.r1_interval
        milestones = self._loop.steps(config.halve_kimg, penalty_interval)
        return lazy_adam(parameters, lr, penalty_interval, milestones)

    def items(self) -> ImageItems:
        """Real images with their windows."""
        return self._items

    def _generator_loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        z, c = self._latents(batch, context)
        reuses = self.config.reuse_fakes
        fake = self._render(z, c, batch, context, update_emas=reuses)
        if reuses:
            self._drawn[context.part] = fake.detach()
        logits = self._judge(fake, c, context)
        loss = Loss(generator_loss(logits)[:, 0], {"scores-fake": logits})
        if self.teacher is not None:
            terms = self.teacher.terms(z, c, fake, batch.transforms)
            loss.total = loss.total + self.config.teacher_options.weight * sum(terms.values())
            loss.scores |= {f"teacher-{name}": value for name, value in terms.items()}
        return loss

    def _discriminator_loss(self, batch: ImageBatch, context: StepContext) -> Loss:
        c = self._labels(batch.labels)
        if self.config.reuse_fakes:
            fake = self._drawn.pop(context.part)
        else:
            z, c = self._latents(batch, context)
            with torch.no_grad():
                fake = self._render(z, c, batch, context, update_emas=True)
        fake_logits, real_logits = self._judge_both(fake, to_float(batch.images), c, context)
        loss = discriminator_loss(fake_logits, real_logits)[:, 0]
        return Loss(loss, {"scores-real": real_logits})

    def _penalty(self, batch: ImageBatch, context: StepContext) -> Loss:
        real = to_float(batch.images).requires_grad_(True)
        logits = self._judge(real, self._labels(batch.labels), context)
        penalty = r1_penalty(logits, real, context.grad_scale)
        return Loss(penalty * (self.config.r1_gamma / 2), {"r1": penalty})

    def _render(
        self,
        z: Tensor,
        c: Tensor | None,
        batch: ImageBatch,
        context: StepContext,
        update_emas: bool = False,
    ) -> Tensor:
        network = self.generator_network
        if self.config.generator.panorama_fov is None:
            images: Tensor = network(z, c, batch.transforms, update_emas=update_emas)
            return images
        column, cut = self._seam(context)
        w = network.mapping(z, c)
        if update_emas:
            network.mapping.update_average(w)
        return spliced_image(network.synthesis, w, column, cut, update_emas)

    def _seam(self, context: StepContext) -> tuple[int, int]:
        """Where a micro-batch looks at a panorama: column of the first frame, pixel of the cut."""
        first = self.generator_network.synthesis.input
        assert isinstance(first, PanoramaInput)
        rng = stream(context.seed, "seam", context.phase, context.step, context.part)
        column = rng.integer(0, first.columns_a_turn - 1)
        return column, rng.integer(0, self.config.generator.resolution)

    def _judge(self, images: Tensor, c: Tensor | None, context: StepContext) -> Tensor:
        sigma = fade_sigma(context.n_images, self.config.blur_kimg)
        logits: Tensor = self.discriminator(fade_blur(images, sigma), c)
        return logits

    def _judge_both(
        self, fake: Tensor, real: Tensor, c: Tensor | None, context: StepContext
    ) -> tuple[Tensor, Tensor]:
        """Logits of fakes and of real images with the same labels, in one pass.

        They are laid out so that no group whose images are compared holds both kinds.
        """
        size = self.discriminator.config.mbstd_group_size
        if len(fake) < size:
            return self._judge(fake, c, context), self._judge(real, c, context)
        both = _side_by_side(fake, real, size)
        logits = self._judge(both, None if c is None else _side_by_side(c, c, size), context)
        fake_logits, real_logits = logits.view(size, -1, logits.shape[1]).chunk(2, dim=1)
        return fake_logits.flatten(0, 1), real_logits.flatten(0, 1)

    def _latents(self, batch: ImageBatch, context: StepContext) -> tuple[Tensor, Tensor | None]:
        """Latents by place, and labels of the batch's real images."""
        rng = stream(context.seed, "z", context.phase, context.step, context.part)
        z = rng.normal((len(batch.images), self.config.generator.z_dim))
        on_device = torch.from_numpy(z).float().to(batch.images.device)
        return on_device, self._labels(batch.labels)

    def _labels(self, labels: Tensor) -> Tensor | None:
        n_labels = self.config.generator.c_dim
        return torch.nn.functional.one_hot(labels, n_labels).float() if n_labels else None

    def samples(self, average: nn.Module) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Grids of the same latents on canvases of several sizes; panoramas turn once around."""
        generator = self.generator(average)
        base = self.config.generator.resolution
        canvases = [generator.native]
        if self.config.generator.scale_embedding != "none":
            canvases = [Size.square(base * scale) for scale in _SAMPLE_SCALES]
        grid = Size(_N_ROWS * base, _N_SAMPLES * base)
        for canvas, picture in sample_grids(generator, canvases, grid):
            yield f"canvas{canvas.height}", picture

    def generator(self, average: nn.Module) -> Generator:
        """The averaged generator as a model."""
        device = str(distributed.device())
        return from_checkpoint(self.export(average, {}), device=device)

    def export(self, average: nn.Module, training: Mapping[str, Any]) -> Checkpoint:
        """The averaged generator with what it was trained on."""
        metadata = {**training, "datasets": self._items.digests, "teacher": self._teacher_digest}
        if self.config.generator.c_dim:
            metadata["labels"] = self._items.label_counts
        plain = to_plain(self.config.generator)
        return exported("anyres-generator", plain, average, metadata)

    def _check_labels(self) -> None:
        names, wanted = list(self._items.label_counts), self.config.generator.c_dim
        if wanted and self._items.n_unlabelled:
            raise ConfigError(
                f"model.generator.c_dim is {wanted}, but {self._items.n_unlabelled} of "
                f"{self._items.n_images} images have no label; label them, leave their dataset "
                "out, or set c_dim to 0"
            )
        if wanted and len(names) != wanted:
            raise ConfigError(
                f"model.generator.c_dim is {wanted}, but the data have {len(names)} labels: "
                f"{', '.join(names[:10]) or 'none'}"
            )

    def _start_from(self, folder: Path) -> None:
        """Take over the weights of stage 1, and hold patches against its averaged generator.

        A scale branch, and finer sinusoids, that stage 1 does not have keep their initial weights,
        whose contribution is zero, so stage 2 starts as the teacher. Only the sampling rate of
        activations may differ: no weight depends on it, but the filters do.
        """
        checkpoint, networks = read_warm_start(folder)
        options = self.config.teacher_options
        own_rate = self.config.generator.lrelu_upsampling
        rate = checkpoint.config.get("lrelu_upsampling", own_rate)
        stage = replace(
            self.config.generator, scale_embedding="none", input_octaves=0, lrelu_upsampling=rate
        )
        network = GeneratorNetwork(stage)
        load_strict(network, checkpoint.state, str(folder))
        network.to(distributed.device())
        if options.weight:
            self.teacher = Teacher(network, options, _distance(options))
        self._teacher_digest = checkpoint.digest
        own = self.generator_network.state_dict()
        kept = checkpoint.state
        if rate != own_rate:
            kept = {name: kept[name] for name in kept.keys() - network.filter_names()}
        own.update(kept)
        load_strict(self.generator_network, own, str(folder))
        if "D" in networks:
            load_strict(self.discriminator, networks["D"], str(folder))


def _side_by_side(a: Tensor, b: Tensor, size: int) -> Tensor:
    """Two batches (n, ...) as one (2 n, ...), in which groups of `size` are of one of them."""
    columns = [batch.reshape(size, -1, *batch.shape[1:]) for batch in (a, b)]
    return torch.cat(columns, dim=1).flatten(0, 1)


def _distance(options: TeacherOptions) -> Perceptual | None:
    """The perceptual term that the options name."""
    if options.perceptual == "none":
        return None
    if options.perceptual == "laplacian":
        return laplacian_distance
    lpips = load_lpips("alex", device=str(distributed.device()))
    return lambda a, b: lpips.spatial(a, b)[:, None]
