from __future__ import annotations

from typing import Any

import pytest

from dj_assets.errors import RecipeError, SampleError
from dj_assets.operators.batch import Batch
from dj_assets.operators.text.extract_tables_from_html_mapper import CELLS, MARKUP, ExtractTablesFromHtmlMapper
from dj_assets.recipe.load import load_recipe

PEOPLE = (
    "<h1>People</h1><table border='1'><thead><tr><th>Name</th><th>Age</th></tr></thead>"
    "<tbody><tr><td> Zhang\n</td><td><b>2</b> 5</td></tr><tr></tr></tbody></table>"
)
ROWS = [["Name", "Age"], ["Zhang", "25"]]


def tables(html: str, **parameters: Any) -> Any:
    (column,) = ExtractTablesFromHtmlMapper(**parameters).extract(Batch.of_texts([html])).values()
    return column.to_pylist()[0]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("", []),
        ("<p>a table</p>", []),
        ("<tr><td>loose</td></tr>", []),
        ("<table></table><table><tr></tr></table>", []),
        (PEOPLE, [ROWS]),
        ("<TABLE><TR><TD>x<br>y</TD></TR></TABLE>" * 2, [[["xy"]], [["xy"]]]),
        ("<table><tr><td>x&amp;<!--c--><script>s</script><style>q</style></td></tr></table>", [[["x&"]]]),
        ("<table><tr><td>o<table><tr><td>i</td></tr></table></td></tr></table>", [[["oi"], ["i"]], [["i"]]]),
        # end tags may be left out in HTML
        ("<table><tr><td>a<td>b<tr><td>c</table>", [[["a", "b"], ["c"]]]),
    ],
)
def test_tables_are_lists_of_rows_of_texts(html: str, expected: object) -> None:
    assert tables(html) == expected


def test_the_header_and_the_tags() -> None:
    assert tables(PEOPLE, include_header=False) == [ROWS[1:]]
    assert tables("<table><tr><th>h</th></tr></table>", include_header=False) == []
    (kept,) = tables(PEOPLE, retain_html_tags=True, include_header=False)
    assert kept == PEOPLE.removeprefix("<h1>People</h1>").replace("'", '"')
    assert tables("<table><tr><td>a<br>", retain_html_tags=True) == [
        "<table><tbody><tr><td>a<br></td></tr></tbody></table>"
    ]


def test_the_field_and_its_type_follow_the_parameters() -> None:
    assert ExtractTablesFromHtmlMapper().fields == {"__dj__meta__.html_tables": CELLS}
    named = ExtractTablesFromHtmlMapper(tables_field_name="found", retain_html_tags=True)
    assert named.fields == {"__dj__meta__.found": MARKUP}
    with pytest.raises(RecipeError, match="tables_field_name: must be"):
        load_recipe({"process": [{"extract_tables_from_html_mapper": {"tables_field_name": ""}}]})


def test_hostile_pages_are_refused() -> None:
    deep = "<table><tr><td>" * 101
    with pytest.raises(SampleError, match="nested more than 100 deep"):
        tables(deep)
    assert len(tables(deep.removeprefix("<table><tr><td>"))) == 100
    with pytest.raises(SampleError, match="too deep"):
        tables("<table>" + "<div>" * 40_000)
