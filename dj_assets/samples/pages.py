"""Documents of the web corpora: crawled pages, Wikipedia, Stack Exchange, Hacker News."""

from __future__ import annotations

from dj_assets.samples.grammar import Dice, Grammar

Document = tuple[str, dict[str, object]]
_FOOTERS = (
    "Subscribe to our newsletter for more {noun.s}.",
    "Copyright {#2008-2023} {place} {noun.s}. All rights reserved.",
    "Posted by {forename} on {#1-28} {month} {#2009-2023}",
    "Share this: Facebook Twitter Email",
    "Previous post: {NP} | Next post: {NP}",
    "Leave a comment below and tell us about {NP}.",
)
_CODE = (
    "for {noun_id} in range({#2-90}):\n    {verb_id}_{noun_id}(self.{noun_id}[{#0-9}], {verb_id}={#1-99})",
    "def {verb_id}_{noun_id}(x, *args):\n    return {{x['{noun_id}']: x.{noun_id} for x in args[{#0-9}:]}}",
    "$ {verb_id} --{noun_id}={#1-99} | grep -v '^#' > /tmp/{noun_id}.log 2>&1",
    "if ({noun_id} != null && {noun_id}.{verb_id}() >= {#1-99}) {{ {noun_id}[{#0-9}]++; }}",
    "SELECT t.{noun_id}, COUNT(*) FROM \"{noun_id}\" t WHERE t.{noun_id} <> '{verb_id}' GROUP BY 1;",
    "<div class=\"{noun_id}\"><a href='#{noun_id}'>{verb_id}</a></div>",
    "TypeError: {verb_id}() got an unexpected keyword argument '{noun_id}' (line {#1-900})",
    'std::map<std::string, int> {noun_id} = {{ {{"{verb_id}", {#1-99}}}, {{"{noun_id}", {#1-99}}} }};',
)


def crawled(dice: Dice, index: int) -> Document:
    """Return a page of a crawl: mostly prose, with some footer lines of the site."""
    g = Grammar.of(dice.pick(("web", "web", "web", "encyclopedia", "tech", "medicine")), dice)
    parts = [g.title(), *g.paragraphs(dice.between(2, 6), 2, 7).split("\n\n")]
    parts += [g.expand(footer) for footer in dice.shuffled(_FOOTERS)[: dice.between(0, 2)]]
    return "\n".join(parts), {"url": f"https://www.{_host(g)}/{index:04}/{_slug(g)}"}


def oscar(dice: Dice, index: int) -> Document:
    """Return a page in the form of OSCAR: raw, with addresses and words that no dictionary has."""
    text, meta = crawled(dice, index)
    g = Grammar.of("web", dice)
    if dice.chance(0.4):
        text += g.expand("\nVisit www.{noun}{#1-99}.example/{surname}?href={noun} or http://{noun}.example today.")
    if dice.chance(0.2):
        text += f"\nFile {'_'.join(g.expand('{noun}') for _ in range(5)).replace(' ', '')} is gone."
    return text, {"warc-record-id": f"<urn:uuid:{index:08}>", "language": "en", **meta}


def c4(dice: Dice, index: int) -> Document:
    """Return a page in the form of C4: prose, one paragraph per line."""
    text, meta = crawled(dice, index)
    day = f"2019-04-{dice.between(18, 26)}T{dice.between(0, 23):02}:{dice.between(0, 59):02}:10Z"
    return text, {"timestamp": day, "language": "en", **meta}


def common_crawl(dump: str, dice: Dice, index: int) -> Document:
    """Return a page of a Common Crawl dump with the score of its classifier."""
    text, meta = crawled(dice, index)
    segment = f"{dump}/en_middle_{dice.between(0, 99):04}.json.gz/line{dice.between(1, 90_000)}"
    return text, {
        "pred_label": "__label__wiki",
        "pred_label_prob": dice.between(250, 990) / 1000,
        "source": f"cc/{segment}",
        **meta,
    }


