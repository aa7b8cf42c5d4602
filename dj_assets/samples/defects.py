"""Defects of real corpora, planted on purpose: each function makes one kind of defect."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dj_assets.samples.grammar import Dice, Grammar, foreign_sentences

_SYMBOLS = "#$%&*+/<=>@\\^_|~§¶†‡•◦■□▲▼◆○●★☆→←↑↓ -.,;:!?()[]{}"
_MILD_FLAGGED = ("butt", "crap", "damn", "sexy", "nude", "suck", "knob")
_FULL_WIDTH = {ord(char): chr(ord(char) + 0xFEE0) for char in "!(),:;?"}
_BLANKS = ("\u00a0", "\u2003", "\u200b", "\u3000", "\t", "\u2009 ")


def email(dice: Dice, text: str) -> str:
    """Return the text with an address in it."""
    g = Grammar.of("web", dice)
    address = g.expand("{forename}.{surname}@{noun}.example").lower().replace(" ", "")
    return _with_sentence(dice, text, f"For {g.expand('{mass}')} write to {address} please.")


def link(dice: Dice, text: str) -> str:
    """Return the text with a link in it."""
    g = Grammar.of("web", dice)
    address = g.expand("https://www.{surname}{#1-99}.example/{noun}/{#1-900}?q={noun}").lower().replace(" ", "-")
    return _with_sentence(dice, text, f"More about {g.expand('{NP}')} at {address} and elsewhere.")


def mojibake(dice: Dice, text: str) -> str:
    """Return the text with a sentence whose UTF-8 was read as Latin-1."""
    g = Grammar.of("fiction", dice)
    spoken = g.expand("“The naïve {noun} at the café,” said Zoë, “isn’t {adj} – it’s déjà vu.”")
    return _with_sentence(dice, text, spoken.encode("utf-8").decode("latin-1"))


def typographic(dice: Dice, text: str) -> str:
    """Return the text with curly quotes, and full-width punctuation in its second half."""
    half = len(text) // 2
    return _with_sentence(
        dice, text[:half].replace("'", "’").replace(' "', " “") + text[half:].translate(_FULL_WIDTH), "“So it is …”"
    )


def odd_white_space(dice: Dice, text: str) -> str:
    """Return the text with unusual blanks instead of some of its spaces, and with blanks around it."""
    words = text.split(" ")
    joined = "".join(word + (dice.pick(_BLANKS) if dice.chance(0.03) else " ") for word in words)
    return f" \u00a0\n{joined}\n\t "


def flagged(dice: Dice, text: str) -> str:
    """Return the text with a few mild words of the usual lists of bad words."""
    for word in dice.shuffled(_MILD_FLAGGED)[:3]:
        text = _with_sentence(dice, text, f"What a {word} {Grammar.of('web', dice).expand('{noun}')} that was!")
    return text


def near_duplicate(dice: Dice, text: str) -> str:
    """Return the text with two adjacent words changed, in the middle of a line."""
    words = text.split(" ")
    at = dice.between(len(words) // 3, len(words) // 2)
    words[at : at + 2] = Grammar.of("web", dice).expand("{adj} {noun}").split(" ")[:2]
    return " ".join(words)


def foreign(dice: Dice, _: Grammar) -> str:
    """Return a document in French, German, Spanish, Chinese or, twice as often, Russian or Arabic."""
    stock = foreign_sentences()
    sentences = dice.shuffled(stock[dice.pick(("ar", "de", "es", "fr", "ru", "zh", "ar", "ru"))])
    return " ".join(sentences[: dice.between(4, 9)])


def symbols(dice: Dice, g: Grammar) -> str:
    """Return lines of symbols with a few words."""
    lines = []
    for _ in range(dice.between(6, 20)):
        soup = "".join(dice.pick(_SYMBOLS) for _ in range(dice.between(20, 80)))
        lines.append(f"{soup} {g.expand('{noun}')} {soup[::-1][:20]}")
    return "\n".join(lines)


def repeated(dice: Dice, g: Grammar) -> str:
    """Return one sentence, repeated many times."""
    return "\n".join([g.sentence()] * dice.between(20, 50))


def short(dice: Dice, g: Grammar) -> str:
    """Return a document of two to four words."""
    return " ".join(g.expand("{noun}") for _ in range(dice.between(2, 4)))


def fragment(_: Dice, g: Grammar) -> str:
    """Return a document of one to three sentences."""
    return g.sentences(1, 3)


def scrambled(dice: Dice, _: Grammar) -> str:
    """Return words of random letters."""
    return " ".join(
        "".join(dice.pick("abcdefghijklmnopqrstuvwxyz") for _ in range(dice.between(2, 9)))
        for _ in range(dice.between(60, 200))
    )


def long_line(_: Dice, g: Grammar) -> str:
    """Return prose of more than 8000 characters without a line break."""
    return _prose(g, 8_000, " ")


def _prose(g: Grammar, characters: int, gap: str) -> str:
    parts: list[str] = []
    while sum(map(len, parts)) <= characters:
        parts.append(g.sentences(3, 5))
    return gap.join(parts)


def very_long(characters: int) -> Callable[[Dice, Grammar], str]:
    """Return a maker of documents that are slightly longer than the given number of characters."""
    return lambda _, g: _prose(g, characters, "\n")


def _with_sentence(dice: Dice, text: str, sentence: str) -> str:
    # Between two sentences of the text, or at its end if it has only one.
    positions = [at + 2 for at in range(len(text)) if text.startswith(". ", at)]
    at = dice.pick(positions) if positions else len(text)
    return f"{text[:at]}{sentence} {text[at:]}" if positions else f"{text} {sentence}"


BLEMISHES: Mapping[str, Callable[[Dice, str], str]] = {
    "email": email,
    "link": link,
    "mojibake": mojibake,
    "typographic": typographic,
    "odd_white_space": odd_white_space,
    "flagged": flagged,
}
RUBBISH: Mapping[str, Callable[[Dice, Grammar], str]] = {
    "foreign": foreign,
    "symbols": symbols,
    "repeated": repeated,
    "short": short,
    "fragment": fragment,
    "scrambled": scrambled,
    "long_line": long_line,
}
