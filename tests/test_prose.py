"""Check the wording of pages, docstrings and comments: plain English, without invented terms.

Most readers are not native speakers. A heading names its subject, a docstring opens with a verb, and a sentence has
the order subject, verb, object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.paths import ROOT

PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")


class Rule(NamedTuple):
    """One forbidden wording: where it applies, and what to write instead."""

    pattern: str
    hint: str


# In pages, docstrings and comments.
WORDS = (
    Rule(r"(?i:\banew\b)", "again"),
    Rule(r"(?i:\bbesides?\b)", "next to, with, in addition to"),
    Rule(r"(?i:\btold\b)", "the verb that is meant: stated, identified, reported"),
    Rule(r"(?i:\bl(?:ies?|ying)\b)", "is, is in, is stored in, is between"),
    Rule(r"(?i:\bso many\b)", "n, the number of, at most"),
    Rule(r"(?i:\bby hand\b)", "manually, ad hoc, measured once"),
    Rule(r"(?i:\btwins?\b)", "duplicate, kept duplicate"),
    Rule(r"(?i:\bkeepers?\b)", "kept duplicate"),
    Rule(r"(?i:\bbarriers?\b)", "deduplicate step"),
    Rule(r"(?i:\bfates?\b)", "outcome"),
    Rule(r"(?i:\b(?:an?|each|every|no|one|the) look\b)", "media feature"),
    Rule(r"(?:^[\s#>*|_-]*|[.!?:] )(?:What|So many|Whether it)\b", "a sentence with subject, verb, object"),
)
DOCSTRING_OPENS = Rule(r'"""(?:What|So many|It is|Whether|How)\b', "a verb and the noun of the field: Return the share")
HEADING = Rule(
    r"^#{1,6} (?:(?:What|When|Where|Whether|Who|Why|So|It|That|Seeing)\b|.*\b(?:nobody|something|of a kind)\b)",
    "the subject of the section, so that people can search for it",
)

CODE = (*WORDS, DOCSTRING_OPENS)
PAGE = (*WORDS, DOCSTRING_OPENS, HEADING)
COMMENT = re.compile(r"^\s*#.*|(?<=\S)  # .*")
# Lines of SQL in long strings: names of stored columns stay as they are.
SQL = re.compile(r"\b(?:SELECT|FROM|JOIN|WHERE)\b.*[=?]")


class Finding(NamedTuple):
    """One forbidden wording in a file."""

    file: str
    line: int
    found: str
    hint: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.found!r}; write: {self.hint}"


def place_of(file: str) -> str:
    """Return the place of a file: a page, or a folder (or module) directly below `dj_assets`."""
    return "/".join(file.split("/")[:2]) if file.startswith("dj_assets/") else file


def in_page(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, wording and hint of the findings in a page; code blocks have no headings."""
    code = False
    for number, line in enumerate(text.splitlines(), 1):
        code ^= line.startswith("```")
        yield from ((number, found, hint) for found, hint in matches(line, CODE if code else PAGE))


def in_module(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, wording and hint of the findings in the docstrings, long strings and comments of a module."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        quotes = line.count('"""')
        comment = None if inside or quotes else COMMENT.search(line)
        prose = comment[0] if comment else line if (inside or quotes) and not SQL.search(line) else ""
        inside ^= bool(quotes % 2)
        yield from ((number, found, hint) for found, hint in matches(prose, CODE))


def matches(line: str, rules: tuple[Rule, ...]) -> Iterator[tuple[str, str]]:
    """Yield the forbidden wordings of a line, with hints."""
    if any_of(rules).search(line):
        for rule in rules:
            yield from ((found[0].strip(), rule.hint) for found in re.finditer(rule.pattern, line))


@cache
def any_of(rules: tuple[Rule, ...]) -> re.Pattern[str]:
    """Return one pattern for all rules, since nearly all lines match none."""
    return re.compile("|".join(f"(?:{rule.pattern})" for rule in rules))


def files_below(folder: str) -> Iterator[Path]:
    """Yield the pages and modules below a folder of the project."""
    return (path for path in (ROOT / folder).rglob("*") if path.suffix in {".md", ".py"})


@pytest.fixture(scope="module")
def findings() -> dict[str, list[Finding]]:
    """Return the findings of every place of the project."""
    by_place: dict[str, list[Finding]] = {}
    pages = [path for path in map(ROOT.joinpath, PAGES) if path.exists()]
    for path in sorted(chain(pages, *map(files_below, ("docs", "dj_assets")))):
        name, text = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        rows = in_page(text) if path.suffix == ".md" else in_module(text)
        by_place.setdefault(place_of(name), []).extend(Finding(name, *row) for row in sorted(set(rows)))
    return by_place


def test_pages_docstrings_and_comments_follow_the_rules(findings: dict[str, list[Finding]]) -> None:
    rows = [finding for place in findings.values() for finding in place]
    assert not rows, "\n" + "\n".join(map(str, rows))


def test_all_pages_and_folders_are_checked(findings: dict[str, list[Finding]]) -> None:
    folders = {f"dj_assets/{path.parent.name}" for path in (ROOT / "dj_assets").glob("*/__init__.py")}
    assert {"README.md", "docs/recipes.md", "docs/operators.md", *folders} <= set(findings)


@pytest.mark.parametrize(
    "line",
    [
        "measured anew",
        "the file Beside it",
        "of which it is told",
        "a file that lies in a folder",
        "as so many others",
        "measured by hand",
        "What is kept",
        "* What is kept",
        "Read it. What follows",
        "# What people see",
        "the twin that was kept",
        "a look fails",
        "the fate of a sample",
    ],
)
def test_forbidden_words_are_found_in_pages_and_comments(line: str) -> None:
    assert list(in_page(line))
    assert list(in_module(f"# {line}\n"))
    assert list(in_module(f"a = 1  # {line}\n"))
    assert list(in_module(f'"""Return it.\n\n{line}\n"""\n'))


@pytest.mark.parametrize("opening", ["What it is.", "So many words.", "It is.", "Whether it is.", "How much it is."])
def test_docstrings_do_not_open_with_a_question(opening: str) -> None:
    assert list(in_module(f'def f():\n    """{opening}"""\n'))
    assert list(in_module(f'def f():\n    r"""{opening}\n\n    More.\n    """\n'))


@pytest.mark.parametrize("heading", ["What is kept", "When something is wrong", "Two of a kind", "Seeing why"])
def test_riddles_are_found_in_headings(heading: str) -> None:
    assert list(in_page(f"## {heading}\n"))


def test_comments_in_code_blocks_of_pages_are_no_headings() -> None:
    assert not list(in_page("```sh\n# When something is wrong\n```\n"))


@pytest.mark.parametrize(
    "line",
    [
        "A file is stored in a folder.",
        "`kept_twin` and `told_of` are names",
        "Somewhat earlier, families believed it",
        "Say what is kept.",
        "It is kept.",
        "look at the log",
    ],
)
def test_plain_lines_and_names_are_not_found(line: str) -> None:
    assert not list(in_page(line))
    assert not list(in_module(f"# {line}\n"))


def test_code_is_not_prose() -> None:
    assert not list(in_module('told = {"anew": lies}\nbeside = "so many"\n'))


def test_columns_in_lines_of_sql_are_not_prose() -> None:
    assert not list(in_module('"""\nWHERE fate = ? AND row = 1\n"""\n'))
    assert list(in_module('"""\nSELECT the fate of a sample\n"""\n'))
