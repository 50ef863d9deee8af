"""`ffhq6k`: faces of many sizes, by the published protocol or at their native resolution.

    published   the first 6,000 aligned 1024 px files shrunk to 512 ... 1024 px, all 70,000 at 256:
                the controlled setting of AnyRes-GAN (ECCV 2022) and INFD (CVPR 2024). No size is
                native; a 1024 px file may itself have been enlarged.
    native      6,000 faces cut from the photographs at the size they were photographed in, chosen
                from the list alone, so that only those photographs are downloaded.

Not for face recognition. The photographs' licences are their authors'; the dataset as a whole is
CC BY-NC-SA 4.0. People may withdraw: run `anyres-bench recheck` before publishing again.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from PIL import Image

from anyres_bench.collectors.collector import UNKNOWN_LICENCE, Candidate, Derived, key_of
from anyres_bench.collectors.drive_pages import behind_page, refuse_page
from anyres_bench.collectors.ffhq_align import AlignOptions, FaceQuad, align, native_options
from anyres_bench.collectors.ffhq_list import ADVICE, Face, existing, read_faces
from anyres_bench.core.errors import (
    ConfigError,
    DataError,
    FetchError,
    ImageError,
    UnknownNameError,
)
from anyres_bench.core.files import sha256_file, sha256_text
from anyres_bench.core.geometry import Size
from anyres_bench.core.registry import nearest
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import decode, resize_uint8
from anyres_bench.fetching.bodies import Expect
from anyres_bench.fetching.http import Fetcher

PROTOCOLS = ("published", "native")
N_PUBLISHED = 6_000
_N_VARIED = 5_000
LR_SIDE = 256
_BINS_AN_OCTAVE = 4
_LICENCES = {
    "https://creativecommons.org/licenses/by/2.0/": "CC-BY-2.0",
    "https://creativecommons.org/licenses/by-nc/2.0/": "CC-BY-NC-2.0",
    "https://creativecommons.org/publicdomain/mark/1.0/": "PDM-1.0",
    "https://creativecommons.org/publicdomain/zero/1.0/": "CC0-1.0",
    "http://www.usa.gov/copyright.shtml": "us-government-work",
}


@dataclass(frozen=True)
class Ffhq6k:
    """Faces of FFHQ at many sizes, and all of them at 256 px.

    LIST is ffhq-dataset-v2.json (268 MB; where there is none, the command says where to get it).
    PROTOCOL published takes the aligned 1024 px files; native takes
    the photographs and cuts each face at its own size. Not for face recognition.

    Examples:
      anyres-bench collect ffhq6k ffhq-dataset-v2.json data/ffhq6k --dry-run
      anyres-bench collect ffhq6k ffhq-dataset-v2.json data/ffhq6k --protocol published
    """

    name: ClassVar[str] = "ffhq6k"
    local: ClassVar[bool] = False
    keep_originals: ClassVar[bool] = False
    notices: ClassVar[tuple[str, ...]] = (
        "**Not for face recognition**, nor for making out who somebody is. The faces are from "
        "FFHQ (NVIDIA), as a whole under CC BY-NC-SA 4.0; each photograph is under the licence of "
        "its author, and was cut, turned or resized.",
        "People may withdraw their photographs: run `anyres-bench recheck` before you publish a "
        "copy.",
    )

    list: Annotated[Path, "ffhq-dataset-v2.json."]
    protocol: Annotated[str, "published or native."] = "native"
    n: Annotated[int, "Faces of varied size (native)."] = N_PUBLISHED
    min_face: Annotated[int, "Smallest native side of a face in pixels (native)."] = 512
    max_outside: Annotated[
        float, "Most of a face that may lie outside its photograph, a share (native)."
    ] = 0.0
    warp: Annotated[str, "sharp, or compat: the published alignment (native)."] = "sharp"
    low: Annotated[bool, "Also all faces at 256 px, with role lr."] = True
    quota_pause: Annotated[float, "Seconds of rest when Google Drive's quota is spent."] = 10_800.0

    def __post_init__(self) -> None:
        for name, value, known in (
            ("protocol", self.protocol, PROTOCOLS),
            ("warp", self.warp, ("sharp", "compat")),
        ):
            if value not in known:
                raise UnknownNameError(f"unknown {name} {value!r}; {nearest(value, known)}")
        if self.n < 1 or self.min_face < LR_SIDE or not 0 <= self.max_outside < 1:
            raise ConfigError(
                f"n {self.n}, min_face {self.min_face}, max_outside {self.max_outside}: expected "
                f"1 or more, {LR_SIDE} or more, and a share from 0 to below 1"
            )
        if not 0 <= self.quota_pause < math.inf:
            raise ConfigError(f"quota_pause is {self.quota_pause}; expected seconds, 0 or more")

    @staticmethod
    def sources() -> str:
        """Where the list is, and what it and the pictures weigh."""
        return f"LIST is published.{ADVICE}"

    def recipe(self) -> dict[str, Any]:
        """What is asked for; the list by its digest, the chosen faces by theirs."""
        common = {
            "collector": self.name,
            "protocol": f"ffhq6k-{self.protocol}",
            "list_sha256": sha256_file(existing(self.list)),
            "low": self.low,
        }
        if self.protocol == "published":
            return common
        return {
            **common,
            "n": self.n,
            "min_face": self.min_face,
            "max_outside": self.max_outside,
            "warp": self.warp,
            "chosen_sha256": sha256_text(_listed(self.chosen)),
        }

    @cached_property
    def chosen(self) -> frozenset[int]:
        """Numbers of the faces that are cut at their native size."""
        return frozenset(
            choose_native(read_faces(self.list), self.n, self.min_face, self.max_outside)
        )

    def documents(self) -> dict[str, str]:
        """The numbers of the chosen faces, whose SHA-256 is in the recipe."""
        return {"chosen.txt": _listed(self.chosen)} if self.protocol == "native" else {}

    def __getstate__(self) -> dict[str, Any]:
        """Worker processes get the options alone."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def candidates(self) -> Iterator[Candidate]:
        """The files that are needed, in the order of the list."""
        for face in read_faces(self.list):
            if self.protocol == "published":
                if self.low or face.index < N_PUBLISHED:
                    yield self._aligned(face)
                continue
            if face.index in self.chosen:
                yield self._wild(face)
            elif self.low:
                yield self._aligned(face)

    def obtain(self, candidate: Candidate, path: Path, fetcher: Fetcher) -> Candidate:
        """Download a file; it must have the length and md5 of the list.

        Raises:
            FetchError: `http-429` where Google Drive's quota is used up, for a later try, or what
                else a page or the file's host says.
        """
        expect = Expect(md5=candidate.md5, n_bytes=candidate.n_bytes, accept=refuse_page)
        try:
            fetched = fetcher.fetch(candidate.url, path, expect, resume=True)
        except FetchError as error:
            if error.reason != "drive-page":
                raise
            fetched = fetcher.fetch(
                behind_page(candidate.url, path, fetcher, self.quota_pause),
                path,
                expect,
                resume=True,
            )
        return dataclasses.replace(candidate, fetched=fetched)

    def derive(self, candidate: Candidate, original: Path) -> Iterator[Derived]:
        """The face at its size, and at 256 px."""
        pixels = decode(original.read_bytes()).pixels
        if candidate.extra["file"] == "wild":
            yield from self._cut(candidate, pixels)
            return
        index = int(candidate.source_id)
        made = {
            "resampler": "lanczos",
            "upsampled": bool(candidate.extra["side"] < pixels.shape[0]),
        }
        if self.protocol == "published" and index < N_PUBLISHED:
            side = published_side(index)
            shrunk = resize_uint8(pixels, Size.square(side), "lanczos")
            yield Derived(suffix="", pixels=shrunk, role="hr", extra=made)
        if self.low:
            shrunk = resize_uint8(pixels, Size.square(LR_SIDE), "lanczos")
            yield Derived(suffix="-lr", pixels=shrunk, role="lr", extra=made)

    def _cut(self, candidate: Candidate, pixels: np.ndarray[Any, Any]) -> Iterator[Derived]:
        """A face from its photograph, at its size and at 256 px, by one warp."""
        facts = candidate.extra
        if list(pixels.shape[:2]) != facts["picture"]:
            raise ImageError(
                "size-mismatch", f"the photograph is {pixels.shape[:2]}, listed {facts['picture']}"
            )
        quad = FaceQuad(np.array(facts["centre"]), np.array(facts["x"]))
        picture = Image.fromarray(pixels)
        for suffix, role, options in self._sizes(quad):
            try:
                face = align(picture, quad, options)
            except DataError as error:
                raise ImageError("no-face", str(error)) from error
            made = {"warp": dataclasses.asdict(options), "lr_scale": LR_SIDE / quad.side}
            yield Derived(suffix=suffix, pixels=np.asarray(face), role=role, extra=made)

    def _sizes(self, quad: FaceQuad) -> Iterator[tuple[str, str, AlignOptions]]:
        native = native_options(quad) if self.warp == "sharp" else AlignOptions()
        yield "", "hr", native
        if self.low:
            low = dataclasses.replace(native, output_size=LR_SIDE)
            yield "-lr", "lr", low

    def _aligned(self, face: Face) -> Candidate:
        return self._candidate(face, face.aligned, "aligned", {})

    def _wild(self, face: Face) -> Candidate:
        angle = math.degrees(math.atan2(face.quad.x[1], face.quad.x[0]))
        facts = {
            "picture": list(face.picture),
            "centre": face.quad.centre.tolist(),
            "x": face.quad.x.tolist(),
            "angle_degrees": angle,
            "outside": face.outside,
            "quad_agrees": face.quad_agrees,
        }
        return self._candidate(face, face.wild, "wild", facts)

    def _candidate(
        self, face: Face, file: Any, kind: Literal["aligned", "wild"], facts: dict[str, Any]
    ) -> Candidate:
        url = face.about.get("license_url", "")
        return Candidate(
            key=key_of("ffhq", f"{face.index:05d}"),
            url=file["file_url"],
            source="ffhq",
            source_id=str(face.index),
            source_url=face.about.get("photo_url", ""),
            source_name=file.get("file_path", ""),
            author=face.about.get("author", ""),
            licence_id=_LICENCES.get(url) or face.about.get("license") or UNKNOWN_LICENCE,
            licence_url=url,
            split=face.category,
            group=f"ffhq-{face.photo}",
            n_bytes=file["file_size"],
            md5=file["file_md5"],
            extra={"file": kind, "side": face.quad.side, **facts},
        )


