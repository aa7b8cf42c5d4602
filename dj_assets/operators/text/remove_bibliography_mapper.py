"""Remove bibliographies and appendices at the end of LaTeX."""

from __future__ import annotations

import pyarrow.compute as pc

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import compiled, rewrite
from dj_assets.operators.registry import register

_OPEN = r"\\bibliography\{"
MARKER = rf"\\appendix|\\begin\{{(?:references|REFERENCES|thebibliography)\}}|{_OPEN}"


@register("remove_bibliography_mapper")
class RemoveBibliographyMapper(Mapper):
    r"""Remove the end of LaTeX from its bibliography or appendix on.

    The first of `\appendix`, `\begin{references}`, `\begin{REFERENCES}`, `\begin{thebibliography}` and
    `\bibliography{…}` ends the text. A text without any of these is left unchanged.
    """

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without bibliographies."""
        return rewrite(batch, pc.match_substring_regex(batch.text, MARKER), _before_marker)


def _before_marker(text: str) -> str:
    last_brace = text.rfind("}")
    for marker in compiled(MARKER, 0).finditer(text):
        if not marker[0].endswith("{") or last_brace >= marker.end():
            return text[: marker.start()]
    return text
