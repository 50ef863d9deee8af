"""What the pages name exists: commands and their options, pages and headings, files, modules."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_groups import commands, parsed

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
FOLDERS = ("anyres_bench", "benchmarks", "collectors", "docs", "metrics", "baselines", "tests")
# Options of other programs, and --help, which click adds.
FOREIGN = {"--help", "--strict", "--year", "--retries", "--index-url", "--nproc-per-node"}
FOREIGN |= {"--beside", "--batch"}
# Files that a reader of the page writes.
TO_WRITE = {"baselines/mine/", "upscaler.py", "tests/baselines/test_mine.py"}
TO_WRITE |= {"collectors/mine.py", "tests/collectors/test_mine.py"}
TO_WRITE |= {"metrics/mean_shift.py", "tests/metrics/test_mean_shift.py"}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def called(page: Path) -> Iterator[str]:
    """What is typed after `anyres-bench`, in blocks of code and within lines."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    for line in re.findall(r"^(?: {4}|)(?:\.venv/bin/)?anyres-bench (.+)$", text, re.MULTILINE):
        yield line.split(" #")[0].split(" > ")[0]
    for line in re.findall(r"`anyres-bench ([^`]+)`", text):
        yield " ".join(line.split())


@each_page
def test_the_commands_of_a_page_parse(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    by_name = dict(commands())
    for line in called(page):
        if "..." not in line and not line.startswith("collect mine"):
            assert parsed(shlex.split(line), by_name), line


@each_page
def test_the_options_of_a_page_are_those_of_a_command(page: Path) -> None:
    flags = {
        flag
        for _, command in commands()
        for one in command.params
        for flag in (*one.opts, *one.secondary_opts)
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", page.read_text("utf-8")))
    assert named <= flags | FOREIGN


def anchors(page: Path) -> set[str]:
    """The names that links to the headings of a page have."""
    found = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


@each_page
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert link.startswith("https://") or target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_page
def test_the_files_and_modules_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    here = [str(path.relative_to(ROOT)) for name in FOLDERS for path in (ROOT / name).rglob("*")]
    paths = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./*-]+)`", text)
    for name in {*paths, *re.findall(r"`([\w/]+\.py)`", text)} - TO_WRITE:
        shape = re.escape(name.rstrip("/")).replace(re.escape("*"), "[^/]*")
        assert any(re.fullmatch(f"(.*/)?{shape}", path) for path in here), name
    for name in re.findall(r"-m ((?:benchmarks|tests|anyres_bench)[\w.]*\w)", text):
        path = ROOT / name.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name
