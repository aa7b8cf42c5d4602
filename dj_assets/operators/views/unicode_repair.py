"""Tabulate single characters: those that ftfy leaves unchanged, replaces, or must examine itself."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import compress
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from dj_assets.operators.views.mojibake import CODE_POINTS, suspicion

if TYPE_CHECKING:
    from dj_assets.kernels.replacements import Replacements
    from dj_assets.kernels.unicode_repair import Characters

# The fixers of ftfy that work on single characters.
_FIXERS = ("fix_latin_ligatures", "fix_character_width", "uncurl_quotes", "remove_control_chars")
_PRINTABLE = frozenset(map(chr, range(32, 127))) - {"&"}
# Later planes hold no characters with decompositions: ideographs, tags, private use.
_DECOMPOSITIONS_END = 0x30000
_HANGUL_VOWELS_AND_FINALS = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))
# Categories of characters that ftfy examines itself: control characters, surrogates, unassigned ones, line breaks.
_LEFT_OUT = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
# Characters that are compared together.
_BLOCK = 64


Form = Literal["NFC", "NFKC", "NFD", "NFKD"]
Bytes = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.uint64]
Set = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RepairTables:
    """Hold the tables for one normalization form; `replaced` maps the replaced characters, for `str.translate`.

    `kinds` has the kind of every character below `CODE_POINTS`.
    """

    characters: Characters
    replacements: Replacements
    replaced: dict[int, str]
    kinds: bytes

    def has_only_known(self, line: str) -> bool:
        """Return whether all characters are left, replaced or normalized: none is for ftfy itself to examine."""
        from dj_assets.kernels.unicode_repair import ASK

        if line.isascii() and line.removesuffix("\n").isprintable():
            return True
        points = [*map(ord, set(line))]
        return max(points, default=0) < CODE_POINTS and ASK not in map(self.kinds.__getitem__, points)


@cache
def repair_tables(form: Form) -> RepairTables:
    """Return the tables of a normalization form, computed with the installed version of ftfy."""
    from dj_assets.kernels.replacements import replacements
    from dj_assets.kernels.unicode_repair import ASK, MARK, REPLACED, SAFE

    table = suspicion()
    second = table.second.copy()
    replaced = {}
    seconds = _seconds_of_compositions()
    plain, characters = _examined(form, seconds)
    kinds = np.where(plain & ~table.alone, np.uint8(SAFE), np.uint8(ASK))
    # a line feed composes with nothing, so each character is normalized separately
    fixed_characters = _fixed("\n".join(characters)).split("\n")
    normalized = unicodedata.normalize(form, "\n".join(fixed_characters)).split("\n")
    for character, fixed, normal in zip(characters, fixed_characters, normalized, strict=True):
        point = ord(character)
        if normal != fixed or table.alone[point]:
            continue
        if fixed == character:
            mark = unicodedata.combining(character) or character in seconds
            kinds[point] = MARK if mark else SAFE
        elif 0 < len(fixed) <= len(character.encode()) and _PRINTABLE.issuperset(fixed):
            kinds[point] = REPLACED
            # the replacement may be suspicious after the preceding character, too
            second[point] |= table.second[ord(fixed[0])]
            replaced[point] = fixed
    kinds[9] = kinds[10] = SAFE
    return RepairTables(
        _classes(kinds, table.first, second),
        replacements({chr(point): fixed for point, fixed in replaced.items()}),
        replaced,
        kinds.tobytes(),
    )


def _examined(form: Form, seconds: frozenset[str]) -> tuple[Set, list[str]]:
    """Flag the characters that surely stay as they are; return all others that are assigned, to be examined singly.

    Control characters and line breaks are neither. Whole blocks of characters are compared first, as nothing changes
    most of them. Marks and `seconds` are examined in any case, as what matters is the character before them.
    """
    from dj_assets.kernels.code_points import all_characters

    points = all_characters(CODE_POINTS)
    categories = list(map(unicodedata.category, points))
    names = list(set(categories))
    numbers = {name: number for number, name in enumerate(names)}
    of_points = np.frombuffer(bytes(map(numbers.__getitem__, categories)), np.uint8)
    flags = np.array([name not in _LEFT_OUT for name in names])[of_points]
    starts = range(0, CODE_POINTS, _BLOCK)
    blocks = ["".join(compress(points[at : at + _BLOCK], flags[at : at + _BLOCK].tolist())) for at in starts]
    same = [
        block == fixed and unicodedata.is_normalized(form, block)
        for block, fixed in zip(blocks, _fixed("\n".join(blocks)).split("\n"), strict=True)
    ]
    examined = flags & ~np.repeat(same, _BLOCK)
    examined |= np.array([name.startswith("M") for name in names])[of_points]
    examined[[ord(character) for character in seconds if ord(character) < CODE_POINTS]] = True
    examined &= flags
    return flags & ~examined, [points[at] for at in np.flatnonzero(examined).tolist()]


def _fixed(text: str) -> str:
    """Return a text after the fixers of ftfy that work on single characters."""
    from ftfy import fixes

    for name in _FIXERS:
        text = getattr(fixes, name)(text)
    return text


def _seconds_of_compositions() -> frozenset[str]:
    """Return the characters that may compose with the character before them."""
    from dj_assets.kernels.code_points import all_characters

    points = all_characters(_DECOMPOSITIONS_END)
    blocks = (points[at : at + _BLOCK] for at in range(0, len(points), _BLOCK))
    decomposed = "".join(block for block in blocks if not unicodedata.is_normalized("NFD", block))
    decompositions = filter(None, map(unicodedata.decomposition, decomposed))
    canonical = [parts.split() for parts in decompositions if not parts.startswith("<")]
    return frozenset(map(chr, _HANGUL_VOWELS_AND_FINALS)) | {chr(int(p[1], 16)) for p in canonical if len(p) == 2}


def _classes(kinds: Bytes, first: Masks, second: Masks) -> Characters:
    """Assign one class to equal characters."""
    from dj_assets.kernels.unicode_repair import Characters

    firsts, of_first = _numbered(first)
    seconds, of_second = _numbered(second)
    # one number for the three columns
    codes = (kinds.astype(np.int64) * len(firsts) + of_first) * len(seconds) + of_second
    present = np.flatnonzero(np.bincount(codes))
    classes = np.zeros(present[-1] + 1, np.uint16)
    classes[present] = np.arange(len(present))
    rest, which_second = np.divmod(present, len(seconds))
    kind, which_first = np.divmod(rest, len(firsts))
    return Characters(classes[codes], kind.astype(np.uint8), firsts[which_first], seconds[which_second])


def _numbered(masks: Masks) -> tuple[Masks, npt.NDArray[np.int64]]:
    """Return the distinct masks, 0 first, and the number of each mask; nearly all are 0 and need no sorting."""
    used = np.flatnonzero(masks)
    distinct, which = np.unique(masks[used], return_inverse=True)
    numbers = np.zeros(len(masks), np.int64)
    numbers[used] = which + 1
    return np.concatenate((np.zeros(1, masks.dtype), distinct)), numbers
