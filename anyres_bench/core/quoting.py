"""Text of others, made inert for terminals, spreadsheets, Markdown, YAML and plots.

A caption, a licence, a file name or a server's message may hold escape sequences, line ends, HTML
or formulas. Whatever leaves for one of these media goes through the one function of that medium.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable

_JOINERS = "\u200c\u200d"  # parts of words and of emoji, without a shape of their own
_LONGEST_MESSAGE = 2000
# Where a spreadsheet that splits cells at commas, semicolons or tabs would see a formula begin.
_FORMULA = re.compile(r"(^|[;\t])([\s\"']*)(?=[=+\-@＝＋－＠])")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#!|~$])")
_MARKDOWN_START = re.compile(r"^(\s*(?:\d{1,9}(?=[.)]))?)([-+=.)])")


def storable(text: str) -> str:
    """The text as UTF-8 can hold it: halves of characters that stand alone become U+FFFD.

    >>> storable("half \\ud83d, whole \\ud83d\\ude00")
    'half \ufffd, whole \U0001f600'
    """
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def from_shell(text: str) -> str:
    """An argument, or a file's name, as text that can be stored and is the same under any locale.

    Python reads both by the locale; bytes that are UTF-8 are read as such here.

    >>> from_shell("a")
    'a'
    """
    if text.isascii():
        return text
    try:
        return os.fsencode(text).decode()
    except UnicodeError:
        return storable(text)


def terminal(text: object) -> str:
    """One line for a terminal or a log: what is no visible character is spelled out.

    >>> terminal("CC0\\x1b]0;owned\\x07\\nnext")
    'CC0\\\\x1b]0;owned\\\\x07\\\\nnext'
    """
    plain = str(text)
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(c if _is_visible(c) else _spelled(c) for c in plain)


def terminal_lines(text: object) -> str:
    """As `terminal`, for text of several lines; of a very long one the middle is left out."""
    plain = str(text)
    if len(plain) > 2 * _LONGEST_MESSAGE:
        left_out = len(plain) - 2 * _LONGEST_MESSAGE
        ends = plain[:_LONGEST_MESSAGE], plain[-_LONGEST_MESSAGE:]
        plain = f"{ends[0]} [... {left_out} characters ...] {ends[1]}"
    return "\n".join(terminal(line.replace("\t", "    ")) for line in plain.split("\n"))


def one_line_each(lines: Iterable[object]) -> str:
    """Lines for a terminal, where a line end within one is spelled out and makes no other."""
    return "\n".join(terminal(line) for line in lines)


def csv_cell(text: object) -> str:
    """A cell that no spreadsheet takes for a formula, whichever separator it splits at.

    An apostrophe goes before what would be one: spreadsheets show the cell as text then.

    >>> csv_cell("=HYPERLINK(1)"), csv_cell("Ann; =1+1"), csv_cell("Ann")
    ("'=HYPERLINK(1)", "Ann; '=1+1", 'Ann')
    """
    return _FORMULA.sub(r"\1\2'", terminal(str(text).replace("\t", " ")))


def markdown(text: object) -> str:
    """Text within a line of Markdown: no HTML, link, emphasis, heading or list comes of it.

    >>> markdown("<b>a_b</b>")
    '&lt;b&gt;a\\\\_b&lt;/b&gt;'
    """
    plain = terminal(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN_START.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", plain))


def markdown_block(text: str, language: str = "") -> str:
    """A fenced block of literal lines, whatever they hold; its fence is longer than theirs.

    >>> markdown_block("a")
    '```\\na\\n```'
    """
    lines = "\n".join(terminal(line) for line in text.split("\n"))
    longest = max((len(run) for run in re.findall("`+", lines)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{lines}\n{fence}"


def yaml_scalar(text: object) -> str:
    """A double-quoted YAML string of one line.

    >>> yaml_scalar("mit\\nviewer: false")
    '"mit\\\\\\\\nviewer: false"'
    """
    return json.dumps(terminal(text), ensure_ascii=False)


def plot(text: object) -> str:
    """A label of a plot: a dollar is a dollar, not the beginning of a formula.

    >>> plot("a$b$")
    'a\\\\$b\\\\$'
    """
    return terminal(text).replace("$", r"\$")


def _is_visible(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or character in "\u00a0\u202f\u3000"


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
