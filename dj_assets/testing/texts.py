"""Texts on which an operator is checked: empty, short, repeated, of several scripts, with rare characters."""

from __future__ import annotations

TEXTS = (
    "",
    "a",
    "The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog.",
    "nul \x00 in the middle, \x00",
    "replacement \ufffd and noncharacters \uffff \U0010ffff \ufdd0",
    "数据质量决定模型质量。数据质量决定模型质量。",
    "قرأت كتابا عن تاريخ المدينة",
    "emoji 😀 👩\u200d👩\u200d👧 🏳️\u200d🌈",
    "cafe\u0301 e\u0323\u0302 \u0301",
    "line\r\nbreaks\rof\x85every\u2028kind\n\n",
    "  \t\u3000 ",
    "someone@example.com http://example.com/a_(b) www.example.org note:this",
    "ÃƒÂ© &amp; <b> \x1b[31m “quoted”",
    "İSTANBUL ΣΟΦΟΣ ẞ Ø",
)
