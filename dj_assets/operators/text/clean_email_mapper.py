"""Replace e-mail addresses."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.substitution import SubstitutionMapper
from dj_assets.operators.registry import register

_LOCAL = r"[A-Za-z0-9.\-+_]"


@register("clean_email_mapper")
class CleanEmailMapper(SubstitutionMapper):
    """Replace e-mail addresses: a local part, `@`, a lower-case domain. Text without `@` is left unchanged.

    A match starts at the start of a run of local characters, or at the end of the last match. The pattern states this
    explicitly, which keeps the time linear.
    """

    default_pattern: ClassVar[str] = rf"(?:\G|(?<!{_LOCAL})){_LOCAL}++@[a-z0-9.\-+_]+\.[a-z]+"
    neighbours: ClassVar[tuple[tuple[str, str], ...]] = ((r"A-Za-z0-9.\-+_", "@"),)
    trace: ClassVar[str] = r"@[a-z0-9.\-+_]+\.[a-z]"
