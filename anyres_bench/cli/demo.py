"""`anyres-bench demo`: collect, evaluate and report, as one would by hand."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

_MODELS = ("real", "resample:lanczos@64", "resample:bicubic@32", "constant")
_NOTES = "not an image\n"
_N_WRONG = 60  # files of the folder of wrong sizes
_N_FAKES = 64  # for each number: enough to see the order of the models, within minutes


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of photographs to use instead of the procedural world.",
)
def command(out: Path, images: Path | None) -> None:
    """Collect images, evaluate what needs no training, and write a report, all under OUT.

    Without --images: 200 scenes of the procedural world; the perfect model, held-out images (the
    ceiling), images shrunk and enlarged again (the floors), a constant, and a folder of images of
    all the wrong sizes. With --images: the same on your photographs, less the perfect model.

    Every step is a command that you could have typed, and is shown as such. The features are those
    of the built-in extractor, which needs no download; its distances are no FID.

    \b
    Examples:
      anyres-bench demo out
      anyres-bench demo out --images ~/Pictures
    """
    data, results, wrong = out / "data", out / "results", out / "wrong-sizes"
    source = ["scenes"] if images is None else ["folder", str(images)]
    name = "scenes" if images is None else "photos"
    _run("collect", *source, str(data), "--id", name)
    _write_wrong_sizes(data, wrong)
    common = ("--dataset", str(data), "--out", str(results), "--n", str(_N_FAKES))
    for model in (*(["scenes"] if images is None else []), *_MODELS):
        _run("evaluate", model, *common, "--suite", "quick")
    windows = [word for task in _window_tasks(data) for word in ("--suite", task)]
    _run("evaluate", f"folder:{wrong}", *common, *windows)
    page = out / "report.html"
    _run("report", str(results), "--out", str(page), "--title", f"anyres-bench on {name}")
    click.echo(f"\nopen {page.resolve()}")


def _run(*arguments: str) -> None:
    """Show a command and run it in this process, which has paid for its imports already."""
    from anyres_bench.cli.main import cli

    click.secho(f"\n$ anyres-bench {shlex.join(arguments)}", bold=True)
    cli.main(args=list(arguments), prog_name="anyres-bench", standalone_mode=False)


def _window_tasks(data: Path) -> Sequence[str]:
    """The windows of the quick suite; the folder has too few images for the whole ones."""
    from anyres_bench.data.dataset import Dataset
    from anyres_bench.evaluation.suites import suite

    queries = suite("quick", Dataset.read(data))
    names = [f"{query.protocol}/{query.metric}" for query in queries]
    return [name for name in names if name.startswith("anyres-patch")]


def _write_wrong_sizes(data: Path, folder: Path) -> None:
    """Files as people have them: of all sizes, some too small, some no images."""
    import numpy as np

    from anyres_bench.core.geometry import Size
    from anyres_bench.core.seals import is_ours
    from anyres_bench.core.seeds import stream
    from anyres_bench.data.dataset import Dataset
    from anyres_bench.data.pixels import resize_uint8
    from anyres_bench.data.reading import read_image
    from anyres_bench.data.splits import reference_and_held_out
    from anyres_bench.data.strips import write_strips
    from anyres_bench.data.views import protocol_from

    dataset = Dataset.read(data)
    part = f"{dataset.id}:half"
    _, held_out = reference_and_held_out(dataset, part, protocol_from("patch32-at32"))
    assert held_out is not None
    folder.mkdir(parents=True, exist_ok=True)
    _write_notes(folder / "notes.txt")
    for i in range(min(_N_WRONG, len(held_out.manifest))):
        size, draws = held_out.manifest[i].size, stream(0, "wrong size", i)
        factors = 0.3 + 0.9 * np.asarray(draws.uniform(2))
        wrong = Size(*(max(1, round(side * f)) for side, f in zip(size, factors, strict=True)))
        path = folder / f"{i:03d}.png"
        if not is_ours(path, "demo"):
            pixels = resize_uint8(read_image(held_out, i), wrong)
            write_strips(path, wrong, [pixels], "", "demo")


def _write_notes(path: Path) -> None:
    """What is no image, among images; a file of that name that is somebody's stays."""
    from anyres_bench.core.errors import UsageError

    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(_NOTES)
    except FileExistsError:
        if path.is_symlink() or not path.is_file() or path.read_bytes() != _NOTES.encode():
            raise UsageError(f"{path} is there already; run the demo in another folder") from None
