from __future__ import annotations

from pathlib import Path

import pytest

from dj_assets.errors import SourceError
from dj_assets.sources.cells import ends_in_quotes
from tests.sources.reading import read, read_all, write


def test_the_header_names_the_columns_in_any_order(tmp_path: Path) -> None:
    parsed = read_all(tmp_path, "a.csv", b'n,"text",id\n1,a,x\n2,"b ""q"", c\nd",\n')
    assert parsed.rows.to_pylist() == [
        {"row": 0, "id": "x", "text": "a", "fields": {"n": "1", "text": None, "id": "x"}},
        {"row": 1, "id": "a.csv:1", "text": 'b "q", c\nd', "fields": {"n": "2", "text": None, "id": ""}},
    ]


def test_bad_rows_are_quarantined_with_line_and_byte(tmp_path: Path) -> None:
    content = b'text,n\n"a\nb",1\n\nc\nd,2,3\n\xff,4\ne,5\n'
    for block_bytes in (1, 9, 1 << 20):
        parsed = read_all(tmp_path, "a.csv", content, block_bytes=block_bytes)
        assert parsed.rows["text"].to_pylist() == ["a\nb", "e"]
        assert parsed.rows["row"].to_pylist() == [0, 5]
        assert [(reject.row, reject.error) for reject in parsed.rejects] == [
            (2, "1 cells instead of 2 at line 5 (row 2), byte 16"),
            (3, "3 cells instead of 2 at line 6 (row 3), byte 18"),
            (4, "invalid UTF-8 (invalid start byte 0xff, 0 bytes into the record) at line 7 (row 4), byte 24"),
        ]


@pytest.mark.parametrize("rest", [b"", b"b,2\n" * 100])
def test_a_quote_that_is_never_closed_costs_one_record(tmp_path: Path, rest: bytes) -> None:
    for block_bytes in (1, 50, 1 << 20):
        content = b'text,n\na,1\n"open,2\n' + rest + b"z,3\n"
        parsed = read_all(tmp_path, "a.csv", content, block_bytes=block_bytes, max_line_bytes=200)
        assert parsed.rows["text"].to_pylist() == ["a", *["b"] * rest.count(b"\n"), "z"]
        assert [reject.error for reject in parsed.rejects] == [
            "a quote is opened and never closed at line 3 (row 1), byte 11"
        ]


def test_an_overlong_row_is_skipped(tmp_path: Path) -> None:
    parsed = read_all(
        tmp_path, "a.csv", b"text\na\n" + b"x" * 999 + b'\n"open\n' + b"y" * 999 + b"\nb\n", max_line_bytes=99
    )
    assert parsed.rows["text"].to_pylist() == ["a", "b"]
    assert [reject.error for reject in parsed.rejects] == [
        "1000 bytes long, more than the 99 allowed, at line 3 (row 1), byte 7",
        "a quote is opened and never closed at line 4 (row 2), byte 1007",
        "1000 bytes long, more than the 99 allowed, at line 5 (row 3), byte 1013",
    ]


def test_a_cell_may_be_longer_than_the_csv_module_allows_by_itself(tmp_path: Path) -> None:
    parsed = read_all(tmp_path, "a.csv", b"text\n" + b"x" * 200_000)
    assert len(parsed.rows["text"][0].as_py()) == 200_000


def test_a_quote_inside_a_cell_is_a_character(tmp_path: Path) -> None:
    parsed = read_all(tmp_path, "a.csv", b'text,n\n5" disk,1\nb,2\n')
    assert parsed.rows["text"].to_pylist() == ['5" disk', "b"]


def test_empty_cells_of_a_tsv_are_a_record(tmp_path: Path) -> None:
    parsed = read_all(tmp_path, "a.tsv", b"text\tn\n\t\n\n")
    assert parsed.rows["text"].to_pylist() == [""]


def test_a_missing_column_is_marked(tmp_path: Path) -> None:
    (block,) = read(write(tmp_path, "a.csv", b"content,n\na,1\n"))
    assert block.missing_key == ("content", "n")
    assert [(reject.dropped, reject.error) for reject in block.rejects] == [(True, "no key 'text'")]


def test_a_missing_column_is_marked_where_every_row_is_refused(tmp_path: Path) -> None:
    (block,) = read(write(tmp_path, "a.csv", b"# made by a program\ntext,n\na,1\n"))
    assert block.missing_key == ("# made by a program",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,text\na,b\n", "names the column 'text' twice"),
        (b"te\xffxt\na\n", "the header .* invalid UTF-8"),
        (b'"text\na\n', "the header .* a quote is not closed"),
    ],
)
def test_a_header_that_cannot_be_used(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=rf"a\.csv: .*{message}"):
        read(write(tmp_path, "a.csv", content))


@pytest.mark.parametrize(
    ("line", "inside", "open_"),
    [
        (b"a,b\n", False, False),
        (b"a,b\n", True, True),
        (b'a,"b\n', False, True),
        (b'a,"b"\n', False, False),
        (b'a,"b""\n', False, True),
        (b'a",b\n', True, False),
        (b'a","b\n', True, True),
        (b'a"b,c"d\n', False, False),
        (b'"a"b"c,"d\n', False, True),
        (b'""\n', False, False),
        (b'"""\n', False, True),
    ],
)
def test_quotes_are_followed_over_line_ends(line: bytes, inside: bool, open_: bool) -> None:
    assert ends_in_quotes(line, b",", inside=inside) is open_
