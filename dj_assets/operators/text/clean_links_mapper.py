"""Replace links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from dj_assets.operators.kinds import links
from dj_assets.operators.kinds.substitution import SubstitutionMapper
from dj_assets.operators.registry import register

if TYPE_CHECKING:
    import regex


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
    # Without case, a-z also matches a dotted I, a long s and the Kelvin sign.
    trace: ClassVar[str] = (
        r"(?i)[\w\x{80}-\x{10FFFF}-]:[/%a-z0-9\x{130}\x{17F}\x{212A}]|www[^.]{0,3}\.|\.[a-z\x{130}\x{17F}\x{212A}]{2,4}/"
    )

    def replaced(self, word: str, expression: regex.Pattern[str]) -> str:
        """Return a word with every link replaced."""
        return links.replaced(word, expression, self.repl)
