"""Replace IP addresses."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.substitution import SubstitutionMapper
from dj_assets.operators.registry import register

_OCTET = "(?:1[0-9][0-9]|2[0-4][0-9]|25[0-5]|[1-9][0-9]|[0-9])"
_HEX = "[0-9a-fA-F]{1,4}"


@register("clean_ip_mapper")
class CleanIpMapper(SubstitutionMapper):
    """Replace IPv4 addresses, and IPv6 addresses written in full (eight groups, no `::`).

    An address may be part of a longer number: in `1.2.3.456` the part `1.2.3.45` is replaced.
    """

    default_pattern: ClassVar[str] = rf"(?:{_OCTET}\.){{3}}{_OCTET}|(?:{_HEX}:){{7}}{_HEX}"
    neighbours: ClassVar[tuple[tuple[str, str], ...]] = (("0-9", "."), ("0-9a-fA-F", ":"))
    trace: ClassVar[str] = rf"(?:[0-9]{{1,3}}\.){{3}}[0-9]|(?:{_HEX}:){{7}}[0-9a-fA-F]"
