"""Personal data and secrets in texts and fields. The expected texts are those of the rules on the page, by hand."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

import dj_assets
from dj_assets.operators.batch import Batch
from dj_assets.operators.text.pii_redaction_mapper import PiiRedactionMapper

REDACT = PiiRedactionMapper()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("open /home/ann/a.txt now", "open [PATH_REDACTED] now"),
        ("see (/tmp/x) and /srv/x", "see ([PATH_REDACTED]) and /srv/x"),
        (r'"C:\Users\ann" or \\server\share', '"[PATH_REDACTED]" or [PATH_REDACTED]'),
        ("mail a.b+c@d-e.co.uk.", "mail [EMAIL_REDACTED]."),
        ("--é9@q.com", "--é[EMAIL_REDACTED]"),
        ("no@mail and x@y.c", "no@mail and x@y.c"),
        ('API_KEY = "abc", password: x', 'API_KEY = "[REDACTED]", password: [REDACTED]'),
        ("session_id: 12.3-x y", "session_id[ID_REDACTED] y"),
        ("channel: feishu", "channel: [CHANNEL_ID_REDACTED]"),
        ("ou_" + "0a" * 16 + " uid_ABCDEFGHIJKLMNOP", "[CHANNEL_ID_REDACTED] [CHANNEL_ID_REDACTED]"),
        ("13812345678 or +49 170123456", "[PHONE_REDACTED] or [PHONE_REDACTED]"),
        ("11010519491231002X", "[ID_CARD_REDACTED]"),
        ("192.168.0.1, 1.2.3.4.5, [fe80::1]:80", "[IP_REDACTED], [IP_REDACTED].5, [IP_REDACTED]"),
        ("aa:bb:cc:dd:ee:ff", "[MAC_REDACTED]"),
        ("=eyJhbGci.eyJzdWIi.sig_ end", "=[JWT_REDACTED] end"),
        ("xeyJa.b.c eyJ-eyJa.b.c", "xeyJa.b.c [JWT_REDACTED]"),
        ("-----BEGIN A KEY-----\nx\n-----END A KEY----------BEGIN B-----\ny\n-----END B-----", "[PEM_REDACTED]" * 2),
        ("-----BEGIN A-----\nopen", "-----BEGIN A-----\nopen"),
        ("https://host/?q=1", "https://host/?q=1"),
        ("", ""),
    ],
)
def test_every_kind(text: str, expected: str) -> None:
    assert REDACT.redacted(text) == expected


def test_kinds_can_be_switched_and_named() -> None:
    operator = PiiRedactionMapper(
        mask_urls=True, url_replacement=r"\1", mask_emails=False, extra_patterns=[["b+", "<B>"]]
    )
    assert operator.redacted("https://host a@c.de bb") == r"\1 a@c.de <B>"
    with pytest.raises(ValidationError, match="is not a regular expression"):
        PiiRedactionMapper(extra_patterns=[["(", ""]])


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10**6,
        "eyJ-" * 250_000,
        "-----BEGIN A-----" * 60_000,
        "a@" * 500_000,
        "x@" + "a." * 500_000,
        "+1" * 500_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_text_of_a_megabyte_takes_seconds(text: str) -> None:
    started = time.process_time()
    REDACT.redacted(text)
    assert time.process_time() - started < 3


SAMPLE: dict[str, Any] = {
    "text": "mail a@b.com",
    "query": "/home/x",
    "title": "a@b.com",
    "dialog_history": [["/tmp/a", "b"], ["c@d.org", ""]],
    "messages": [
        {"role": "user", "content": "password: x", "note": "/home/n"},
        {"role": "tool", "content": [{"type": "text", "text": "/home/u"}]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"at": "/home/a"}'}}]},
    ],
    "meta": {"path": "/home/z", "other": "/home/z", "list": ["/home/z", 3]},
    "images": ["/home/a.png"],
    "n": 12345678901234567890,
}
PATH = "[PATH_REDACTED]"
EXPECTED: dict[str, Any] = {
    **SAMPLE,
    "text": "mail [EMAIL_REDACTED]",
    "query": PATH,
    "dialog_history": [[PATH, "b"], ["[EMAIL_REDACTED]", ""]],
    "messages": [
        {"role": "user", "content": "password: [REDACTED]", "note": "/home/n"},
        {"role": "tool", "content": [{"type": "text", "text": PATH}]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": f'{{"at": "{PATH}"}}'}}]},
    ],
    "meta": {"path": PATH, "other": "/home/z", "list": [PATH, 3]},
}


def refined(tmp_path: Path, source: Path, **parameters: object) -> list[dict[str, Any]]:
    process = [{"pii_redaction_mapper": parameters}]
    run = dj_assets.run_recipe({"process": process}, [source], tmp_path / "out", workers=1, format="jsonl")
    assert run.quarantined == 0
    return [json.loads(line) for part in sorted((run.folder / "refined").glob("*.jsonl")) for line in part.open()]


def test_fields_are_redacted_at_any_depth_and_keep_their_values(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(SAMPLE) + "\n")
    (sample,) = refined(tmp_path, tmp_path / "a.jsonl")
    sample.pop("__dj_id__", None)
    assert sample == EXPECTED


def test_only_named_fields_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(SAMPLE) + "\n")
    (sample,) = refined(tmp_path, tmp_path / "a.jsonl", redact_keys=["title"])
    assert (sample["text"], sample["query"], sample["title"]) == ("mail a@b.com", "/home/x", "[EMAIL_REDACTED]")
    assert sample["messages"][0]["content"] == "password: x"
    assert sample["meta"]["path"] == PATH


def test_columns_of_tables_keep_their_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": ["a@b.com", "b"],
            "query": pa.array(["/home/x", None], pa.large_string()),
            "tags": [["c@d.org"], []],
            "day": pa.array([1, 2], pa.date32()),
            "file": ["/tmp/1", "x"],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    run = dj_assets.run_recipe(
        {"process": ["pii_redaction_mapper"]}, [tmp_path / "a.parquet"], tmp_path / "o", workers=1
    )
    found = ds.dataset(run.folder / "refined").to_table(columns=["text", "query", "tags", "day", "file"])
    assert found.column("text").to_pylist() == ["[EMAIL_REDACTED]", "b"]
    assert found.column("query").to_pylist() == [PATH, None]
    assert found.column("tags").to_pylist() == [["[EMAIL_REDACTED]"], []]
    assert found.column("file").to_pylist() == [PATH, "x"]
    assert found.column("day").equals(table.column("day"))
    assert found.schema.field("query").type == pa.large_string()


def test_the_text_is_redacted_in_a_batch() -> None:
    assert REDACT.apply(Batch.of_texts(["a@b.com", ""])).text.to_pylist() == ["[EMAIL_REDACTED]", ""]


def test_an_explanation_names_the_edited_fields(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(json.dumps(SAMPLE) + "\n")
    dj_assets.run_recipe({"process": ["pii_redaction_mapper"]}, [source], tmp_path / "out", workers=1)
    with dj_assets.open(tmp_path / "out") as run:
        said = str(run.explain("a.jsonl:0"))
    assert "changes 1 places and the fields query, dialog_history, messages, meta" in said


def test_matches_are_counted_by_kind_and_the_report_adds_them_up(tmp_path: Path) -> None:
    import duckdb

    records = [
        {"id": "a", "text": "a@b.org, c@d.org and 10.0.0.1", "messages": [{"role": "user", "content": "e@f.org"}]},
        {"id": "b", "text": "nothing here", "messages": [{"role": "user", "content": "x", "arguments": "/tmp/x"}]},
        {"id": "c", "text": "g@h.org", "messages": []},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    process = [
        {"pii_redaction_mapper": {"extra_patterns": [["nothing", "all"]]}},
        {"text_length_filter": {"min_len": 17}},
    ]
    result = dj_assets.run_recipe({"process": process}, [source], tmp_path / "out", workers=1)
    with duckdb.connect(str(result.database), read_only=True) as connection:
        query = "SELECT pii_emails, pii_ips, pii_paths, pii_phones, pii_extra_patterns FROM stats ORDER BY row"
        assert connection.execute(query).fetchall() == [(3, 1, 0, 0, 0), (0, 0, 1, 0, 1), (1, 0, 0, 0, 0)]
    page = (tmp_path / "out" / "report.html").read_text()
    # matches, samples with any, kept samples with any
    assert '<td class="">pii_emails</td><td class="n">4</td><td class="n">2</td><td class="n">1</td>' in page
