"""One's own model as a generator, in a line: for what is no checkpoint that this package reads.

    FixedSize(module, size)      a network from latents to images of one size
    Coordinates(function)        a function of coordinates and latents: any window of any canvas
    Pipeline(function)           a function of (seed, size) to a PIL image or an array
    TorchScript(path, size)      as FixedSize, from a TorchScript file

Each has an id of a name and a fingerprint: the digest of the weights that it holds, or of pictures
of it where it holds none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from anyres_bench.core.counts import whole_number
from anyres_bench.core.errors import GeneratorError, UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.colour import without_alpha
from anyres_bench.data.pixels import to_float
from anyres_bench.models.fingerprints import fingerprint
from anyres_bench.models.fixed_sizes import FixedSizes, check_inside
from anyres_bench.models.generator import Canvases, check_images, check_pixels
from anyres_bench.models.labels import refuse_labels

Latent = tuple[int, int | None]  # seed, label


def normal(seed: int, dim: int) -> Tensor:
    """The latent of a seed, (1, dim) float32, the same on every machine."""
    return torch.from_numpy(stream(seed, "latent").normal((1, dim)).astype(np.float32))


def FixedSize(  # noqa: N802  (made like a class, for people who plug in a model)
    module: Callable[..., Tensor],
    size: int | Size | tuple[int, int],
    *,
    z_dim: int | None = None,
    n_labels: int = 0,
    name: str | None = None,
    exact: bool = False,
    device: str = "cpu",
) -> FixedSizes:
    """A generator from a network that makes images of one size.

    Canvases of the same aspect are made by resizing with Lanczos, and the id says so.

    Args:
        module: (n, z_dim) float32 normals, and (n,) int64 labels where there are any, to
            (n, 3, h, w) in [-1, 1].
        size: of its images, px: (height, width); a number is a square.
        z_dim: length of a latent; by default the module's own `z_dim`, `latent_dim` or `nz`.
        n_labels: classes of a conditional model; each comes alike often, and the id says so.
        name: in the id; by default the name of the module's class.
        exact: refuse other canvases instead of resizing.
        device: where the module runs; a module is moved there.

    Raises:
        UsageError: the length of a latent is not known, or a number is none.

    >>> FixedSize(lambda z: z.tanh().view(-1, 3, 2, 2), 2, z_dim=12, name="toy").native
    Size(height=2, width=2)
    """
    found = _z_dim(module) if z_dim is None else z_dim
    if found is None:
        raise UsageError(
            f"{_name(module)} does not say how long its latents are; name it: "
            "FixedSize(module, size, z_dim=512)"
        )
    found, n_labels = whole_number("z_dim", found, 1), whole_number("n_labels", n_labels, 0)
    shape = _size(size)
    known = name or _name(module)
    renderer = _Module(_ready(module, device), shape, found, n_labels, known, device)
    return FixedSizes(renderer, exact)


def TorchScript(  # noqa: N802
    path: str | Path,
    size: int | Size | tuple[int, int],
    *,
    z_dim: int,
    name: str | None = None,
    device: str = "cpu",
) -> FixedSizes:
    """A generator from a TorchScript file: as `FixedSize`.

    The file is a program of whoever made it, and it is run: take it from people you trust.

    Raises:
        UsageError: there is no such file, or it is no TorchScript.
    """
    try:
        module = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{path} is no TorchScript file that can be run: {reason}") from error
    return FixedSize(module, size, z_dim=z_dim, name=name or Path(path).stem, device=device)


@dataclass(frozen=True)
class _Module:
    """The renderer of a network of one size; see `FixedSizes`."""

    module: Callable[..., Tensor]
    size: Size
    z_dim: int
    n_labels: int
    name: str
    device: str

    @cached_property
    def id(self) -> str:
        labels = f"+labels-uniform{self.n_labels}" if self.n_labels else ""
        return f"{self.name}{labels}+{fingerprint(_Bare(self))}"

    @property
    def sizes(self) -> tuple[Size, ...]:
        return (self.size,)

    def latent(self, seed: int) -> tuple[Tensor, ...]:
        z = normal(seed, self.z_dim)
        if not self.n_labels:
            return (z,)
        return z, torch.tensor([stream(seed, "label").integer(0, self.n_labels - 1)])

    def labelled(self, seed: int, label: int) -> tuple[Tensor, ...]:
        if not 0 <= label < self.n_labels:
            known = f"0 to {self.n_labels - 1}" if self.n_labels else "none"
            raise UsageError(f"{self.name} has no label {label}; its labels: {known}")
        return normal(seed, self.z_dim), torch.tensor([label])

    def render(self, latent: tuple[Tensor, ...], size: Size) -> Tensor:
        with torch.inference_mode():
            image = _floats(self.module(*(part.to(self.device) for part in latent)), self.name)
        check_images(self.name, image, 1, self.size)
        return image

    def n_parameters(self, size: Size) -> int:
        parameters = getattr(self.module, "parameters", None)
        return sum(p.numel() for p in parameters()) if callable(parameters) else 0


@dataclass(frozen=True)
class _Bare:
    """A renderer without an id, while its fingerprint is taken."""

    renderer: _Module

    @property
    def id(self) -> str:
        return self.renderer.name

    @property
    def native(self) -> Size:
        return self.renderer.size

    @property
    def canvases(self) -> Canvases:
        return self.renderer.sizes

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> list[Any]:
        return [self.renderer.latent(seed) for seed in seeds]

    def sample(self, z: list[Any], regions: Sequence[Region]) -> Tensor:
        return torch.cat([self.renderer.render(latent, self.renderer.size) for latent in z])


@dataclass(frozen=True)
class Coordinates:
    """A generator from a function of coordinates, which draws any window of any canvas.

    Attributes:
        function: (coordinates, latents, cell) -> (n, 3, h, w) in [-1, 1]. Coordinates are the
            pixels' centres (y, x) in the canvas' [-1, 1], (n, h, w, 2) float32; latents are
            (n, z_dim) float32 normals; cell is the size (y, x) of a pixel, (n, 2) float32.
        z_dim: length of a latent.
        native: the size that the function was made for, px.
        name: in the id; by default that of the function.
        device: where the function runs.
    """

    function: Callable[..., Tensor]
    z_dim: int = 64
    native: Size = field(default=Size(256, 256))
    name: str = ""
    device: str = "cpu"

    @property
    def canvases(self) -> Canvases:
        return "any"

    @cached_property
    def id(self) -> str:
        return f"{self.name or _name(self.function)}+{fingerprint(self)}"

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> Tensor:
        """(n, z_dim) float32 normals; a function of coordinates knows no labels."""
        refuse_labels(self.name or _name(self.function), labels)
        return torch.cat([normal(seed, self.z_dim) for seed in seeds])

    @torch.inference_mode()
    def sample(self, z: Tensor, regions: Sequence[Region]) -> Tensor:
        """See `Generator.sample`."""
        grid = torch.stack([region.coords() for region in regions]).float()
        cell = torch.tensor([region.cell() for region in regions], dtype=torch.float32)
        inputs = (x.to(self.device) for x in (grid, z, cell))
        return _floats(self.function(*inputs), self.name or _name(self.function))


@dataclass(frozen=True)
class Pipeline:
    """A generator from a function that makes one whole picture of a seed and a size.

    The function decides what a canvas shows; windows are cut from the whole picture, which is kept
    while the next window is of the same.

    Attributes:
        function: (seed, size, **options) -> a PIL image of 8 bits, whose transparency lies on
            white, or an (h, w, 3) array of uint8, or of floats in [0, 1]; `size` is
            (height, width). Where labels are used it is also given `label`.
        native: the size that the function was made for, px.
        canvases: the sizes that it makes; "any" by default.
        name: in the id; by default that of the function.
        options: passed on to the function, such as a prompt; they stand in the id.
    """

    function: Callable[..., Any]
    native: Size = field(default=Size(1024, 1024))
    canvases: Canvases = "any"
    name: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    _last: dict[tuple[Latent, Size], Tensor] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def id(self) -> str:
        said = "".join(f"+{key}={value}" for key, value in self.options)
        return f"{self.name or _name(self.function)}{said}+{fingerprint(self)}"

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> list[Latent]:
        """A seed and a label a picture."""
        return [(seed, labels[i] if labels else None) for i, seed in enumerate(seeds)]

    def sample(self, z: list[Latent], regions: Sequence[Region]) -> Tensor:
        """See `Generator.sample`."""
        return torch.cat([self._window(*pair) for pair in zip(z, regions, strict=True)])

    def _window(self, latent: Latent, region: Region) -> Tensor:
        check_inside(self.name or _name(self.function), region)
        box = region.box
        whole = self._whole(latent, region.canvas)
        return whole[:, :, box.top : box.bottom, box.left : box.right]

    def _whole(self, latent: Latent, canvas: Size) -> Tensor:
        if (latent, canvas) not in self._last:
            seed, label = latent
            labelled = {} if label is None else {"label": label}
            made = self.function(seed, canvas, **labelled, **dict(self.options))
            self._last.clear()
            self._last[latent, canvas] = _picture(made, canvas, self.name or _name(self.function))
        return self._last[latent, canvas]


def _size(given: Any) -> Size:
    """A size in pixels; a number is a square."""
    sides = tuple(given) if isinstance(given, tuple | list) else (given, given)
    if len(sides) != 2:
        raise UsageError(f"size is {given!r:.40}; expected a number of px, or (height, width)")
    return Size(*(whole_number("size", side, 1) for side in sides))


def _floats(made: Any, name: str) -> Tensor:
    """What a network or function returned, as float32 on the CPU."""
    if not isinstance(made, Tensor) or not made.is_floating_point():
        got = made.dtype if isinstance(made, Tensor) else type(made).__name__
        raise GeneratorError(
            f"{name} returned {got}; expected a tensor of floats in [-1, 1], (n, 3, height, width)"
        )
    check_pixels(name, made)
    # A copy: a network may draw its next picture into the memory of this one.
    return made.to("cpu", torch.float32, copy=True)


def _picture(made: Any, canvas: Size, name: str) -> Tensor:
    """What a function made, as (1, 3, h, w) float32 in [-1, 1]."""
    if isinstance(made, Image.Image):
        made = _rgb(made, name)
    elif isinstance(made, Tensor):
        check_pixels(name, made)
        made = made.detach().cpu()
        made = made.float() if made.is_floating_point() else made
    pixels = np.asarray(made)
    if pixels.shape != (*canvas, 3):
        raise GeneratorError(
            f"{name} made a picture of shape {pixels.shape} for a canvas of {canvas}; expected "
            f"({canvas.height}, {canvas.width}, 3): (height, width, channels)"
        )
    if pixels.dtype == np.uint8:
        return to_float(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None])
    if not np.issubdtype(pixels.dtype, np.floating) or pixels.min() < 0 or pixels.max() > 1:
        raise GeneratorError(
            f"{name} made {pixels.dtype} values from {pixels.min():.3g} to {pixels.max():.3g}; "
            "expected uint8, or floats in [0, 1]"
        )
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] * 2 - 1


def _rgb(image: Image.Image, name: str) -> Image.Image:
    """8-bit RGB of a picture, as of a file: what is transparent lies on white."""
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise GeneratorError(
            f"{name} made a picture of mode {image.mode}, whose white nobody knows; expected RGB, "
            "or an array of uint8 or of floats in [0, 1]"
        )
    colours = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return without_alpha(colours, "white", name)[0]


def _ready(module: Any, device: str) -> Any:
    """A network where it is to run, in evaluation mode; a function as it is."""
    return module.to(device).eval() if isinstance(module, torch.nn.Module) else module


def _z_dim(module: Any) -> int | None:
    values = (getattr(module, name, None) for name in ("z_dim", "latent_dim", "nz"))
    return next((int(value) for value in values if isinstance(value, int)), None)


def _name(value: Any) -> str:
    """What a module or a function is called, usable within an id."""
    name = getattr(value, "__name__", None) or type(value).__name__
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-") or "model"
