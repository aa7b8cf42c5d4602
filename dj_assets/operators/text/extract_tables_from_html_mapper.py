"""Extract the tables of HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

import pyarrow as pa
from pydantic import Field

from dj_assets.errors import SampleError
from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.html import check_cost
from dj_assets.operators.kinds.substitution import compiled
from dj_assets.operators.registry import register

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

# Elements whose content is no text of a cell.
NO_TEXT = ["script", "style", "template", "rt", "rp"]
# A table contains the rows and texts of those inside of it, so the output grows with the depth.
DEEPEST = 100
MARKUP = pa.list_(pa.string())
CELLS = pa.list_(pa.list_(pa.list_(pa.string())))


@register("extract_tables_from_html_mapper")
class ExtractTablesFromHtmlMapper(FieldMapper):
    """Write the tables of HTML into the field `tables_field_name` of `__dj__meta__`; a text without tables has none.

    A table is a list of rows, a row a list of the texts of its cells, each text without outer white space. Rows without
    cells and tables without rows are left out. A table inside another one is listed by itself, too, and its rows are
    also rows of the outer one. Without `include_header`, rows with a header cell (`<th>`) are left out. With
    `retain_html_tags`, a table is its HTML as the parser Lexbor writes it.

    A page is quarantined if parsing it would take more than seconds, or if tables are nested more than 100 deep.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = cast(
        "Mapping[str, pa.DataType]",
        ByParameters(
            lambda operator: {f"{META}.{operator.tables_field_name}": MARKUP if operator.retain_html_tags else CELLS}
        ),
    )

    tables_field_name: str = Field("html_tables", min_length=1)
    retain_html_tags: bool = False
    include_header: bool = True

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the tables of every text."""
        ((name, kind),) = self.fields.items()
        return {name: pa.array([self._tables(text) for text in batch.text.to_pylist()], kind)}

    def _tables(self, html: str) -> list[str] | list[list[list[str]]]:
        if "<table" not in html.lower():
            return []
        from selectolax.lexbor import LexborHTMLParser

        check_cost(html)
        _check_depth(html)
        tree = LexborHTMLParser(html)
        if self.retain_html_tags:
            return [str(table.html) for table in tree.css("table")]
        tree.strip_tags(NO_TEXT)
        tables = ([self._cells(row) for row in table.css("tr")] for table in tree.css("table"))
        return [rows for table in tables if (rows := [cells for cells in table if cells])]

    def _cells(self, row: LexborNode) -> list[str]:
        cells = [cell for cell in row.iter() if cell.tag in {"td", "th"}]
        if not self.include_header and any(cell.tag == "th" for cell in cells):
            return []
        return [cell.text(strip=True) for cell in cells]


def _check_depth(html: str) -> None:
    depth = 0
    for tag in compiled("(?i)<(/?)table", 0).finditer(html):
        depth = max(0, depth + (-1 if tag[1] else 1))
        if depth > DEEPEST:
            raise SampleError(f"tables nested more than {DEEPEST} deep")
