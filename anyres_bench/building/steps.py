"""From a candidate to its files: the steps of one candidate, in a thread or a worker process."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyres_bench.building.database import INCOMING_NAME
from anyres_bench.building.outcomes import Image, Job, Outcome, image_name
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.collector import Candidate, Collector, Derived, Deriver, Resolver
from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import FetchError, ImageError
from anyres_bench.core.files import atomic_write, sha256_file
from anyres_bench.core.geometry import Size
from anyres_bench.core.quoting import storable
from anyres_bench.data.headers import ImageInfo, probe
from anyres_bench.fetching.http import Fetcher, is_transient
from anyres_bench.fetching.limits import Rate
from anyres_bench.fetching.sniff import refuse_others

_EXTENSIONS = {
    "JPEG": "jpg",
    "MPO": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tif",
    "PPM": "ppm",
    "AVIF": "avif",
}
_HEAD = 512
_LONGEST_MESSAGE = 1000
_LONGEST_NAME = 300

Values = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """Where images go and by which rules; the same for all candidates of a run.

    Attributes:
        folder: of the dataset.
        rules: what may enter it.
        collector: where images come from.
        token: keeps apart the files under way of several workers of one folder.
    """

    folder: Path
    rules: Rules
    collector: Collector
    token: str = ""

    @functools.cached_property
    def deriver(self) -> Deriver | None:
        """The collector, where it makes images from originals."""
        return self.collector if isinstance(self.collector, Deriver) else None

    @functools.cached_property
    def resolver(self) -> Resolver | None:
        """The collector, where it must ask about candidates first."""
        return self.collector if isinstance(self.collector, Resolver) else None

    @property
    def rates(self) -> Mapping[str, Rate]:
        """How often whom the collector asks may be asked."""
        return self.resolver.rates if self.resolver else {}

    @functools.cached_property
    def decodes(self) -> bool:
        """Whether pixels are decoded, which is only done in processes kept for that."""
        return self.rules.measure != "header" or self.deriver is not None

    @functools.cached_property
    def inside(self) -> Enclosure:
        """The dataset folder, which nothing that is written leads out of."""
        return Enclosure(self.folder)

    def incoming_name(self, job: Job) -> str:
        """Path inside the dataset folder where the original of a candidate is put at first."""
        return f"{INCOMING_NAME}/{job.candidate.key}{self.token}"

    def incoming(self, job: Job) -> Path:
        """Where the original of a candidate is put until it is examined."""
        return self.folder / self.incoming_name(job)

    def file_name(self, job: Job, suffix: str, image_format: str) -> str:
        """Path of an image inside the dataset; it follows from the candidate alone."""
        stem = f"{job.candidate.key}{suffix}"
        return image_name(job.number, stem, _EXTENSIONS[image_format])


def fetch(site: Site, job: Job, fetcher: Fetcher) -> Job | Outcome:
    """All steps of a candidate but those that decode pixels; the job where these are left.

    Raises:
        OSError: the files cannot be written.
    """
    try:
        job = obtain(site, job, fetcher)
    except (FetchError, ImageError) as error:
        site.incoming(job).unlink(missing_ok=True)
        return refused(job, error)
    return job if site.decodes else run_finish(site, job)


def obtain(site: Site, job: Job, fetcher: Fetcher) -> Job:
    """Have the original's bytes put at `site.incoming(job)`; the job with what was learnt.

    Raises:
        FetchError, ImageError: they cannot be had, or may not be used.
    """
    candidate = job.candidate
    site.rules.check_claims(candidate, to_be_asked=site.resolver is not None)
    if site.resolver:
        candidate = site.resolver.resolve(candidate, fetcher.limits)
        site.rules.check_claims(candidate)
    candidate = site.collector.obtain(candidate, site.incoming(job), fetcher)
    learnt = Job(job.number, candidate)
    site.rules.check_claims(candidate)
    return learnt


def finish(site: Site, job: Job) -> Outcome:
    """Examine the original, make what is derived from it, and put the files in their places.

    Raises:
        ImageError: it cannot be used.
    """
    incoming = site.incoming(job)
    record, metadata = _examine(incoming, job.candidate, site.rules)
    images = []
    if site.deriver:
        for derived in site.deriver.derive(job.candidate, incoming):
            images.append(_store_derived(site, job, derived, record))
    if site.deriver is None or site.deriver.keep_originals:
        record["file_name"] = site.file_name(job, "", record["format"])
        site.inside.move(site.incoming_name(job), record["file_name"])
        images.append(Image(record, metadata))
    if not images:
        raise ImageError("nothing-derived", "the collector made no image of it")
    return Outcome(job, "done", images=tuple(images), n_bytes=record["n_bytes"])


def refused(job: Job, error: FetchError | ImageError) -> Outcome:
    """The outcome of a candidate that raised."""
    again = isinstance(error, FetchError) and is_transient(error.reason)
    return Outcome(job, "failed" if again else "rejected", error.reason, storable(str(error)))


def faulted(job: Job, error: Exception) -> Outcome:
    """The outcome of a candidate over which the program itself failed: the run goes on."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    message = f"a fault of the program ({type(error).__name__} at {where}: {error}); report it"
    return Outcome(job, "rejected", "fault", storable(message[:_LONGEST_MESSAGE]))


