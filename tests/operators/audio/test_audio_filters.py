"""Filters over sounds: sizes and durations, fields of their own, and files that are damaged or hostile."""

from __future__ import annotations

import json
import random
import wave
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import SourceError
from tests.media import made

RATE = 8000


def tone(path: Path, seconds: float) -> Path:
    """Write a tone as a WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = (np.sin(2 * np.pi * 440 * np.arange(round(RATE * seconds)) / RATE) * 20_000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


def encoded(path: Path, seconds: float, codec: str) -> Path:
    """Write the tone in another format."""
    source = tone(path.with_suffix(".source.wav"), seconds)
    with av.open(str(source)) as wav, av.open(str(path), "w") as target:
        stream = target.add_stream(codec, rate=RATE, layout="mono")
        for frame in wav.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    source.unlink()
    return path


def run(folder: Path, records: list[dict[str, object]], process: list[object], **keys: object) -> Path:
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    dj_assets.run_recipe({"process": process, **keys}, [folder / "in.jsonl"], folder / "out", workers=1)
    return folder / "out"


def column(out: Path, name: str) -> dict[str, object]:
    table = pq.read_table(out / "stats.parquet").to_pylist()
    return {row["id"]: row[name] for row in table}


def ids(out: Path) -> list[str]:
    return [row["id"] for path in sorted((out / "refined").glob("*")) for row in pq.read_table(path).to_pylist()]


def sounds(name: str, *paths: str, key: str = "audios") -> dict[str, object]:
    return {"id": name, "text": "", key: list(paths)}


@pytest.mark.parametrize(
    ("name", "codec", "slack"),
    [
        ("a.wav", None, 0),
        ("a.flac", "flac", 0),
        ("a.mp3", "libmp3lame", 0.1),
        ("a.ogg", "libopus", 0.05),
        ("a.m4a", "aac", 0.3),
        ("a.aiff", "pcm_s16be", 0),
    ],
)
def test_durations_of_formats(tmp_path, name, codec, slack):
    path = tone(tmp_path / name, 1.5) if codec is None else encoded(tmp_path / name, 1.5, codec)
    out = run(tmp_path, [sounds("one", path.name)], [{"audio_duration_filter": {}}])
    [duration] = column(out, "audio_duration")["one"]
    assert duration == pytest.approx(1.5, abs=slack + 1e-9)


def test_any_and_all_within_bounds(tmp_path):
    for seconds in (1, 2, 3):
        tone(tmp_path / f"{seconds}.wav", seconds)
    records = [
        sounds("short", "1.wav"),
        sounds("both", "1.wav", "3.wav"),
        sounds("long", "2.wav", "3.wav"),
        sounds("none"),
    ]
    for any_or_all, kept in (("any", ["both", "long", "none"]), ("all", ["long", "none"])):
        folder = tmp_path / any_or_all
        folder.mkdir()
        for seconds in (1, 2, 3):
            (folder / f"{seconds}.wav").hardlink_to(tmp_path / f"{seconds}.wav")
        bounds = {"min_duration": 2, "max_duration": 3, "any_or_all": any_or_all}
        out = run(folder, records, [{"audio_duration_filter": bounds}])
        assert ids(out) == kept
    assert column(out, "audio_duration") == {"short": [1], "both": [1, 3], "long": [2, 3], "none": []}


def test_sizes_need_no_valid_sound(tmp_path):
    (tmp_path / "a.wav").write_bytes(bytes(2000))
    (tmp_path / "b.wav").write_bytes(b"")
    out = run(tmp_path, [sounds("a", "a.wav"), sounds("b", "b.wav")], [{"audio_size_filter": {"min_size": "1KB"}}])
    assert column(out, "audio_sizes") == {"a": [2000], "b": [0]}
    assert ids(out) == ["a"]


def test_operators_and_recipes_name_the_field_of_sounds(tmp_path):
    tone(tmp_path / "1.wav", 1)
    tone(tmp_path / "2.wav", 2)
    records = [{"id": "a", "text": "", "speech": ["1.wav"], "music": ["2.wav"]}]
    process = [{"audio_duration_filter": {}}, {"audio_duration_filter": {"audio_key": "music"}}]
    out = run(tmp_path, records, process, audio_key="speech")
    assert column(out, "audio_duration")["a"] == [1]
    assert column(out, "audio_duration_2")["a"] == [2]
    with pytest.raises(SourceError, match=r"no record has the key 'audios'"):
        run(tmp_path / "out", records, [{"audio_duration_filter": {}}])


def test_the_sound_of_a_clip_is_a_sound_and_a_clip_without_has_none(tmp_path):
    made.clip(tmp_path / "silent.mp4", 10)
    records = [sounds("silent", "silent.mp4"), sounds("a", "a.wav")]
    tone(tmp_path / "a.wav", 1)
    out = run(tmp_path, records, [{"audio_duration_filter": {}}])
    assert ids(out) == ["a"]
    [lost] = pq.read_table(out / "quarantine.parquet").to_pylist()
    assert lost["error"].endswith("silent.mp4: has no sound")


HOSTILE = {
    "playlist.mp3": b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.mp3\n",
    "session.wav": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "concat.flac": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "text.ogg": b"no sound at all",
    "empty.wav": b"",
    "zeros.mp3": bytes(5000),
}


def test_hostile_files_lose_their_own_sample_only(tmp_path):
    for name, content in HOSTILE.items():
        (tmp_path / name).write_bytes(content)
    tone(tmp_path / "a.wav", 1)
    records = [*(sounds(name, name) for name in HOSTILE), sounds("missing", "missing.wav"), sounds("a", "a.wav")]
    out = run(tmp_path, records, [{"audio_duration_filter": {}}])
    assert ids(out) == ["a"]
    lost = {row["id"]: row["error"] for row in pq.read_table(out / "quarantine.parquet").to_pylist()}
    assert lost.keys() == {*HOSTILE, "missing"}
    assert "it is an HLS playlist, which names other files" in lost["playlist.mp3"]
    assert "is no sound that can be read" in lost["text.ogg"]


@pytest.mark.parametrize(
    ("name", "codec"), [("a.wav", None), ("a.flac", "flac"), ("a.mp3", "libmp3lame"), ("a.m4a", "aac")]
)
def test_damaged_files_never_harm_others(tmp_path, name, codec):
    whole = (tone(tmp_path / name, 1) if codec is None else encoded(tmp_path / name, 1, codec)).read_bytes()
    chosen = random.Random(name)
    records = [sounds("whole", name)]
    for number in range(12):
        content = bytearray(whole)
        if number % 3 == 0:
            content = content[: chosen.randrange(len(content))]
        for _ in range(8):
            if content:
                content[chosen.randrange(len(content))] = chosen.randrange(256)
        (tmp_path / f"{number}-{name}").write_bytes(content)
        records.append(sounds(str(number), f"{number}-{name}"))
    out = run(tmp_path, records, [{"audio_duration_filter": {"max_duration": 100}}])
    assert column(out, "audio_duration")["whole"] == pytest.approx([1], abs=0.3)
    lost = pq.read_table(out / "quarantine.parquet").num_rows
    dropped = pq.read_table(out / "dropped.parquet").num_rows
    assert len(ids(out)) + lost + dropped == len(records)
