"""Replace links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from dj_assets.operators.kinds import links
from dj_assets.operators.kinds.substitution import SubstitutionMapper
from dj_assets.operators.registry import register

if TYPE_CHECKING:
    import regex

_LETTER = r"[a-z\x{130}\x{17F}\x{212A}]"


@register("clean_links_mapper")
class CleanLinksMapper(SubstitutionMapper):
    r"""Replace links: `scheme:...`, `www...`, `host.tld/...`, with balanced parentheses (after John Gruber, 2010).

    The pattern also matches `note:this`; it does not match `10:30` and `C:\x`.
    """

    default_pattern: ClassVar[str] = links.PATTERN
    default_flags: ClassVar[int] = int(re.IGNORECASE)
    neighbours: ClassVar[tuple[tuple[str, str], ...]] = (
        (":", r"/%a-zA-Z0-9\x80-\xff"),
        ("Ww", "Ww"),
        (r"a-zA-Z\x80-\xff", "/"),
    )
    # Without case, a-z also matches a dotted I, a long s and the Kelvin sign. A link has at least two characters behind
    # its head, which leaves out cells (`A1:B2`); its scheme begins with a letter, which leaves out times (`10:30:00`).
    trace: ClassVar[str] = (
        rf"(?is){_LETTER}[\w\x{{80}}-\x{{10FFFF}}-]+:(?:[/%0-9]|{_LETTER}).{{2}}"
        rf"|www[^.]{{0,3}}\..{{2}}|\.{_LETTER}{{2,4}}/.{{2}}"
    )

    def replaced(self, word: str, expression: regex.Pattern[str]) -> str:
        """Return a word with every link replaced."""
        return links.replaced(word, expression, self.repl)
