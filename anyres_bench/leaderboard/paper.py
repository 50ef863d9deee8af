"""The published table of the seed papers: which cells it has, and what stands in them."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources

from anyres_bench.data.protocols import EvalProtocol, protocol_from
from anyres_bench.evaluation.queries import PAPER_EXTRACTOR, PAPER_METRIC, PAPER_N, TaskQuery
from anyres_bench.evaluation.suites import PAPER
from anyres_bench.results import Task
from anyres_bench.results.claims import Claim, published_claims
from anyres_bench.results.plain import from_plain

PAPER_WEIGHTS = "inception-v3-torchscript"  # of the papers' extractor
_SOURCE = "table of AnyRes-GAN"
_AP = "detectability AP"


@dataclass(frozen=True)
class Costs:
    """Seconds of one thread of the machine that costs were measured on.

    Attributes:
        probe: of `anyres_bench.leaderboard.machine.probe`.
        extractor: of one picture through the papers' extractor.
        megapixel: of reading and shrinking a million pixels.
    """

    probe: float
    extractor: float
    megapixel: float


@dataclass(frozen=True)
class PaperImages:
    """One dataset of the paper.

    Attributes:
        title: for people.
        reference: what the models are compared with.
        megapixels: of an image.
        licence: of the images.
        commands: that make the dataset once its files are there.
        note: what else to know.
        n_images: in the reference; 0 is unknown.
        n_bytes: of what has to be fetched; 0 is unknown.
        address: where it, or its list, is; empty where none is known.
    """

    title: str
    reference: str
    megapixels: float
    licence: str
    commands: tuple[str, ...]
    note: str
    n_images: int = 0
    n_bytes: int = 0
    address: str = ""


@dataclass(frozen=True)
class PaperModel:
    """One system of the paper on one dataset.

    Attributes:
        system: as claims call it.
        dataset: key of the dataset.
        spec: that asks for it here.
        weights: names of the published files that it needs.
        note: what is not known of it.
        seconds: protocol -> of one image, where measured.
        options: of the spec, where the paper's evaluation is not what `evaluate` does by itself.
    """

    system: str
    dataset: str
    spec: str
    weights: tuple[str, ...]
    note: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DetectorRow:
    """The detector of the paper's detectability: its extractor, files and what is not known."""

    extractor: str
    weights: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class PaperTable:
    """What `paper.toml` says."""

    costs: Costs
    datasets: Mapping[str, PaperImages]
    models: tuple[PaperModel, ...]
    detectability: DetectorRow


@dataclass(frozen=True)
class PaperCell:
    """A system on a task.

    Attributes:
        system, dataset: names.
        title: column for people, such as "FID 256".
        model: what renders it here; None where that is not known.
        task: complete; None where the protocol is not known.
        claim: the published number; None where none is known.
    """

    system: str
    dataset: str
    title: str
    model: PaperModel | None
    task: Task | None
    claim: Claim | None

    @property
    def value(self) -> str:
        """The published number as text, "unknown" where it is."""
        if self.claim is None:
            return "unknown"
        if self.title == _AP:  # the source states a bound and a trend
            return f"above {self.claim.value:g}, rising with size"
        return f"{self.claim.value:g}"


@functools.cache
def paper_table() -> PaperTable:
    """What the package knows of the table's images, models and costs."""
    file = resources.files("anyres_bench.leaderboard") / "paper.toml"
    return from_plain(PaperTable, tomllib.loads(file.read_text(encoding="utf-8")))


def paper_cells() -> list[PaperCell]:
    """Every cell of the table, known or not: each system on each task of its dataset."""
    table = paper_table()
    claims = [claim for claim in published_claims() if claim.protocol.startswith(_SOURCE)]
    cells = [cell for model in table.models for cell in _cells(model, claims)]
    return [*cells, *(_detectability(claim) for claim in claims if claim.metric == _AP)]


def _cells(model: PaperModel, claims: list[Claim]) -> Iterator[PaperCell]:
    for name in PAPER[model.dataset]:
        query = TaskQuery.parse(name)
        task = Task(model.dataset, query.protocol, PAPER_METRIC, PAPER_EXTRACTOR, PAPER_N)
        found = [c for c in claims if (c.system, c.task) == (model.system, task.id)]
        title = column(protocol_from(task.protocol))
        yield PaperCell(
            model.system, model.dataset, title, model, task, found[0] if found else None
        )


def _detectability(claim: Claim) -> PaperCell:
    return PaperCell(claim.system, "", _AP, None, None, claim)


def column(protocol: EvalProtocol) -> str:
    """What a paper calls the distance under a protocol.

    >>> column(protocol_from("anyres-full256")), column(protocol_from("anyres-patch8-min8max0"))
    ('FID 256', 'pFID')
    """
    return f"FID {protocol.rule.size.height}" if protocol.whole else "pFID"
