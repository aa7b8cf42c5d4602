"""Figures of LaTeX sources. The expected samples follow from the definition on the page."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import dj_assets
from dj_assets.operators.batch import Batch
from dj_assets.operators.text.latex_figure_context_extractor_mapper import LatexFigureContextExtractorMapper
from dj_assets.operators.views.latex_figures import environments, prose

SOURCE = r"""\section{Cats} Look at \ref{fig:cat}.

\begin{figure}[t]
 \includegraphics[width=2cm]{ cat.png }
 \caption[short]{A \textbf{black \emph{cat}}}\label{fig:cat}
\end{figure}

Both are in \cref{fig:pair, fig:left}, not in \ref{fig:cats}.

\begin{figure*}
 \subfloat[Left]{\includegraphics{l.png}\label{fig:left}} \subfloat{\includegraphics{r.png}}
 \begin{subfigure}[b]{0.3\textwidth}\includegraphics{s.png}\caption{Third}\end{subfigure}
 \caption{A pair}\label{fig:pair}
\end{figure*}
\begin{equation}\ref{fig:cat}\end{equation}

\begin{wrapfigure}{r}{3cm}
 \begin{minipage}{2cm}\includegraphics{m.png}\caption*{One}\end{minipage}
 \begin{minipage}[t]{2cm}\includegraphics{n.png}\captionof{table}{Two}\end{minipage}
\end{wrapfigure}
\begin{figure}\caption{No image}\end{figure}"""

CAT, PAIR = r"\section{Cats} Look at \ref{fig:cat}.", r"Both are in \cref{fig:pair, fig:left}, not in \ref{fig:cats}."


def found(source: str, **parameters: Any) -> list[dict[str, Any]]:
    (children,) = LatexFigureContextExtractorMapper(**parameters).expand(Batch.of_texts([source])).to_pylist()
    assert all(child.pop("text") == source for child in children)
    return list(children)


def figure(
    images: str, caption: str = "", label: str = "", context: tuple[str, ...] = (), **parent: str
) -> dict[str, Any]:
    parents = {"parent_caption": "", "parent_label": "", **parent}
    return {"images": [images], "caption": caption, "label": label, "citing_paragraphs": [*context], **parents}


def test_figures_subfigures_and_minipages() -> None:
    parent = {"parent_caption": "A pair", "parent_label": "fig:pair"}
    by_image = {child["images"][0]: child for child in found(SOURCE)}
    assert [*by_image.values()] == [
        figure("cat.png", r"A \textbf{black \emph{cat}}", "fig:cat", (CAT,)),
        figure("s.png", "Third", "", (PAIR,), **parent),
        figure("l.png", "Left", "fig:left", (PAIR,), **parent),
        figure("r.png", "", "", (PAIR,), **parent),
        figure("m.png", "One"),
    ]


def test_names_of_fields_and_commands() -> None:
    cat = found(SOURCE, citation_commands=["\\cref"], image_key="pictures", caption_key="title")[0]
    assert (cat["pictures"], cat["title"], cat["citing_paragraphs"]) == (
        ["cat.png"],
        r"A \textbf{black \emph{cat}}",
        [],
    )


@pytest.mark.parametrize(
    "source", ["", "no figure", r"\begin{figure}\includegraphics{a}", r"\end{figure}\begin{figure*}"]
)
def test_a_source_without_figures_has_no_children(source: str) -> None:
    assert found(source) == []


def test_environments_end_at_the_first_end_of_their_name() -> None:
    text = r"a\begin{figure}\begin{figure*}b\end{figure}c\end{figure*}\begin{figure}d\end{figure}"
    spans = [text[start:end] for start, end in environments(text, ("figure", "figure*"))]
    assert spans == [r"\begin{figure}\begin{figure*}b\end{figure}", r"\begin{figure}d\end{figure}"]
    assert prose(text) == r"ac\end{figure*}"


@pytest.mark.parametrize(
    "part", [r"\begin{figure}", r"\caption{", r"\caption[", r"\ref{", "{", r"\subfloat{", r"\label{"]
)
def test_a_megabyte_takes_seconds(part: str) -> None:
    body = r"\includegraphics{a}\label{x}"
    source = r"\begin{figure}" + body + part * (500_000 // len(part)) + r"\end{figure}" + part * (500_000 // len(part))
    started = time.process_time()
    found(source)
    assert time.process_time() - started < 3


def test_samples_of_a_run_have_the_fields_of_their_figure(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"id": "p", "text": SOURCE}) + "\n" + json.dumps({"text": "none"}) + "\n"
    )
    process = ["latex_figure_context_extractor_mapper", {"text_length_filter": {"text_key": "caption", "min_len": 4}}]
    run = dj_assets.run_recipe({"process": process}, [tmp_path / "a.jsonl"], tmp_path / "o", workers=1, format="jsonl")
    lines = (line for part in (run.folder / "refined").glob("*.jsonl") for line in part.open())
    captions = [json.loads(line)["caption"] for line in lines]
    assert captions == [r"A \textbf{black \emph{cat}}", "Third", "Left"]
