"""Documents of the scientific corpora: arXiv, PubMed, NIH ExPorter, PhilPapers."""

from __future__ import annotations

from dj_assets.samples.grammar import Dice, Grammar

Document = tuple[str, dict[str, object]]
_PREAMBLE = (
    "\\usepackage{amsmath,amssymb}",
    "\\usepackage{graphicx}",
    "\\usepackage{hyperref}",
    "\\newcommand{\\eps}{\\varepsilon}",
    "\\def\\RR{\\mathbb{R}}",
    "\\newtheorem{theorem}{Theorem}[section]",
    "\\newtheorem{lemma}[theorem]{Lemma}",
)
_EQUATIONS = (
    "\\frac{\\partial {var}}{\\partial t} = \\{greek} \\nabla^2 {var} + {var}({var}, t)",
    "{var}({var}) = \\int_0^{#1-9} \\{greek}({var}) \\, d{var}",
    "\\sum_{{var}=1}^{N} {var}_{{var}} {rel} \\frac{{#1-9}}{\\{greek}} {var}^{#2-9}",
    "\\left\\| {var} - {var} \\right\\|_{L^2} {rel} C \\, \\{greek}^{-{#1-9}}",
    "\\langle {var} , {var} \\rangle = \\{greek}_{{#0-9}} + O({var}^{#2-9})",
)
_SECTIONS = ("Model and notation", "Preliminaries", "Main result", "Numerical results", "Discussion", "Related work")


def arxiv(dice: Dice, index: int) -> Document:
    """Return the LaTeX source of a paper, with comments, macros and a bibliography as in real sources."""
    g = Grammar.of("science", dice)
    parts = ["\\documentclass{article}", *dice.shuffled(_PREAMBLE)[: dice.between(2, 6)], "\\begin{document}"]
    parts += [f"\\title{{{g.title()}}}", f"\\author{{{g.name()} \\and {g.name()}}}", "\\maketitle"]
    parts += ["\\begin{abstract}", g.sentences(4, 7), "\\end{abstract}", ""]
    for heading in ("Introduction", *dice.shuffled(_SECTIONS)[: dice.between(2, 4)], "Conclusion"):
        parts += [g.expand(f"\\section{{{heading}}}\\label{{sec:{{cite}}}}"), g.paragraphs(dice.between(1, 3))]
        if dice.chance(0.7):
            parts += ["\\begin{equation}", "  " + g.expand(dice.pick(_EQUATIONS)), "\\end{equation}", g.sentences(1, 3)]
        if dice.chance(0.3):
            parts += [f"% TODO {g.sentence()}"]
    parts += ["\\begin{thebibliography}{99}", *(_reference(g, key) for key in g.symbols["cite"][:6]), "\\end{document}"]
    month = dice.between(1, 12)
    yymm = f"{dice.between(8, 22):02}{month:02}"
    return "\n".join(parts), {
        "timestamp": f"20{yymm[:2]}-{month:02}-{dice.between(1, 28):02}T{dice.between(0, 23):02}:15:00",
        "yymm": yymm,
        "arxiv_id": f"{yymm}.{index:05}",
        "language": "en",
        "url": f"https://arxiv.example/abs/{yymm}.{index:05}",
    }


def pubmed_abstract(dice: Dice, index: int) -> Document:
    """Return one abstract; half of the abstracts have labelled parts."""
    g = Grammar.of("medicine", dice)
    if dice.chance(0.5):
        labels = ("BACKGROUND", "METHODS", "RESULTS", "CONCLUSIONS")
        body = " ".join(f"{label}: {g.sentences(1, 4)}" for label in labels)
    else:
        body = g.sentences(5, 11)
    return f"{g.title()}.\n{body}", {"pile_set_name": "PubMed Abstracts", "language": "en", "pmid": 31_000_000 + index}


def pubmed_central(dice: Dice, index: int) -> Document:
    """Return an article with headings, a small table and references."""
    g = Grammar.of("medicine", dice)
    parts = [f"# {g.title()}", "## Abstract", g.sentences(5, 8)]
    for heading in ("Introduction", "Methods", "Results", "Discussion"):
        parts += [f"## {heading}", g.paragraphs(dice.between(1, 3), 3, 8)]
        if heading == "Results":
            rows = (g.expand("{noun} | {#1-99}.{#0-9} | {#1-99}.{#0-9} | 0.{#10-99}") for _ in range(6))
            parts.append("\n".join(("Variable | Group A | Group B | p", *rows)))
    parts += ["## References", "\n".join(_citation(g, number) for number in range(1, 8))]
    return "\n\n".join(parts), {"pile_set_name": "PubMed Central", "language": "en", "pmcid": f"PMC{7_000_000 + index}"}


def nih(dice: Dice, index: int) -> Document:
    """Return the public summary of a grant."""
    g = Grammar.of("medicine", dice)
    start = g.expand("DESCRIPTION (provided by applicant): ") if dice.chance(0.4) else ""
    end = f" PUBLIC HEALTH RELEVANCE: {g.sentences(1, 2)}" if dice.chance(0.4) else ""
    text = start + g.sentences(7, 14) + end
    return text, {"pile_set_name": "NIH ExPorter", "language": "en", "APPLICATION_ID": 8_000_000 + index}


def philpapers(dice: Dice, index: int) -> Document:
    """Return an essay with numbered sections and notes, long enough for its recipe."""
    g = Grammar.of("philosophy", dice)
    parts = [g.title("{NP1} and {mass}"), g.name(), "Abstract", g.sentences(4, 6)]
    for number in range(1, dice.between(5, 7)):
        parts += [f"{number}. {g.title()}", g.paragraphs(dice.between(2, 4), 4, 8)]
    parts += ["Notes", "\n".join(f"{n}. {g.sentence()}" for n in range(1, 5))]
    return "\n\n".join(parts), {"pile_set_name": "PhilPapers", "language": "en", "record": f"phil-{index:04}"}


def _reference(g: Grammar, key: str) -> str:
    volume = g.expand("{#10-300} ({#1970-2022}) {#1-900}")
    return (
        f"\\bibitem{{{key}}} {g.expand('{forename} {surname}')}, {g.title()}, J. {g.title('{adj} {noun.s}')} {volume}."
    )


def _citation(g: Grammar, number: int) -> str:
    journal = g.expand("{place} Med J {#1970-2022};{#1-90}({#1-12}):{#1-99}–{#100-900}.")
    return f"{number}. {g.name()}. {g.title()}. {journal}"
