"""Every command, at any depth: the options that all have, examples that parse, names told right."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from anyres_bench.cli.groups import Group
from anyres_bench.cli.main import cli
from tests.cli.calls import call


def commands(at: click.Command = cli, *words: str) -> Iterator[tuple[str, click.Command]]:
    """All commands below one, each with the words that call it."""
    if isinstance(at, click.Group):
        context = click.Context(at)
        for name in at.list_commands(context):
            found = at.get_command(context, name)
            assert found is not None
            yield from commands(found, *words, name)
    yield " ".join(words), at


@pytest.fixture(scope="module")
def by_name() -> dict[str, click.Command]:
    found = dict(commands())
    assert {"tasks", "stats show", "leaderboard serve", "collect houses"} < set(found)
    return found


def test_every_command_takes_the_options_that_all_have(by_name: dict[str, click.Command]) -> None:
    for name, command in by_name.items():
        assert isinstance(command, Group) == isinstance(command, click.Group), name
        spelled = [flag for one in command.params for flag in (*one.opts, *one.secondary_opts)]
        assert {"-q", "--quiet", "-v", "--verbose", "--log"} <= set(spelled), name
        assert len(set(spelled)) == len(spelled), name


def test_every_option_says_what_it_is_its_default_and_whether_it_may_come_again(
    by_name: dict[str, click.Command],
) -> None:
    options = [
        (f"{name} {one.opts[0]}", one)
        for name, command in by_name.items()
        for one in command.params
        if isinstance(one, click.Option) and not one.hidden
    ]
    assert len(options) > 300
    for name, one in options:
        text = one.help or ""
        assert text, name
        assert one.multiple == ("may be given several times" in text), name
        if one.default != "" and isinstance(one.default, int | float | str) and not one.is_flag:
            assert one.show_default or "default" in text, name


def test_an_empty_path_is_not_the_folder_that_one_is_in(by_name: dict[str, click.Command]) -> None:
    """What `--out "$OUT"` says where OUT is not set."""
    paths = [
        one
        for command in by_name.values()
        for one in command.params
        if isinstance(one.type, click.Path)
    ]
    assert len(paths) > 60
    for one in paths:
        with pytest.raises(click.BadParameter, match="an empty path; write"):
            one.type.convert("", one, None)


def test_every_command_teaches_with_examples_that_parse(
    by_name: dict[str, click.Command], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, command in by_name.items():
        text = (command.help or "").replace("\\\n", " ")
        examples = re.findall(r"^ *anyres-bench (.*)$", text, re.MULTILINE)
        called = [parsed(shlex.split(line.partition(" > ")[0]), by_name) for line in examples]
        assert any(f"{one} ".startswith(f"{name} ".lstrip()) for one in called), name


def parsed(words: list[str], by_name: dict[str, click.Command]) -> str:
    """Parse the words of a command as a call would; its name."""
    name = words.pop(0)
    while isinstance(command := by_name[name], click.Group):
        name = f"{name} {words.pop(0)}"
    if "--device" in words:  # which this machine may not have
        at = words.index("--device")
        del words[at : at + 2]
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            parameter.type.exists = False
    command.make_context(name, words)
    return name


@pytest.mark.parametrize(
    "words",
    [
        ("-q", "tasks"),
        ("tasks", "-q", "--log", "l"),
        ("leaderboard", "claims", "-q"),
        ("-v", "leaderboard", "-q", "claims", "--csv", "-q", "--log", "l"),
        ("tilers", "list", "--log", "l"),
    ],
)
def test_the_options_are_taken_at_any_depth(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capfd, *words)
    assert (code, err) == (0, "")
    if "--log" in words:
        head, *logged = Path("l").read_text().splitlines()
        assert head == "# log of anyres-bench"
        assert [line[20:] for line in logged] == out.splitlines()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evalute"], "no command 'evalute'; did you mean evaluate"),
        (["EVALUATE"], "did you mean evaluate"),
        (["collect", "flicker"], "no collector 'flicker'; did you mean flickr"),
        (["stats", "shwo"], "no command 'shwo'; did you mean show"),
        (["leaderboard", "zzz"], "no command 'zzz'; known: build, check, "),
    ],
)
def test_a_wrong_name_is_told_the_near_ones(
    words: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capfd, *words)
    assert (code, out) == (2, "")
    assert said in err