def _listed(numbers: Iterable[int]) -> str:
    """One a line, so that `sha256sum` of the file is the digest that is cited."""
    return "".join(f"{number}\n" for number in sorted(numbers))


def published_side(index: int) -> int:
    """Side of the varied-size version of face `index` of the first 6,000.

    Source: the training code of INFD (CVPR 2024), which pins the FFHQ-6K of AnyRes-GAN down.
    """
    if index >= _N_VARIED:
        return 1024
    return 512 + round(512 * index / (_N_VARIED - 1))


def choose_native(faces: Iterable[Face], n: int, min_face: int, max_outside: float) -> list[int]:
    """Numbers of at most `n` faces that are large enough, spread over sizes.

    Training faces whose square lies in the photograph, one a photograph (the largest), in bins of
    a quarter octave of their native side; bins take turns, each in the order of a hash of its
    faces' numbers.
    """
    largest: dict[str, tuple[float, int]] = {}
    for face in faces:
        fits = face.quad.side >= min_face and face.outside <= max_outside + 1e-9
        if face.category == "training" and fits:
            found = (face.quad.side, -face.index)
            largest[face.photo] = max(largest.get(face.photo, found), found)
    bins: dict[int, list[int]] = defaultdict(list)
    for side, negative in largest.values():
        bins[math.floor(math.log2(side) * _BINS_AN_OCTAVE)].append(-negative)
    for members in bins.values():
        members.sort(key=lambda index: int(stream(0, "ffhq6k", index).words(1)[0]))
    turns = (
        (place, number, index)
        for number, members in bins.items()
        for place, index in enumerate(members)
    )
    return [index for _, _, index in sorted(turns)[:n]]
