r"""Find the figures of LaTeX sources and the labels that paragraphs cite; every search is linear in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

FIGURES = ("figure", "figure*", "wrapfigure")
# Environments that are no prose.
FLOATS = (
    *FIGURES,
    *(name for base in ("table", "tabular", "equation", "align", "alignat", "gather") for name in (base, f"{base}*")),
    *(name for base in ("multline", "flalign", "algorithm") for name in (base, f"{base}*")),
    "lstlisting",
    "verbatim",
    "minted",
)
# No optional argument is longer; a search without end would be quadratic.
_OPTIONAL = r"(?:\[[^\]]{0,2000}\])?"
_CAPTIONS = tuple(
    re.compile(command + _OPTIONAL + r"\{") for command in (r"\\caption\*?", r"\\subcaption", r"\\captionof\{figure\}")
)
_TABLE_CAPTION = re.compile(r"\\captionof\{table\}" + _OPTIONAL + r"\{")
_SUBFIGURE = re.compile(r"\\(?:subfigure|subfloat)\[([^\]]{0,2000})\]\s*\{")
_SUBFIGURE_ALONE = re.compile(r"\\(?:subfigure|subfloat)(?!\[)\s*\{")
_ARGUMENTS = re.compile(r"(?:\[[^\]]{0,2000}\])*(?:\{[^}]{0,2000}\})*")
_LABEL = re.compile(r"\\label\{([^}]+)\}")
_IMAGE = re.compile(r"\\includegraphics" + _OPTIONAL + r"\{([^}]+)\}")

Span = tuple[int, int]


@dataclass(frozen=True)
class Figure:
    r"""Hold the caption, the label and the paths of images of a figure, or its subfigures, which then have the images.

    Examples
    --------
    >>> source = r"\begin{figure}\includegraphics{a.png}\caption{A cat}\label{cat}\end{figure}"
    >>> [(figure.caption, figure.label, figure.images) for figure in figures(source)]
    [('A cat', 'cat', ('a.png',))]
    """

    caption: str
    label: str
    images: tuple[str, ...]
    parts: tuple[Figure, ...] = field(default=())


def figures(source: str) -> list[Figure]:
    """Return the figures with images, in their order; of one with several minipages, each that is no table."""
    return [figure for start, end in environments(source, FIGURES) for figure in _figures_in(source[start:end])]


def prose(source: str) -> str:
    """Return a source without the environments that are no prose."""
    return _without(source, environments(source, FLOATS))


def environments(text: str, names: Sequence[str]) -> Iterator[Span]:
    """Yield the spans from each beginning of an environment to the first end of that name, without overlaps."""
    begin = re.compile(r"\\begin\{(" + "|".join(map(re.escape, names)) + r")\}")
    behind = 0
    unclosed: set[str] = set()
    for match in begin.finditer(text):
        name = match[1]
        if match.start() < behind or name in unclosed:
            continue
        end = text.find(f"\\end{{{name}}}", match.end())
        if end < 0:
            unclosed.add(name)
            continue
        behind = end + len(name) + 6
        yield match.start(), behind


def cited(paragraph: str, commands: Sequence[str]) -> set[str]:
    r"""Return the labels that a paragraph cites by commands such as `\ref`, also those in lists.

    Examples
    --------
    >>> sorted(cited(r"see \cref{a, b} and \ref{c}", [r"\ref", r"\cref"]))
    ['a', 'b', 'c']
    """
    names = "|".join(re.escape(command.lstrip("\\")) for command in commands)
    labels: set[str] = set()
    # without the rest after the last brace, no search reaches the end in vain
    for match in re.finditer(rf"\\(?:{names})\{{([^}}]*)\}}", paragraph[: paragraph.rfind("}") + 1]):
        first, *others = match[1].split(",")
        labels |= {first.rstrip(), *(label.strip() for label in others)}
    return labels


def _figures_in(text: str) -> list[Figure]:
    closing = _closing_braces(text)
    subfigures = [*_subfigures(text, closing)]
    if subfigures:
        parts = [part for _, part in subfigures if part.images]
        spans = sorted(span for span, _ in subfigures)
        outside = _figure(_without(text, spans), images=False)
        return [Figure(outside.caption, outside.label, (), tuple(parts))] if parts else []
    pages = [text[start:end] for start, end in environments(text, ("minipage",))]
    if len(pages) < 2:
        whole = _figure(text)
        return [whole] if whole.images else []
    bodies = [_body(page, "minipage") for page in pages]
    return [figure for body in bodies if _command(_TABLE_CAPTION, body) is None and (figure := _figure(body)).images]


def _subfigures(text: str, closing: dict[int, int]) -> Iterator[tuple[Span, Figure]]:
    """Yield the spans and contents of subfigures: of environments, of commands with a caption, of those without."""
    for start, end in environments(text, ("subfigure",)):
        yield (start, end), _figure(text[start:end])
    for pattern in (_SUBFIGURE, _SUBFIGURE_ALONE):
        behind = 0
        for match in pattern.finditer(text):
            closed = closing.get(match.end() - 1)
            if closed is None or match.start() < behind:
                continue
            behind = closed + 1
            content = _figure(text[match.end() : closed])
            caption = match[1].strip() if pattern is _SUBFIGURE else ""
            yield (match.start(), behind), Figure(caption, content.label, content.images)


def _figure(text: str, *, images: bool = True) -> Figure:
    """Return the first caption and label of a part of a source, and all of its images."""
    caption = next((found for pattern in _CAPTIONS if (found := _command(pattern, text)) is not None), "")
    braced = text[: text.rfind("}") + 1]
    label = _LABEL.search(braced)
    paths = (match[1].strip() for match in _IMAGE.finditer(braced)) if images else ()
    return Figure(caption.strip(), label[1].strip() if label else "", tuple(paths))


def _command(pattern: re.Pattern[str], text: str) -> str | None:
    """Return the argument in braces of the first command with a balanced one; None if there is none."""
    matches = [*pattern.finditer(text)]
    closing = _closing_braces(text) if matches else {}
    ends = ((match.end(), closing.get(match.end() - 1)) for match in matches)
    return next((text[start:end] for start, end in ends if end is not None), None)


def _closing_braces(text: str) -> dict[int, int]:
    """Return the index of the closing brace of every opening one that has one."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for match in re.finditer(r"[{}]", text):
        if match[0] == "{":
            opened.append(match.start())
        elif opened:
            closing[opened.pop()] = match.start()
    return closing


def _body(text: str, name: str) -> str:
    """Return the body of an environment, without its arguments."""
    start = _ARGUMENTS.match(text, len(name) + 8)
    return text[start.end() if start else 0 : len(text) - len(name) - 6]


def _without(text: str, spans: Iterator[Span] | Sequence[Span]) -> str:
    parts, at = [], 0
    for start, end in spans:
        if start >= at:
            parts.append(text[at:start])
        at = max(at, end)
    return "".join([*parts, text[at:]])
