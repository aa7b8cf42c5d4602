"""Archives of web crawls: WARC with pages, WET with extracted text, whole and damaged."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import pyarrow as pa
import pytest
from warcio.archiveiterator import ArchiveIterator

from dj_assets.errors import UnreadableFileError, UserError
from dj_assets.models import extras
from dj_assets.sources.blocks import Parsed
from dj_assets.sources.formats.web_pages import MOST_HTML_BYTES
from dj_assets.sources.readers import Reader
from dj_assets.sources.sources import SourceFile
from tests.sources.crawls import Archive, crawl, page
from tests.sources.reading import read, together


def read_crawl(folder: Path, content: bytes, name: str = "a.warc.gz", **options: object) -> Parsed:
    (folder / name).write_bytes(content)
    return together(read(SourceFile.at(folder / name), **options))


def errors(parsed: Parsed) -> list[tuple[int, bool, str]]:
    return [(reject.row, reject.dropped, reject.error) for reject in parsed.rejects]


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_pages_become_samples(tmp_path, name):
    content = crawl(3, packed=name.endswith("gz")).content
    parsed = read_crawl(tmp_path, content, name)
    texts = parsed.rows["text"].to_pylist()
    assert [f"lighthouse number {number} stands" in text for number, text in enumerate(texts)] == [True] * 3
    assert all("Its keeper" in text and "Home" not in text and "imprint" not in text for text in texts)
    # request, response and metadata of each page, after the record about the archive
    assert parsed.rows["row"].to_pylist() == [2, 5, 8]
    known = [record.rec_headers for record in ArchiveIterator(io.BytesIO(content)) if record.rec_type == "response"]
    assert parsed.rows["id"].to_pylist() == [headers["WARC-Record-ID"].strip("<>") for headers in known]
    fields = parsed.rows["fields"][0].as_py()
    assert '"url":"http://example.org/0"' in fields
    assert '"content_type":"text/html"' in fields
    assert not parsed.rejects


def test_extracted_text_stays_as_it_is(tmp_path):
    archive = Archive(packed=True)
    archive.add_information()
    archive.add_text(0, "Menu\n  First line.\nSecond line — «quoted».\n")
    parsed = read_crawl(tmp_path, archive.content, "CC-MAIN-1.warc.wet.gz")
    assert parsed.rows["text"].to_pylist() == ["Menu\n  First line.\nSecond line — «quoted».\n"]
    assert '"languages":"eng"' in parsed.rows["fields"][0].as_py()


def test_records_without_a_text_are_dropped_with_the_reason(tmp_path):
    archive = Archive(packed=True)
    archive.add_page(0, page(0).encode(), status="404 Not Found")
    archive.add("response", b"\x89PNG", "http://x/a.png", http_headers=headers("image/png"))
    archive.add("response", b"<html><body></body></html>", "http://x/", http_headers=headers("text/html"))
    archive.add("response", b"Just a note.", "http://x/n", http_headers=headers("text/plain"))
    parsed = read_crawl(tmp_path, archive.content)
    assert parsed.rows["text"].to_pylist() == ["Just a note."]
    assert errors(parsed) == [
        (1, True, "no page: the server answered with status 404"),
        (3, True, "no text, but image/png"),
        (4, True, "no text: nothing but markup and navigation"),
    ]


def headers(kind: str, *more: tuple[str, str]):
    from warcio.statusandheaders import StatusAndHeaders

    return StatusAndHeaders("200 OK", [("Content-Type", kind), *more], protocol="HTTP/1.1")


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", lambda body: pa.compress(body, "brotli", asbytes=True)),
        ("zstd", lambda body: pa.compress(body, "zstd", asbytes=True)),
        # crawlers unpack bodies, and some leave the header
        ("gzip", lambda body: body),
    ],
)
def test_bodies_are_unpacked(tmp_path, encoding, pack):
    body = pack(page(7).encode())
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:100], body[100:])) + b"0\r\n\r\n"
    archive = Archive(packed=True)
    archive.add_page(0, body, [("Content-Encoding", encoding)])
    archive.add_page(1, chunked, [("Content-Encoding", encoding), ("Transfer-Encoding", "chunked")])
    texts = read_crawl(tmp_path, archive.content).rows["text"].to_pylist()
    assert len(texts) == 2
    assert all("lighthouse number 7" in text for text in texts)


@pytest.mark.parametrize(
    ("charset", "declared"),
    [("iso-8859-1", "text/html; charset=iso-8859-1"), ("utf-8", "text/html"), ("utf-8", "text/html; charset=zlib")],
)
def test_the_encoding_is_the_declared_or_the_detected_one(tmp_path, charset, declared):
    body = page(1).replace("lighthouse", "Leuchtturm für Schüler").encode(charset)
    archive = Archive(packed=True)
    archive.add("response", body, "http://x/", http_headers=headers(declared))
    assert "Leuchtturm für Schüler" in read_crawl(tmp_path, archive.content).rows["text"][0].as_py()


def test_a_body_that_unpacks_to_too_much_is_quarantined(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_MAX_RECORD_MB", "1")
    archive = Archive(packed=True)
    for number, pack in enumerate((gzip.compress, lambda body: pa.compress(body, "brotli", asbytes=True))):
        name = ("gzip", "br")[number]
        archive.add_page(number, pack(b" " * (64 << 20)), [("Content-Encoding", name)])
    archive.add_page(2, page(2).encode())
    parsed = read_crawl(tmp_path, archive.content)
    assert parsed.rows.num_rows == 1
    assert [row for row, dropped, error in errors(parsed) if "unpacked more than" in error and not dropped] == [1, 4]


def test_a_record_that_is_too_long_is_skipped(tmp_path):
    archive = Archive(packed=True)
    archive.add_page(0, b"<html>" + b" " * 3_000_000)
    archive.add_page(1, page(1).encode())
    parsed = read_crawl(tmp_path, archive.content, max_line_bytes=100_000)
    assert parsed.rows.num_rows == 1
    assert "more than the 100000 allowed, at record 2 (row 1)" in parsed.rejects[0].error


def test_too_much_html_is_quarantined(tmp_path):
    archive = Archive(packed=True)
    archive.add_page(0, b"<html><p>" + b"a " * (MOST_HTML_BYTES // 2 + 1))
    parsed = read_crawl(tmp_path, archive.content, max_line_bytes=64 << 20)
    assert "of HTML, more than the" in parsed.rejects[0].error


@pytest.mark.parametrize("tag", [b"<div>", b"<span>", b"<b><p>"])
def test_html_that_takes_too_long_is_quarantined(tmp_path, tag):
    archive = Archive(packed=True)
    archive.add_page(0, b"<html><body>" + tag * 100_000 + b"text")
    archive.add_page(1, page(1).encode())
    parsed = read_crawl(tmp_path, archive.content)
    assert parsed.rows.num_rows == 1
    assert "in time" in parsed.rejects[0].error


def test_a_damaged_member_costs_its_record(tmp_path):
    archive = crawl(4)
    content = bytearray(archive.content)
    # the response of page 1, and the request of page 3
    for start in (archive.starts[5], archive.starts[10]):
        content[start + 60 : start + 70] = b"\xff" * 10
    parsed = read_crawl(tmp_path, bytes(content))
    assert parsed.rows["row"].to_pylist() == [2, 8, 11]
    assert [(row, dropped) for row, dropped, _ in errors(parsed)] == [(5, False), (10, False)]
    assert "damaged record: the gzip stream is damaged" in parsed.rejects[0].error
    assert "at record 6 (row 5)" in parsed.rejects[0].error


@pytest.mark.parametrize("record", [4, 5, 12])
def test_a_wrong_checksum_costs_its_record(tmp_path, record):
    archive = crawl(4)
    content = bytearray(archive.content)
    end = [*archive.starts, len(content)][record + 1]
    content[end - 8] ^= 1
    parsed = read_crawl(tmp_path, bytes(content))
    assert [row for row, *_ in errors(parsed)] == [record]
    assert parsed.rows["row"].to_pylist() == [row for row in (2, 5, 8, 11) if row != record]


def test_the_last_record_may_be_damaged(tmp_path):
    archive = crawl(2)
    content = bytearray(archive.content)
    content[archive.starts[-1] + 40 : archive.starts[-1] + 60] = b"\0" * 20
    parsed = read_crawl(tmp_path, bytes(content))
    assert parsed.rows.num_rows == 2
    assert [row for row, *_ in errors(parsed)] == [6]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Content-Length: ", b"Content-Length: -"),
        (b"WARC/1.0\r\nWARC-Type: response", b"WXRC/1.0\r\nWARC-Type: response"),
        (b"Content-Length: ", b"Content-Length: 1"),
        (b"Content-Length: ", b"Content-Length: 0000000000001"),
        (b"Content-Length: ", b"Content-Length: 000000"),
    ],
)
def test_a_damaged_header_costs_its_record(tmp_path, old, new):
    archive = crawl(4, packed=False)
    content, start = archive.content, archive.starts[5]
    damaged = content[:start] + content[start:].replace(old, new, 1)
    parsed = read_crawl(tmp_path, damaged, "a.warc")
    kept = {2, 8, 11} if new[-6:] != b"000000" else {2, 5, 8, 11}
    texts = parsed.rows["text"].to_pylist()
    assert len(texts) == len(kept)
    assert [f"number {number}" in text for number, text in zip((0, 2, 3), texts, strict=False)] or len(kept) == 4
    assert len(parsed.rejects) == 4 - len(kept)
    assert all("damaged record" in error and "row 5" in error for _, _, error in errors(parsed))


def test_every_single_flipped_byte_is_survived(tmp_path):
    whole = crawl(2, packed=False).content
    for at in range(0, len(whole), 23):
        content = bytearray(whole)
        content[at] ^= 0x15
        parsed = read_crawl(tmp_path, bytes(content), "a.warc")
        assert parsed.rows.num_rows + len(parsed.rejects) in {1, 2, 3}, at
        assert parsed.rows.num_rows >= 1, at


def test_every_single_flipped_byte_of_a_packed_archive_is_survived(tmp_path):
    whole = crawl(2).content
    for at in range(0, len(whole), 17):
        content = bytearray(whole)
        content[at] ^= 0x15
        try:
            parsed = read_crawl(tmp_path, bytes(content))
        except UnreadableFileError as error:
            # neither the name of the format at the beginning, nor a length that leads over the end
            assert at < 3 or "breaks off" in str(error), at
            continue
        assert parsed.rows.num_rows >= 1, at


def test_an_archive_that_breaks_off_is_an_error(tmp_path):
    for name, packed in (("a.warc.gz", True), ("a.warc", False)):
        content = crawl(2, packed=packed).content
        with pytest.raises(UnreadableFileError, match=r"breaks off.*the file is incomplete or damaged; fetch it again"):
            read_crawl(tmp_path, content[: -len(content) // 5], name)


def test_another_file_with_this_name_is_named(tmp_path):
    with pytest.raises(UnreadableFileError, match="is Parquet, although its name says something else"):
        read_crawl(tmp_path, b"PAR1\x15" + b"\0" * 100, "a.warc")


def test_blocks_and_limit_change_nothing(tmp_path):
    content = crawl(20).content
    whole = read_crawl(tmp_path, content)
    small = read_crawl(tmp_path, content, block_bytes=1000)
    assert small.rows.equals(whole.rows)
    assert read_crawl(tmp_path, content, limit=3).rows.equals(whole.rows.slice(0, 3))
    reader = Reader(SourceFile.at(tmp_path / "a.warc.gz"), 0)
    assert [*reader.blocks()]
    import hashlib

    assert reader.sha256 == hashlib.sha256(content).hexdigest()


def test_without_the_package_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "installed", lambda package: False)
    with pytest.raises(UserError, match=r"pip install 'dj_assets\[crawl\]'"):
        read_crawl(tmp_path, crawl(1).content)
