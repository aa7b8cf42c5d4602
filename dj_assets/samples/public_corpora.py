"""Documents of the public and literary corpora: EuroParl, FreeLaw, USPTO backgrounds, books."""

from __future__ import annotations

from dj_assets.samples.grammar import Dice, Grammar

Document = tuple[str, dict[str, object]]
_GROUPS = ("PPE-DE", "PSE", "ALDE", "Verts/ALE", "GUE/NGL", "UEN", "NI")


def europarl(dice: Dice, index: int) -> Document:
    """Return the speeches on one item of an agenda."""
    g = Grammar.of("parliament", dice)
    parts = [f"{index % 20 + 1}. {g.title()} (debate)"]
    for _ in range(dice.between(2, 6)):
        parts += [f"{g.name()} ({dice.pick(_GROUPS)})", "– " + g.paragraphs(dice.between(1, 2), 3, 6, gap="\n")]
        if dice.chance(0.2):
            parts.append("(Applause)")
    return "\n".join(parts), {"pile_set_name": "EuroParl", "language": "en", "sitting": f"2006-{index % 12 + 1:02}-14"}


def freelaw(dice: Dice, index: int) -> Document:
    """Return an opinion with its caption, numbered footnotes and disposition."""
    g = Grammar.of("law", dice)
    first, second = g.expand("{surname}"), g.expand("{surname}")
    docket = g.expand("{#60-99}-{#1000-9999}")
    court = g.expand("{place} Court of Appeals. {month} {#1-28}, {#1961-2016}.")
    caption = f"{first.upper()} v. {second.upper()}\n\nNo. {docket}\n\n{court}"
    parts = [caption, f"{g.expand('{surname}').upper()}, Circuit Judge."]
    for numeral in ("I", "II", "III", "IV")[: dice.between(2, 4)]:
        parts += [numeral + ".", g.paragraphs(dice.between(1, 4), 3, 7)]
    parts += [f"{mark} {g.sentences(1, 2)}" for mark in ("1", "2")[: dice.between(0, 2)]]
    parts.append(
        dice.pick(("AFFIRMED.", "REVERSED AND REMANDED.", "The judgment is affirmed in part and vacated in part."))
    )
    meta = {"pile_set_name": "FreeLaw", "language": "en", "case_name": f"{first} v. {second}"}
    return "\n\n".join(parts), {**meta, "case_ID": f"{index:06}.json"}


def uspto(dice: Dice, index: int) -> Document:
    """Return the background section of a patent."""
    g = Grammar.of("patent", dice)
    parts = ["BACKGROUND OF THE INVENTION", f"1. Field of the Invention\n{g.sentences(1, 2)}"]
    parts += [f"2. Description of the Prior Art\n{g.paragraphs(dice.between(2, 5), 3, 7)}"]
    if dice.chance(0.5):
        parts += ["SUMMARY", g.sentences(2, 4)]
    return "\n".join(parts), {
        "pile_set_name": "USPTO Backgrounds",
        "language": "en",
        "patent": f"US{9_000_000 + index}",
    }


def book(dice: Dice, index: int) -> Document:
    """Return the opening chapters of a novel."""
    g = Grammar.of("fiction", dice)
    title, author = g.title("{DET2} {adj} {noun.s} of {place}"), g.name()
    parts = [title.upper(), f"by {author}"]
    for chapter in range(1, dice.between(3, 4)):
        parts += [f"Chapter {chapter}", g.paragraphs(dice.between(9, 13), 3, 7)]
    return "\n\n".join(parts), {
        "short_book_title": title,
        "author": author,
        "publication_date": dice.between(1820, 1930),
        "url": f"https://books.example/{index:04}",
    }