def navigation(dice: Dice, index: int) -> Document:
    """Return a page without prose: menus, price lists, calendars. Half of Common Crawl is of this kind."""
    g = Grammar.of("web", dice)
    kinds = (
        "» {noun.s} ({#1-99})",
        "{#1-28}/{#1-12}/{#2009-2022} - {#0-23}:{#10-59} | ${#1-900}.{#10-99} | [+] {noun}",
        "* * * {noun} * * *",
        "<< {#1-9} {#10-19} {#20-29} ... {#100-900} >>",
        "[{noun}] [{noun.s}] [#{#1-999}]",
    )
    chosen = dice.shuffled(kinds)[:2]
    lines = [g.expand(dice.pick(chosen)) for _ in range(dice.between(20, 70))]
    return "\n".join(lines), {"url": f"https://{_host(g)}/?page={index}"}


def wiki(dice: Dice, index: int) -> Document:
    """Return an article with short paragraphs and headings."""
    g = Grammar.of("encyclopedia", dice)
    title = g.expand(dice.pick(("{place}", "{forename} {surname}", "{adj} {noun} of {place}")))
    parts = [title, g.paragraphs(dice.between(1, 2), 2, 4)]
    for heading in dice.shuffled(("History", "Geography", "Career", "Economy", "Culture", "Legacy"))[
        : dice.between(1, 4)
    ]:
        parts += [heading, g.paragraphs(dice.between(1, 2), 2, 4)]
    parts += ["See also", "\n".join(g.expand("{place} {noun}") for _ in range(3))]
    meta = {"title": title, "language": "en", "timestamp": "20230320", "url": f"https://en.wikipedia.example/{index}"}
    return "\n\n".join(parts), dict(meta)


def stackexchange(dice: Dice, index: int) -> Document:
    """Return a question with answers; two of three have code, which the recipe requires by a minimum of symbols."""
    g = Grammar.of("tech", dice)
    code = dice.chance(0.66)
    parts = [f"Q: {g.title('How do I {verb} {NP} {PP}?')}", g.sentences(2, 4), *_snippets(g, code)]
    for _ in range(dice.between(1, 2)):
        parts += [f"A: {g.sentences(1, 3)}", *_snippets(g, code)]
    site = dice.pick(("stackoverflow", "superuser", "unix", "tex", "math"))
    meta = {
        "language": "en",
        "url": f"https://{site}.example/questions/{index}",
        "question_score": str(dice.between(-2, 40)),
    }
    return "\n\n".join(parts), {**meta, "timestamp": f"2023-0{dice.between(1, 9)}-12", "source": "stackexchange"}


def hackernews(dice: Dice, index: int) -> Document:
    """Return a thread: a title, then comments of at least two authors."""
    g = Grammar.of("tech", dice)
    parts = [g.title(dice.pick(("Ask HN: How do you {verb} {NP}?", "Show HN: {NP1} for {NPP}", "{NP} {PP}"))), "======"]
    for _ in range(dice.between(2, 7)):
        parts += [g.expand("{surname}{#1-99}").lower(), g.sentences(2, 5), "------"]
    return "\n".join(parts[:-1]), {"pile_set_name": "HackerNews", "language": "en", "item": 30_000_000 + index}


def _snippets(g: Grammar, wanted: bool) -> list[str]:  # noqa: FBT001
    if not wanted:
        return [g.sentences(1, 2)]
    lines = (g.expand(g.dice.pick(_CODE)).replace("{{", "{").replace("}}", "}") for _ in range(g.dice.between(2, 5)))
    return ["\n".join(lines)]


def _host(g: Grammar) -> str:
    return g.expand("{place}").lower().replace(" ", "") + g.dice.pick((".example", "-shop.example", ".org.example"))


def _slug(g: Grammar) -> str:
    return g.expand("{adj} {noun}").lower().replace(" ", "-")
