"""One offline page: an image cut by every tiler, with sliders for its size."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seals import sealed_write
from anyres_bench.data.pixels import Pixels, decode, resize_uint8
from anyres_bench.tilers.costs import LANGUAGE_MODELS
from anyres_bench.tilers.explain import LARGEST_ASPECT, MUCH
from anyres_bench.tilers.plan import Tiler
from anyres_bench.tilers.targets import Target

KINDS = (
    *(
        "InternVL",
        "Llava",
        "Qwen",
        "NaFlex",
        "Pixtral",
        "NaViT",
        "FastVLM",
        "Vitar",
        "Idefics",
        "Seed",
    ),
)
"""Classes of tilers that `templates/plans.js` knows."""

_LONGEST = 4096  # px of a side that a page carries; larger images are shrunk for it
_QUALITY = 90


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image as a page holds it.

    Attributes:
        name: in the title.
        size: that is tiled.
        pixels: (h, w, 3) uint8, drawn at any size.
        note: what to know of it.
    """

    name: str
    size: Size
    pixels: Pixels
    note: str = ""


def picture_of(text: str, target: Target) -> Picture:
    """The picture of a target that is one image or one size.

    Args:
        text: how the target was named.
        target: what was read from it.

    Raises:
        UsageError: it is many images.
        ImageError: the image cannot be decoded.
    """
    if Path(text).is_file():
        return read_picture(Path(text))
    if Path(text).is_dir():
        raise UsageError(f"a page shows one image, and {text} is a folder; name an image")
    return drawn_card(target.images[0][1])


def read_picture(path: Path) -> Picture:
    """The picture of an image file; raises `ImageError` as `decode` does."""
    pixels = decode(path).pixels
    size = Size(*pixels.shape[:2])
    if size.longer <= _LONGEST:
        return Picture(path.name, size, pixels)
    shrunk = Size(*(max(round(side * _LONGEST / size.longer), 1) for side in size))
    note = f"Shown at {shrunk}; the file has {size} pixels (height x width), which are tiled."
    return Picture(path.name, size, resize_uint8(pixels, shrunk, "lanczos"), note)


def drawn_card(size: Size) -> Picture:
    """A drawn picture for a size without an image: rings that grow finer outwards, on a ramp."""
    shown = Size(*(min(side, 1024) for side in size))
    y, x = (np.linspace(-1, 1, side) for side in shown)
    radius = y[:, None] ** 2 + x[None] ** 2
    rings = 0.5 + 0.5 * np.cos(60 * radius)
    ramp = np.stack(np.broadcast_arrays(0.5 + 0.5 * x[None], rings, 0.5 - 0.5 * y[:, None]), -1)
    return Picture(str(size), size, np.round(ramp * 255).astype(np.uint8), "No image: a test card.")


def write_page(path: Path, picture: Picture, tilers: Sequence[Tiler], language: str) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        picture: what is tiled.
        tilers: those of `KINDS` are drawn; others are named.
        language: the language model whose context is chosen first, a name of `LANGUAGE_MODELS`.

    Raises:
        UsageError: none of the tilers can be drawn.
    """
    drawn = [tiler for tiler in tilers if type(tiler).__name__ in KINDS]
    if not drawn:
        raise UsageError(f"no page can draw {', '.join(t.name for t in tilers)}; name another")
    data = {
        "image": {
            "name": picture.name,
            "height": picture.size.height,
            "width": picture.size.width,
            "src": _data_uri(picture.pixels),
            "note": picture.note,
            "at": most_detailed(picture.pixels),
        },
        "tilers": [_plain(tiler) for tiler in drawn],
        "contexts": {name: model.context for name, model in LANGUAGE_MODELS.items()},
        "context": language,
        "limits": {"aspect": LARGEST_ASPECT, "factor": MUCH},
    }
    with sealed_write(path, "tilers") as file:
        file.write(_render(data, [t.name for t in tilers if t not in drawn]).encode())


def most_detailed(pixels: Pixels, side: int = 96) -> tuple[float, float]:
    """Centre (y, x), as shares of the sides, of the square block with most contrast."""
    grey = pixels.astype(np.float32).mean(axis=-1)
    rows, columns = (max(n // side, 1) for n in grey.shape)
    height, width = grey.shape[0] // rows, grey.shape[1] // columns
    blocks = grey[: rows * height, : columns * width].reshape(rows, height, columns, width)
    best = int(blocks.std(axis=(1, 3)).argmax())
    return (best // columns + 0.5) / rows, (best % columns + 0.5) / columns


def _plain(tiler: Any) -> dict[str, Any]:
    options = {f.name: getattr(tiler, f.name) for f in dataclasses.fields(tiler)}
    return {"name": tiler.name, "kind": type(tiler).__name__, "options": options}


def _data_uri(pixels: Pixels) -> str:
    """The pixels alone: whatever else a file carried stays behind."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _render(data: dict[str, Any], left_out: Sequence[str]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("anyres_bench.tilers"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        data=data,
        left_out=left_out,
        css=_own("page.css"),
        plans=_own("plans.js"),
        script=_own("page.js"),
    )


def _own(name: str) -> Markup:
    """A file of the package, which is no text of others."""
    folder = resources.files("anyres_bench.tilers") / "templates"
    return Markup((folder / name).read_text(encoding="utf-8"))
