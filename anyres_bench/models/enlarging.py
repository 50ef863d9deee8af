"""Stored images enlarged by an upscaler, file by file; what is there already is not made again."""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from anyres_bench import __version__
from anyres_bench.core.errors import ImageError, UsageError
from anyres_bench.core.files import sha256_bytes
from anyres_bench.core.geometry import Size
from anyres_bench.core.reporting import say, tracked
from anyres_bench.core.seals import check_ours, is_ours
from anyres_bench.data.containers import MAX_PIXELS, check_size
from anyres_bench.data.headers import bytes_for, content_of, probe
from anyres_bench.data.pixels import decode, to_float, to_uint8
from anyres_bench.data.strips import write_strips
from anyres_bench.data.trees import files_below
from anyres_bench.models.families import parts
from anyres_bench.models.upscaling import Upscaler

_BY = "upscale"  # in seals


@dataclass
class Enlarged:
    """What became of the files of a folder.

    Attributes:
        n_made, n_kept: images made now, and those that were there already.
        rejected: what was left out, and why.
    """

    n_made: int = 0
    n_kept: int = 0
    rejected: list[str] = field(default_factory=list)


def enlarge_files(
    upscaler: Upscaler, source: Path, out: Path, size: str, max_pixels: int = MAX_PIXELS
) -> Enlarged:
    """Enlarge the images of a folder, or one file, to PNG files.

    Args:
        upscaler: what enlarges.
        source: a folder or a file.
        out: where to; outside of `source`.
        size: the longer side in pixels, or HEIGHTxWIDTH of the aspect of every image.
        max_pixels: larger images are left out before they are decoded.

    Raises:
        UsageError: see `list_images`; or `out` lies in `source`.
        ImageError: there is no image that can be read.
    """
    if out.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{out} lies in {source}; write to a folder outside of it")
    jobs, rejected = list_images(source, out, size, max_pixels)
    done = Enlarged(rejected=rejected)
    for path, target in tracked(jobs, "enlarging", "image"):
        try:
            is_made = enlarge_file(upscaler, path, target, size, max_pixels)
        except ImageError as error:
            done.rejected.append(str(error))
            continue
        done.n_made, done.n_kept = done.n_made + is_made, done.n_kept + (not is_made)
    for line in done.rejected:
        say(f"left out: {line}")
    if not done.n_made + done.n_kept:
        raise ImageError("not-an-image", f"{source} holds no image that can be read")
    if source.is_dir() and (others := _others(out, {target for _, target in jobs})):
        say(
            f"{len(others)} images in {out} were made by earlier calls of what is no image of "
            f"{source} now, such as {others[0]}; remove them unless they belong there"
        )
    return done


def _others(out: Path, targets: Collection[Path]) -> list[Path]:
    """Files of earlier calls that are none of the targets: whoever reads the folder reads them."""
    return [path for path in files_below(out)[0] if path not in targets and is_ours(path, _BY)]


def make_upscaler(
    model: str,
    options: Mapping[str, str],
    *,
    device: str = "cpu",
    accept_licence: bool = False,
) -> Upscaler:
    """The upscaler of a name.

    Args:
        model: a registered name.
        options: of that upscaler, as text.
        device: where its network is, if it has one.
        accept_licence: of weights that must be downloaded.

    Raises:
        UnknownNameError: no such upscaler.
        UsageError: it has no such option.
    """
    factory = parts("upscalers").get(model)
    known = set(inspect.signature(factory).parameters) - {"name"}
    ours = {"accept_licence": accept_licence, "device": device}
    if unknown := sorted(set(options) - known):
        offered = ", ".join(f"--{name}" for name in sorted(known - set(ours))) or "none"
        raise UsageError(f"{model} has no option --{', --'.join(unknown)}; its options: {offered}")
    more = {name: value for name, value in ours.items() if name in known}
    upscaler: Upscaler = factory(**options, **more)
    return upscaler


def list_images(
    source: Path, out: Path, size: str, max_pixels: int
) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Every image of a folder and its subfolders with where it goes, and what is left out and why.

    Hidden files, such as what a killed call left behind, are passed over.

    Raises:
        UsageError: the folder is empty, two images would get one name, one would be stretched, or
            something would be replaced that `upscale` has not written.
    """
    paths, left_out = ([source], []) if source.is_file() else files_below(source)
    rejected = [f"{path}: {reason}" for reason, path in left_out]
    if not paths and not rejected:
        raise UsageError(f"{source} holds no files")
    targets: dict[Path, Path] = {}
    for path in paths:
        try:
            info = probe(path)
            check_size(info.size, max_pixels, str(path))
        except ImageError as error:
            rejected.append(str(error))
            continue
        name = Path(path.name) if path == source else path.relative_to(source)
        target = out / name.with_suffix(".png")
        if target in targets:
            raise UsageError(f"{targets[target]} and {path} would both be {target}; rename one")
        canvas_of(info.size, size)
        targets[target] = path
    originals = {_identity(path) for path in targets.values()}
    for target, path in targets.items():
        if target.exists() and _identity(target) in originals:
            raise UsageError(
                f"{target} would replace an image that is to be enlarged ({path}); write to "
                "another folder"
            )
        check_ours(target, _BY)
    return [(path, target) for target, path in targets.items()], rejected


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def enlarge_file(
    upscaler: Upscaler, source: Path, path: Path, size: str, max_pixels: int = MAX_PIXELS
) -> bool:
    """Enlarge one file; False where the same result is already there.

    Raises:
        ImageError: the file is no image that can be read.
        UsageError: the size has another aspect than the image, or `path` is somebody else's file.
    """
    data = content_of(source, bytes_for(max_pixels))
    pixels = decode(data, max_pixels, name=str(source)).pixels
    canvas = canvas_of(Size(*pixels.shape[:2]), size)
    about = {
        "upscaler": upscaler.id,
        "source_sha256": sha256_bytes(data),
        "canvas": list(canvas),
        "anyres_bench": __version__,
    }
    note = json.dumps(about, sort_keys=True)
    if is_ours(path, _BY) and _starts_with(path, note):
        return False
    write_strips(path, canvas, _bands(upscaler, pixels, canvas), note, _BY)
    return True


def _starts_with(path: Path, note: str) -> bool:
    """Whether a file has this note where `write_strips` puts it, right behind the PNG header."""
    with open(path, "rb") as file:
        return note.encode() in file.read(128 + len(note.encode()))


def canvas_of(image: Size, text: str) -> Size:
    """The canvas that an image is enlarged to: its longer side, or both sides of its aspect.

    Raises:
        UsageError: the text is no size, or would stretch the image.
    """
    size = Size.parse(text)
    if "x" not in text.lower():
        scale = size.height / image.longer
        return Size(*(max(1, round(side * scale)) for side in image))
    if abs(size.height * image.width - size.width * image.height) > image.longer:
        raise UsageError(f"an image of {image} would be stretched to {size}; give its longer side")
    return size


def _bands(
    upscaler: Upscaler, pixels: NDArray[np.uint8], canvas: Size
) -> Iterator[NDArray[np.uint8]]:
    image = to_float(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None])
    for band in upscaler.bands(image, canvas):
        yield to_uint8(band[0]).permute(1, 2, 0).cpu().numpy()