def run_local(site: Site, job: Job) -> Outcome:
    """All steps of a candidate whose bytes need no network."""
    done = fetch(site, job, Fetcher())
    return done if isinstance(done, Outcome) else run_finish(site, done)


def run_finish(site: Site, job: Job) -> Outcome:
    """All steps of a candidate whose bytes are there."""
    try:
        outcome = finish(site, job)
    except ImageError as error:
        outcome = refused(job, error)
    if outcome.state != "done" or site.deriver:
        site.incoming(job).unlink(missing_ok=True)
    return outcome


def _examine(path: Path, candidate: Candidate, rules: Rules) -> tuple[Values, Values]:
    """(record, metadata) of an original."""
    name = _public(candidate.url) or candidate.source_id  # where it lies for now tells nobody
    name = name[:_LONGEST_NAME] or candidate.key
    info = _probe(path, name)
    metadata: Values = {}
    rules.check_size(info.size)
    rules.check_frames(info.n_frames)
    if rules.measure != "header":
        # Here and below, so that a run that decodes nothing need not load what computes.
        from anyres_bench.building.image_statistics import measure
        from anyres_bench.data.pixels import decode

        decoded = decode(path, rules.max_pixels, name=name, luma=rules.measure == "decode")
        info = decoded.info
        metadata = {"notes": list(decoded.notes), **measure(decoded.pixels, rules.measure)}
    fetched = candidate.fetched
    digest = fetched.sha256 if fetched else sha256_file(path)
    n_bytes = fetched.n_bytes if fetched else path.stat().st_size
    return _record(candidate, info, digest, n_bytes, metadata), metadata


def _probe(path: Path, name: str) -> ImageInfo:
    """What the header says; of no picture, what it is instead."""
    try:
        return probe(path, name=name)
    except ImageError:
        with open(path, "rb") as file:
            refuse_others(file.read(_HEAD))
        raise


def _record(
    candidate: Candidate, info: ImageInfo, sha256: str, n_bytes: int, metadata: Values
) -> Values:
    shared = ("source", "source_id", "author", "licence_id", "split", "role", "label", "caption")
    return {
        **{name: getattr(candidate, name) for name in shared},
        "source_url": candidate.source_url or _public(candidate.url),
        "group": candidate.group or candidate.key,
        "sha256": sha256,
        "n_bytes": n_bytes,
        "height": info.size.height,
        "width": info.size.width,
        "source_height": info.size.height,
        "source_width": info.size.width,
        "format": info.format,
        "mode": info.mode,
        "orientation": info.orientation,
        "jpeg_quality": info.jpeg_quality,
        "n_frames": info.n_frames,
        "effective_resolution": metadata.get("effective_resolution"),
    }


def _public(url: str) -> str:
    return url if url.startswith(("http://", "https://")) else ""


def _store_derived(site: Site, job: Job, derived: Derived, original: Values) -> Image:
    """Write a derived image as PNG; its record."""
    from PIL import Image as Pillow

    from anyres_bench.building.image_statistics import measure

    file_name = site.file_name(job, derived.suffix, "PNG")
    path = site.folder / f"{site.incoming_name(job)}.derived"
    with atomic_write(path) as file:
        Pillow.fromarray(derived.pixels).save(file, "PNG")
    metadata = measure(derived.pixels, site.rules.measure)
    size = Size(*derived.pixels.shape[:2])
    info = ImageInfo(size, size, "PNG", "RGB", 1, None, 1, False)
    n_bytes, digest = path.stat().st_size, sha256_file(path)
    site.inside.move(f"{site.incoming_name(job)}.derived", file_name)
    record = _record(job.candidate, info, digest, n_bytes, metadata)
    record |= {
        "file_name": file_name,
        "role": derived.role,
        "source_height": original["height"],
        "source_width": original["width"],
    }
    return Image(record, {**metadata, "derived": dict(derived.extra)})
