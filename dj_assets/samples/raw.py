"""Corpora in their published form: a folder of Alpaca-CoT, a bundle of arXiv, a dump of Stack Exchange."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from html import escape
from xml.sax.saxutils import quoteattr

from dj_assets.samples import defects, instructions, pages, papers
from dj_assets.samples.grammar import Dice, Grammar
from dj_assets.samples.instructions import Record

Planted = dict[str, int]
Pack = Callable[[bytes], bytes]
_INSTRUCTIONS = 90
_PAPERS = 26
_QUESTIONS = 90
_SITE = "tools.example"


def raw_files(seed: str, pack: Pack) -> tuple[dict[str, bytes], dict[str, Planted]]:
    """Return every file, keyed by path, and the defects of each kind in the three corpora; `pack` is gzip."""
    alpaca, planted_alpaca = _alpaca_cot(f"{seed}/alpaca_cot", pack)
    bundle, planted_bundle = _arxiv_bundle(f"{seed}/arxiv_bundle", pack)
    posts, planted_posts = _posts(f"{seed}/posts")
    files = {
        **alpaca,
        "arxiv_bundle/arXiv_src_2101_001.tar.gz": pack(bundle),
        f"{_SITE}/Posts.xml.gz": pack(posts),
    }
    planted = {"alpaca_cot": planted_alpaca, "arxiv_bundle": planted_bundle, _SITE: planted_posts}
    return files, planted


def _alpaca_cot(seed: str, pack: Pack) -> tuple[dict[str, bytes], Planted]:
    """Return three data sets, one folder each; the second Chinese one repeats part of the first, as translations do."""
    english = [instructions.english(Dice(f"{seed}/en/{n}")) for n in range(_INSTRUCTIONS)]
    chinese = [instructions.chinese(Dice(f"{seed}/zh/{n}")) for n in range(_INSTRUCTIONS)]
    mixed = [instructions.translation(Dice(f"{seed}/mixed/{n}")) for n in range(10)]
    dice = Dice(f"{seed}/defects")
    mixed += [_answered_again(record, " And so it is.") for record in english[:6]]
    mixed += [_answered_again(record, "确实如此。") for record in chinese[:8]]
    mixed += [{**record, "input": "!?.."} for record in english[10:14] + chinese[10:14]]
    english += [{"instruction": "Go on.", "input": "", "output": "Yes."}, _repeated(dice)]
    english += [{"instruction": "Name things.", "input": None, "output": ["a list", "of things"]}]
    chinese += [{"instruction": "好", "input": "", "output": "嗯"}, {"question": "哪里?", "answer": "这里"}]
    files = {
        "alpaca_cot/instruct_en/train.json.gz": _array(english),
        "alpaca_cot/instruct_zh/train.json.gz": _array(chinese),
        "alpaca_cot/mixed/part-1.jsonl.gz": _lines(dice.shuffled(mixed)),
    }
    planted = {"near_duplicate": 14, "duplicate": 8, "short": 2, "repeated": 1, "no_text": 2}
    return {path: pack(content) for path, content in files.items()}, planted


def _answered_again(record: Record, more: str) -> Record:
    return {**record, "output": f"{record['output']}{more}"}


def _repeated(dice: Dice) -> Record:
    return {"instruction": "Say it again.", "output": defects.repeated(dice, Grammar.of("web", dice))}


def _array(records: list[Record]) -> bytes:
    return ("[\n" + ",\n".join(_json(record) for record in records) + "\n]\n").encode()


def _lines(records: list[Record]) -> bytes:
    return "".join(_json(record) + "\n" for record in records).encode()


def _json(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False)


def _arxiv_bundle(seed: str, pack: Pack) -> tuple[bytes, Planted]:
    """Return the papers of a month: whole files, papers in several files, and members without LaTeX."""
    members: dict[str, bytes] = {}
    for index in range(_PAPERS):
        dice = Dice(f"{seed}/{index}")
        source = papers.arxiv(dice, index)[0].replace("\\nabla", "\\grad")
        source = source.replace("\\begin{document}", "\\newcommand{\\grad}{\\nabla}\n\\begin{document}")
        content = _tar(_chapters(source)) if dice.chance(0.3) else source.encode()
        members[f"2101/2101.{index:05}.gz"] = pack(content)
    notes = Dice(f"{seed}/defects")
    headless = "\n".join(Grammar.of("science", notes).sentences(3, 6) for _ in range(4))
    members["2101/2101.00100.gz"] = pack(headless.encode())
    members["2101/2101.00101.pdf"] = b"%PDF-1.4 only a stub"
    members["2101/2101.00102.gz"] = pack(b"%!PS-Adobe-2.0 only a stub")
    members["2101/2101.00103.gz"] = members["2101/2101.00000.gz"][:200]
    members["2101/2101.00104.gz"] = pack(_tar({"00README.XXX": b"nohypertex"}))
    return _tar(members), {"no_header": 1, "no_latex": 3, "broken": 1}


def _chapters(source: str) -> Mapping[str, bytes]:
    """Return a paper split at its sections: the first part is the main file, which is not the first by name."""
    first, *rest = re.split(r"(?=^\\section)", source, flags=re.MULTILINE)
    calls = "".join(f"\\input{{chapter{n}}}\n" for n in range(1, len(rest) + 1))
    parts = {f"chapter{n}.tex": part.encode() for n, part in enumerate(rest, 1)}
    return {**parts, "paper.tex": f"{first}{calls}".encode(), "figure1.eps": b"%!PS"}


def _tar(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _posts(seed: str) -> tuple[bytes, Planted]:
    """Return a dump: the answers to every question come later, as in dumps with posts numbered by time."""
    dice = Dice(f"{seed}/order")
    rows = [row for index in range(_QUESTIONS) for row in _thread(Dice(f"{seed}/{index}"), index)]
    rows += [(9001, _row(Id=9001, PostTypeId=2, ParentId=77777, Score=3, Body="<p>An answer to nothing.</p>"))]
    rows += [(9002, '  <row Id="9002" PostTypeId="1" Body="&lt;p&gt;cut off in the middle')]
    rows += [(9003, _row(Id=9003, PostTypeId=1, Score=0, Title="No body here"))]
    rows += [(9100 + n, _row(Id=9100 + n, PostTypeId=5, Body="About this tag.")) for n in range(4)]
    lines = [line for _, _, line in sorted((position, dice.below(1000), line) for position, line in rows)]
    head = '\ufeff<?xml version="1.0" encoding="utf-8"?>\n<posts>\n'
    return (head + "\n".join(lines) + "\n</posts>\n").encode(), {"no_question": 1, "broken": 2, "no_post": 4}


def _thread(dice: Dice, index: int) -> Iterator[tuple[int, str]]:
    text, _ = pages.stackexchange(dice, index)
    question, *answers = text.removeprefix("Q: ").split("\n\nA: ")
    title, _, body = question.partition("\n\n")
    post_id = 100 + index
    score = dice.between(-2, 40)
    yield post_id, _row(Id=post_id, PostTypeId=1, Score=score, Title=title, Body=_html(body), Tags="<tools><linux>")
    for number, answer in enumerate(answers):
        later = 1000 + 10 * index + number
        score = dice.between(-3, 60)
        yield later, _row(Id=later, PostTypeId=2, ParentId=post_id, Score=score, Body=_html(answer))


def _html(text: str) -> str:
    return "\n".join(f"<p>{escape(part, quote=False)}</p>" for part in text.split("\n\n"))


def _row(**attributes: object) -> str:
    cells = " ".join(f"{name}={quoteattr(str(value), _LINE_ENDS)}" for name, value in attributes.items())
    return f"  <row {cells} />"


_LINE_ENDS = {"\n": "&#xA;", "\r": "&#xD;"}
