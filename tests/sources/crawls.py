"""Archives of crawls in the form of Common Crawl's, made by warcio."""

from __future__ import annotations

import io
from collections.abc import Sequence

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

PAGE = """<!DOCTYPE html><html><head><title>{title}</title><script>var shown = 1;</script></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About us</a></li></ul></nav>
<main><article><h1>{title}</h1><p>{first}</p><p>{second}</p></article></main>
<footer>Copyright and imprint</footer></body></html>"""


def page(number: int) -> str:
    """Return the HTML of a page with navigation and footer around two paragraphs."""
    first = f"The lighthouse number {number} stands on a rock that the sea has shaped for many hundred years."
    second = "Its keeper writes down the weather every evening, and sends the notes to the town by boat."
    return PAGE.format(title=f"Lighthouse {number}", first=first, second=second)


class Archive:
    """Collect records; `content` has the bytes of the file, and `starts` the offset of each record in it."""

    def __init__(self, *, packed: bool) -> None:
        self._out = io.BytesIO()
        self._writer = WARCWriter(self._out, gzip=packed)
        self.starts: list[int] = []

    @property
    def content(self) -> bytes:
        """Return the bytes of the file."""
        return self._out.getvalue()

    def add(self, kind: str, payload: bytes, url: str = "", **named: object) -> None:
        """Add a record of a type, with further arguments of warcio."""
        self.starts.append(self._out.tell())
        record = self._writer.create_warc_record(url or None, kind, payload=io.BytesIO(payload), **named)
        self._writer.write_record(record)

    def add_page(
        self, number: int, body: bytes, headers: Sequence[tuple[str, str]] = (), status: str = "200 OK"
    ) -> None:
        """Add what a crawler stores of a page: the request, the response, and metadata."""
        url = f"http://example.org/{number}"
        http = StatusAndHeaders(status, [("Content-Type", "text/html; charset=utf-8"), *headers], protocol="HTTP/1.1")
        asked = StatusAndHeaders("GET / HTTP/1.1", [("Host", "example.org")], is_http_request=True)
        self.add("request", b"", url, http_headers=asked)
        self.add("response", body, url, http_headers=http)
        self.add("metadata", b"fetchTimeMs: 12\r\n", url, warc_content_type="application/warc-fields")

    def add_information(self) -> None:
        """Add the record with which archives begin."""
        self.starts.append(self._out.tell())
        record = self._writer.create_warcinfo_record("CC-MAIN-00000.warc.gz", {"software": "a crawler"})
        self._writer.write_record(record)

    def add_text(self, number: int, text: str) -> None:
        """Add a record of extracted text, as WET files have it."""
        headers = {"WARC-Identified-Content-Language": "eng"}
        url = f"http://example.org/{number}"
        self.add("conversion", text.encode(), url, warc_content_type="text/plain", warc_headers_dict=headers)


def crawl(pages: int, *, packed: bool = True) -> Archive:
    """Return an archive with the records of some pages."""
    archive = Archive(packed=packed)
    archive.add_information()
    for number in range(pages):
        archive.add_page(number, page(number).encode())
    return archive
