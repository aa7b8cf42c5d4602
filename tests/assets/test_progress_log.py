from __future__ import annotations

import logging

from dj_assets.assets.progress_log import ProgressLog, summary
from dj_assets.measure.progress import Progress
from dj_assets.subset import MeasureResult


def progress(rows: int) -> Progress:
    return Progress(file=0, files=2, rows=rows, text_bytes=rows * 1000, file_bytes=25, total_file_bytes=100, seconds=2)


def result(**changes: int) -> MeasureResult:
    given = {
        "samples": 1000,
        "files_measured": 2,
        "files_reused": 0,
        "text_bytes": 5_000_000,
        "seconds": 2.0,
    } | changes
    return MeasureResult(**given, source_version="s", data_version="d")


def test_lines_come_at_most_every_few_seconds(caplog, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with caplog.at_level(logging.INFO):
        tell = ProgressLog(logging.getLogger("run"), every_s=5)
        for second in range(13):
            now[0] = 100.0 + second
            tell(progress(rows=second * 10))
    assert [record.message for record in caplog.records] == [str(progress(50)), str(progress(100))]
    assert caplog.records[0].message == "file 1/2: 50 samples, 25 samples/s, 0.0 MB/s, 6 s to go"


def test_the_summary_tells_rates_only_of_what_was_measured_now():
    assert summary(result()) == "1,000 samples in 2.0 s: 500 samples/s, 2.5 MB/s"
    assert summary(result(files_measured=1, files_reused=1)).endswith("1 files measured, 1 were up to date")
    assert "nothing to do" in summary(result(files_measured=0, files_reused=2))
