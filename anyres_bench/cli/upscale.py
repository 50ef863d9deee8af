"""`anyres-bench upscale IN OUT`: enlarge stored images with a baseline."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anyres_bench import __version__
from anyres_bench.core import distributed
from anyres_bench.core.errors import ImageError, UsageError
from anyres_bench.core.files import sha256_bytes
from anyres_bench.core.geometry import Size
from anyres_bench.core.seals import check_ours, is_ours
from anyres_bench.data.containers import LARGEST_PIXELS, MAX_PIXELS, check_size
from anyres_bench.data.headers import bytes_for, content_of, probe
from anyres_bench.data.trees import files_below

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from anyres_bench.models.upscaling import Upscaler


_BY = "upscale"  # in seals


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, exists=True))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.option("--model", required=True, help="liif, realesrgan, lanczos, bicubic, ...")
@click.option("--size", required=True, help="The longer side in pixels, or HEIGHTxWIDTH.")
@click.option("--weights", help="A registered name (`convert --list`) or an official file.")
@click.option("--mode", help="Of realesrgan: exact, tiled or official.  [default: exact]")
@click.option("--denoise", help="Of realesr-general-x4v3: 0 to 1.")
@click.option(
    "--max-megapixels",
    default=MAX_PIXELS / 1e6,
    show_default="89",
    type=click.FloatRange(0, LARGEST_PIXELS / 1e6, min_open=True),
    help="Larger images of IN are left out before they are decoded.",
)
@click.option("--accept-licence", is_flag=True, help="Accept the licence of downloaded weights.")
def command(
    source: Path,
    out: Path,
    model: str,
    size: str,
    weights: str | None,
    mode: str | None,
    denoise: str | None,
    max_megapixels: float,
    accept_licence: bool,
) -> None:
    """Enlarge the images of IN, a folder or one file, to PNG files in OUT.

    Nothing is stretched. Images that an earlier call made are not made again, so an interrupted
    call goes on where it was; a file that `upscale` has not written is never replaced. Files that
    are no images are reported and left out.

    \b
    Examples:
      anyres-bench upscale in/ out/ --model realesrgan --size 4096
      anyres-bench upscale in/ out/ --model liif --weights edsr-baseline-liif.pth --size 1024
      anyres-bench upscale photo.jpg out/ --model realesrgan --mode tiled --size 8192
    """
    from tqdm import tqdm

    given = {"weights": weights, "mode": mode, "denoise": denoise}
    options = {name: text for name, text in given.items() if text is not None}
    seams: list[float] = []
    upscaler = make_upscaler(model, options, accept_licence, seams.append)
    if out.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{out} lies in {source}; write to a folder outside of it")
    max_pixels = round(max_megapixels * 1e6)
    jobs, rejected = list_images(source, out, size, max_pixels)
    n_made = n_kept = 0
    for path, target in tqdm(jobs, unit="image", file=sys.stderr, disable=None):
        try:
            is_made = enlarge_file(upscaler, path, target, size, max_pixels)
            n_made, n_kept = n_made + is_made, n_kept + (not is_made)
        except ImageError as error:
            rejected.append(str(error))
    for line in rejected:
        click.echo(f"left out: {line}", err=True)
    if seams:
        click.echo(f"columns differ by at most {max(seams):.3f} grey levels where they meet")
    click.echo(
        f"{n_made} images made by {upscaler.id}, {n_kept} already in {out}, "
        f"{len(rejected)} files left out"
    )
    if not n_made + n_kept:
        raise ImageError("not-an-image", f"{source} holds no image that can be read")


def make_upscaler(
    model: str, options: dict[str, str], accept_licence: bool, report: Callable[[float], None]
) -> Upscaler:
    """The upscaler of a name; `report` is told the measured error of one that works in tiles.

    Raises:
        UnknownNameError: no such upscaler.
        UsageError: it has no such option.
    """
    import inspect

    from anyres_bench.models.families import parts

    factory = parts("upscalers").get(model)
    known = set(inspect.signature(factory).parameters) - {"name"}
    where = str(distributed.device())
    ours = {"accept_licence": accept_licence, "device": where, "report": report}
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
    from anyres_bench.data.pixels import decode
    from anyres_bench.data.strips import write_strips

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
    import torch

    from anyres_bench.data.pixels import to_float, to_uint8

    image = to_float(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None])
    for band in upscaler.bands(image, canvas):
        yield to_uint8(band[0]).permute(1, 2, 0).cpu().numpy()
