"""The content of each subset's sample file: the number of documents, and the number of every defect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from dj_assets.samples import code, pages, papers, public_corpora
from dj_assets.samples.grammar import Dice

Document = tuple[str, dict[str, object]]
Maker = Callable[[Dice, int], Document]


@dataclass(frozen=True)
class Contents:
    """Hold the composition of one sample file.

    `documents` is the number of ordinary documents; `rubbish` counts documents that the recipe should drop; `very_long`
    is the length in characters of one document beyond the recipe's limit. `prose` means that a model of English may
    learn from it.
    """

    make: Maker
    domain: str
    documents: int
    duplicates: int = 3
    near_duplicates: int = 3
    navigation: int = 0
    rubbish: Mapping[str, int] = field(default_factory=dict)
    very_long: int = 0
    broken_lines: bool = False
    own_id: bool = False
    text_key: str = "text"
    prose: bool = True


def _common_crawl(dump: str, documents: int, very_long: int) -> Contents:
    return Contents(
        partial(pages.common_crawl, dump),
        "web",
        documents,
        duplicates=14,
        near_duplicates=8,
        navigation=26,
        rubbish={"foreign": 12, "symbols": 10, "repeated": 8, "short": 9, "scrambled": 4, "long_line": 3},
        very_long=very_long,
    )


def _some(**counts: int) -> Mapping[str, int]:
    return {"foreign": 1, "symbols": 1, "repeated": 1, "short": 1} | counts


def _source_code(make: Maker, documents: int, text_key: str = "text") -> Contents:
    rubbish = {"symbols": 3, "repeated": 3, "short": 4, "scrambled": 2, "long_line": 3}
    return Contents(make, "tech", documents, 6, 5, rubbish=rubbish, text_key=text_key, prose=False)


SUBSETS: Mapping[str, Contents] = {
    "arxiv": Contents(papers.arxiv, "science", 60, 2, 2, rubbish=_some()),
    "book": Contents(public_corpora.book, "fiction", 60, 2, 1, rubbish={"foreign": 1, "fragment": 2}),
    "wiki": Contents(pages.wiki, "encyclopedia", 130, rubbish=_some(foreign=3, short=2, long_line=1), very_long=18_300),
    "c4": Contents(
        pages.c4, "web", 200, 4, 4, rubbish=_some(foreign=3, symbols=2), very_long=58_000, broken_lines=True
    ),
    "cc_2019_30": _common_crawl("2019-30", 84, 65_800),
    "cc_2020_05": _common_crawl("2020-05", 88, 68_300),
    "cc_2021_04": _common_crawl("2021-04", 84, 61_800),
    "cc_2022_05": _common_crawl("2022-05", 85, 59_500),
    "cc_2023_06": _common_crawl("2023-06", 86, 58_400),
    "stackexchange": Contents(
        pages.stackexchange, "tech", 150, 4, 3, rubbish=_some(fragment=8, symbols=2), own_id=True
    ),
    "europarl": Contents(public_corpora.europarl, "parliament", 80, 3, 2, rubbish=_some(foreign=3)),
    "freelaw": Contents(
        public_corpora.freelaw, "law", 80, rubbish=_some(fragment=6, long_line=1), very_long=84_300, own_id=True
    ),
    "hackernews": Contents(pages.hackernews, "tech", 160, 2, 1, rubbish={"symbols": 1, "short": 1}, broken_lines=True),
    "nih": Contents(papers.nih, "medicine", 150, 5, 3, rubbish=_some(symbols=2), very_long=16_000, own_id=True),
    "philpapers": Contents(papers.philpapers, "philosophy", 60, 2, 1, rubbish=_some(fragment=3)),
    "pubmed_abstract": Contents(
        papers.pubmed_abstract, "medicine", 180, 3, 1, rubbish=_some(), very_long=4_300, own_id=True
    ),
    "pubmed_central": Contents(papers.pubmed_central, "medicine", 60, 2, 2, rubbish=_some(), very_long=136_200),
    "uspto": Contents(
        public_corpora.uspto, "patent", 110, 8, 4, rubbish=_some(fragment=11, foreign=2, long_line=2), very_long=21_700
    ),
    "redpajama_code": _source_code(code.redpajama_code, 100),
    "the_stack": _source_code(code.the_stack, 90, text_key="content"),
    "reproduced_code": _source_code(code.reproduced_code, 90),
    "bloom_oscar": Contents(
        pages.oscar,
        "web",
        90,
        4,
        4,
        rubbish=_some(foreign=70, symbols=5, repeated=3, short=6, scrambled=2),
        prose=False,
    ),
}
