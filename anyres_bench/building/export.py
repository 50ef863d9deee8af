"""A dataset in the shapes that trainers read: WebDataset shards and StyleGAN's zip.

The dataset folder itself is a Hugging Face imagefolder. Exports hold the original bytes, or pixels
decoded by the rules of `anyres_bench.data.pixels` and stored as PNG; which of the two is said in
the export. The same dataset gives the same bytes, whenever and wherever it is exported.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from PIL import Image

from anyres_bench.core.errors import DatasetError, UnknownNameError, UsageError
from anyres_bench.core.files import atomic_write, sha256_file, sha256_of, sha256_text, write_json
from anyres_bench.core.geometry import Box, Size
from anyres_bench.core.plain import read_json
from anyres_bench.core.registry import nearest
from anyres_bench.core.reporting import say, tracked
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import decode, resize_uint8
from anyres_bench.data.reading import stored_bytes
from anyres_bench.data.records import ImageRecord

PIXELS = ("original", "png")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can state
_MODE = 0o644
_INDEX_NAME = "index.json"
_BEGUN_NAME = "index.begun.json"  # while shards are written, in place of the index


def export_webdataset(
    dataset: Dataset,
    folder: Path,
    pixels: str = "original",
    shard_bytes: int = 512 << 20,
) -> Path:
    """Write tar shards `<id>-000000.tar`, ... and `index.json` with their counts and digests.

    Each sample is `<key>.<ext>` and `<key>.json`, which holds the record, side by side.

    Args:
        dataset: what to export.
        folder: where to; what an earlier export wrote there is replaced, and nothing else.
        pixels: "original" bytes, or "png".
        shard_bytes: a shard is closed once it is longer.

    Returns:
        The path of the index, which is written last.

    Raises:
        UnknownNameError: no such kind of pixels.
        UsageError: what stands in the way was not written by an export, or was changed since.
        DatasetError: a file is not the one that was collected.
    """
    _check(pixels)
    folder.mkdir(parents=True, exist_ok=True)
    before = _earlier_shards(dataset, folder)
    noted = [{"name": name, "sha256": digest} for name, digest in sorted(before)]
    _note(dataset, folder, noted)
    (folder / _INDEX_NAME).unlink(missing_ok=True)
    shards: list[dict[str, object]] = []
    samples = iter(_stems(dataset))
    sample = next(samples, None)
    while sample is not None:
        path = folder / f"{dataset.id}-{len(shards):06d}.tar"
        n = 0
        with atomic_write(path, "w+b") as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                while sample is not None and (n == 0 or file.tell() < shard_bytes):
                    _add_sample(tar, dataset, *sample, pixels)
                    n, sample = n + 1, next(samples, None)
            file.seek(0)
            digest = sha256_of(os.fdopen(os.dup(file.fileno()), "rb"))
            noted.append({"name": path.name, "sha256": digest})
            _note(dataset, folder, noted)
        shards.append({"name": path.name, "images": n, "sha256": digest})
    written = {shard["name"] for shard in shards}
    for name in {name for name, _ in before if (folder / name).exists()} - written:
        (folder / name).unlink()  # of a longer export; no reader of *.tar must meet it
    index = {**_about(dataset, pixels), "images": len(dataset.manifest), "shards": shards}
    write_json(folder / _INDEX_NAME, index)
    (folder / _BEGUN_NAME).unlink()
    return folder / _INDEX_NAME


def _note(dataset: Dataset, folder: Path, shards: Sequence[Mapping[str, object]]) -> None:
    """Keep which shards are ours before they have their names, for when this run is stopped."""
    write_json(folder / _BEGUN_NAME, {"dataset": dataset.id, "shards": shards})


def export_stylegan_zip(
    dataset: Dataset, path: Path, pixels: str = "png", side: int | None = None
) -> Path:
    """Write the zip that StyleGAN's family reads: stored, `00000/img00000000.png`, dataset.json.

    Images keep their own sizes, which the any-resolution loaders want and the original loader
    refuses. Labels are numbers in the order of their names; null where no image has one.

    Args:
        dataset: what to export.
        path: of the zip.
        pixels: "png", or "original" bytes.
        side: of square images, px: the middle of each image, shrunk by Lanczos; images that are
            smaller are left out, and that is told. None keeps every image as it is.

    Raises:
        UnknownNameError: no such kind of pixels.
        UsageError: the path does not end in .zip, what is there was not written by an export, or
            original bytes were to be of one size.
        DatasetError: a file is not the one that was collected, or no image is large enough.
    """
    _check(pixels)
    if side is not None and (pixels == "original" or side < 1):
        raise UsageError(f"images of {side} px are made of decoded pixels: leave --pixels away")
    records = [r for r in dataset.manifest if side is None or r.size.shorter >= side]
    if not records:
        raise DatasetError(f"no image of {dataset.id} has a side of {side} px; export smaller ones")
    if len(records) < len(dataset.manifest):
        n_small = len(dataset.manifest) - len(records)
        say(f"{n_small} of {len(dataset.manifest)} images are smaller than {side} px: left out")
    if path.suffix != ".zip":
        raise UsageError(f"{path} does not end in .zip; name the zip, such as {path}.zip")
    if os.path.lexists(path) and not _is_our_zip(path):
        raise UsageError(
            f"{path} is there and was not written by an export, or was changed since; name "
            "another file"
        )
    names = sorted({record.label for record in dataset.manifest} - {""})
    number = {name: i for i, name in enumerate(names)}
    labels: list[list[object]] = []
    with ExitStack() as stack:
        file = stack.enter_context(atomic_write(path))
        archive = stack.enter_context(zipfile.ZipFile(file, "w", zipfile.ZIP_STORED))
        for i, record in enumerate(tracked(records, "exporting")):
            data, extension = _bytes_of(dataset, record, pixels, side)
            name = f"{i // 1000:05d}/img{i:08d}.{extension}"
            _add_member(archive, name, data)
            labels.append([name, number.get(record.label, -1)])
        listed = labels if names else None
        made = {} if side is None else {"side": side, "crop": "centre", "resampler": "lanczos"}
        about = {"labels": listed, "label_names": names, **_about(dataset, pixels), **made}
        about["seal"] = _seal(about, archive)
        _add_member(archive, "dataset.json", json.dumps(about, indent=1).encode())
    return path


def _earlier_shards(dataset: Dataset, folder: Path) -> set[tuple[str, str]]:
    """Names and digests of the shards that an earlier export, finished or stopped, wrote there.

    Raises:
        UsageError: there is something else of their names.
    """
    ours = {*_listed(dataset, folder / _INDEX_NAME), *_listed(dataset, folder / _BEGUN_NAME)}
    for path in folder.iterdir():
        if _is_shard(path.name, dataset.id) and (
            path.is_symlink() or not path.is_file() or (path.name, sha256_file(path)) not in ours
        ):
            raise UsageError(
                f"{path} was not written by an export, or was changed since; give a new folder"
            )
    return ours


def _listed(dataset: Dataset, index: Path) -> set[tuple[str, str]]:
    """Names and digests of the shards that an index names; none where there is no index.

    Raises:
        UsageError: it is no index, or that of another dataset.
    """
    if not os.path.lexists(index):
        return set()
    try:
        about = read_json(index.read_bytes(), str(index))
        id_ = str(about["dataset"])
        listed = {(str(shard["name"]), str(shard["sha256"])) for shard in about["shards"]}
    except (OSError, DatasetError, KeyError, TypeError):
        raise UsageError(f"{index} was not written by an export; give a new folder") from None
    if id_ != dataset.id:
        raise UsageError(f"{index} is that of {id_!r:.200}, not of {dataset.id}; give a new folder")
    return {(name, digest) for name, digest in listed if _is_shard(name, dataset.id)}


def _is_shard(name: str, id_: str) -> bool:
    return (
        name.startswith(f"{id_}-")
        and re.fullmatch(r"\d{6,}\.tar", name[len(id_) + 1 :]) is not None
    )


def _is_our_zip(path: Path) -> bool:
    """Whether a file is a zip as `export_stylegan_zip` wrote it."""
    try:
        with zipfile.ZipFile(path) as archive:
            about = read_json(archive.read("dataset.json"), str(path))
            return isinstance(about, dict) and about.get("seal") == _seal(about, archive)
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, DatasetError):
        return False


def _seal(about: Mapping[str, object], archive: zipfile.ZipFile) -> str:
    """SHA-256 of what a zip says of itself and of the names, lengths and checksums in it."""
    said = {name: value for name, value in about.items() if name != "seal"}
    members = [
        [member.filename, member.file_size, member.CRC]
        for member in archive.infolist()
        if member.filename != "dataset.json"
    ]
    return sha256_text(json.dumps([said, members], sort_keys=True))


def _check(pixels: str) -> None:
    if pixels not in PIXELS:
        raise UnknownNameError(f"unknown kind of pixels {pixels!r}; {nearest(pixels, PIXELS)}")


def _about(dataset: Dataset, pixels: str) -> dict[str, object]:
    return {
        "dataset": dataset.id,
        "digest": dataset.digest,
        "recipe_id": dataset.recipe_id,
        "pixels": pixels,
    }


def _stems(dataset: Dataset) -> Iterator[tuple[ImageRecord, str]]:
    """Records with their keys; a WebDataset key ends at its first dot."""
    seen: set[str] = set()
    for record in tracked(dataset.manifest, "exporting"):
        stem = Path(record.file_name).name.split(".")[0]
        if stem in seen:
            raise DatasetError(f"two images are called {stem}; a WebDataset needs unique names")
        seen.add(stem)
        yield record, stem


def _add_sample(
    tar: tarfile.TarFile, dataset: Dataset, record: ImageRecord, stem: str, pixels: str
) -> None:
    data, extension = _bytes_of(dataset, record, pixels)
    about = json.dumps(dataclasses.asdict(record), sort_keys=True).encode()
    for name, content in ((f"{stem}.{extension}", data), (f"{stem}.json", about)):
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), _MODE
        tar.addfile(member, io.BytesIO(content))


def _add_member(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.external_attr = _MODE << 16
    archive.writestr(member, data)


def _bytes_of(
    dataset: Dataset, record: ImageRecord, pixels: str, side: int | None = None
) -> tuple[bytes, str]:
    """(content, extension) of an image; its digest is checked on the way."""
    data = stored_bytes(dataset, record)
    if pixels == "original":
        return data, dataset.path(record).suffix.removeprefix(".")
    image = decode(data, dataset.max_pixels).pixels
    if side is not None:
        height, width = image.shape[:2]
        square = min(height, width)
        middle = Box((height - square) // 2, (width - square) // 2, square, square)
        image = resize_uint8(image, Size.square(side), "lanczos", middle)
    file: IO[bytes] = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    file.seek(0)
    return file.read(), "png"
