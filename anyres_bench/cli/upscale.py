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
from anyres_bench.core.files import sha256_file
from anyres_bench.core.geometry import Size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from anyres_bench.models.upscaling import Upscaler


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, exists=True))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.option("--model", required=True, help="liif, realesrgan, lanczos, bicubic, ...")
@click.option("--size", required=True, help="The longer side in pixels, or HEIGHTxWIDTH.")
@click.option("--weights", help="A registered name (`convert --list`) or an official file.")
@click.option("--mode", help="Of realesrgan: exact, tiled or official.  [default: exact]")
@click.option("--denoise", help="Of realesr-general-x4v3: 0 to 1.")
@click.option("--accept-licence", is_flag=True, help="Accept the licence of downloaded weights.")
def command(
    source: Path,
    out: Path,
    model: str,
    size: str,
    weights: str | None,
    mode: str | None,
    denoise: str | None,
    accept_licence: bool,
) -> None:
    """Enlarge the images of IN, a folder or one file, to PNG files in OUT.

    Nothing is stretched. Images that are already there are not made again, so an interrupted call
    goes on where it was; files that are no images are reported and left out.

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
    paths = list_files(source)
    n_made, rejected = 0, list[str]()
    for path, name in tqdm(paths, unit="image", file=sys.stderr, disable=None):
        try:
            n_made += enlarge_file(upscaler, path, out / name, size)
        except ImageError as error:
            rejected.append(f"left out: {error}")
    for line in rejected:
        click.echo(line, err=True)
    if seams:
        click.echo(f"columns differ by at most {max(seams):.3f} grey levels where they meet")
    n_kept = len(paths) - len(rejected) - n_made
    click.echo(f"{n_made} images made by {upscaler.id}, {n_kept} already in {out}")
    if len(rejected) == len(paths):
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


def list_files(source: Path) -> list[tuple[Path, str]]:
    """Every file of a folder and its subfolders, and what it is called in the output.

    Raises:
        UsageError: the folder is empty, or two files would get one name.
    """
    if source.is_file():
        return [(source, f"{source.stem}.png")]
    paths = sorted(path for path in source.rglob("*") if path.is_file())
    if not paths:
        raise UsageError(f"{source} holds no files")
    names: dict[str, Path] = {}
    for path in paths:
        name = path.relative_to(source).with_suffix(".png").as_posix()
        if name in names:
            raise UsageError(f"{names[name]} and {path} would both be {name}; rename one")
        names[name] = path
    return [(path, name) for name, path in names.items()]


def enlarge_file(upscaler: Upscaler, source: Path, path: Path, size: str) -> bool:
    """Enlarge one file; False where the same result is already there.

    Raises:
        ImageError: the file is no image that can be read.
        UsageError: the size has another aspect than the image.
    """
    from anyres_bench.data.pixels import decode
    from anyres_bench.data.strips import write_strips

    pixels = decode(str(source)).pixels
    canvas = canvas_of(Size(*pixels.shape[:2]), size)
    about = {
        "upscaler": upscaler.id,
        "source_sha256": sha256_file(source),
        "canvas": list(canvas),
        "anyres_bench": __version__,
    }
    note = json.dumps(about, sort_keys=True)
    if path.is_file() and _starts_with(path, note):
        return False
    write_strips(path, canvas, _bands(upscaler, pixels, canvas), note)
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
