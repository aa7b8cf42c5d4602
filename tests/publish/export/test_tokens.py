"""Exports of tokens and for the hub, read back as their libraries lay them out."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tokenizers
import yaml
from typer.testing import CliRunner

import dj_assets
from dj_assets.cli.app import app
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.publish.export import export as module
from dj_assets.publish.export.export import Export, Exported
from dj_assets.publish.export.tokens import TokenSettings
from tests.documents import documents, write_jsonl
from tests.paths import ROOT

TYPES = {8: np.uint16, 4: np.int32}


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("refined")
    source = write_jsonl(folder / "a.jsonl", [*documents(200, seed=3), {"text": "Ünïcödé 世界 🙂"}])
    dj_assets.run_recipe({"process": [{"text_length_filter": {"min_len": 1}}]}, [source], folder / "out", workers=1)
    return folder / "out"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Path:
    model = tokenizers.Tokenizer(tokenizers.models.BPE())
    model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    model.train_from_iterator([record["text"] for record in documents(100, seed=1)], trainer)
    # what a tokenizer for a model does, and a document must not suffer
    model.enable_truncation(5)
    model.enable_padding()
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    model.save(str(path))
    return path


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(module, "_BATCH_BYTES", 8_000)


def texts(out: Path) -> list[str]:
    return [text for part in sorted((out / "refined").iterdir()) for text in pq.read_table(part)["text"].to_pylist()]


def export(out: Path, folder: Path, format: Any, *tokens: object, shard_bytes: int = 20_000) -> Exported:
    return Export(Layout.output(out), folder, format, shard_bytes, TokenSettings(*tokens) if tokens else None).run()


def megatron(folder: Path) -> list[np.ndarray]:
    found = []
    for path in sorted(folder.glob("part-*.idx")):
        content = path.read_bytes()
        assert content[:9] == b"MMIDIDX\x00\x00"
        version, code, sequences, boundaries = struct.unpack_from("<QBQQ", content, 9)
        assert (version, boundaries) == (1, sequences + 1)
        at = 9 + 25
        lengths = np.frombuffer(content, "<i4", sequences, at)
        starts = np.frombuffer(content, "<i8", sequences, at + 4 * sequences)
        ends = np.frombuffer(content, "<i8", boundaries, at + 12 * sequences)
        assert at + 12 * sequences + 8 * boundaries == len(content)
        assert ends.tolist() == list(range(sequences + 1))
        tokens = path.with_suffix(".bin").read_bytes()
        found += [
            np.frombuffer(tokens, TYPES[code], n, start) for start, n in zip(starts.tolist(), lengths, strict=True)
        ]
        assert sum(lengths) * TYPES[code]().itemsize == len(tokens)
    return found


def mds(folder: Path) -> list[np.ndarray]:
    found = []
    for shard in json.loads((folder / "index.json").read_text())["shards"]:
        content = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert shard["raw_data"]["bytes"] == len(content)
        (samples,) = struct.unpack_from("<I", content)
        assert samples == shard["samples"]
        ends = np.frombuffer(content, "<u4", samples + 1, 4).tolist()
        assert ends[-1] == len(content)
        kind, name, *length = shard["column_encodings"][0].split(":")
        assert (kind, shard["column_names"]) == ("ndarray", ["tokens"])
        for begin, end in itertools.pairwise(ends):
            skipped = 0
            if not length:
                size, shape, tokens = struct.unpack_from("<IBI", content, begin)
                skipped = 9
                assert (size, shape) == (end - begin - 4, 0b110)
                assert tokens * np.dtype(name).itemsize == size - 5
            found.append(np.frombuffer(content[begin + skipped : end], name))
    return found


@pytest.mark.parametrize(("format", "read"), [("megatron", megatron), ("mds", mds)])
def test_every_document_is_there_once_with_its_end(out, tokenizer, tmp_path, format, read):
    done = export(out, tmp_path / "e", format, tokenizer)
    assert len(done.parts) > 2
    found = read(tmp_path / "e")
    model = tokenizers.Tokenizer.from_file(str(tokenizer))
    end = model.token_to_id("<|endoftext|>")
    assert [document[-1] for document in found] == [end] * len(found)
    assert [model.decode(document[:-1].tolist()) for document in found] == texts(out)
    assert done.count("tokens") == sum(map(len, found))
    assert done.count("documents") == done.samples == len(found)
    listed = (tmp_path / "e/SHA256SUMS").read_text().split()[1::2]
    assert sorted(listed) == sorted(
        path.name for path in (tmp_path / "e").iterdir() if path.name not in {"SHA256SUMS", "manifest.json"}
    )
    again = export(out, tmp_path / "e", format, tokenizer)
    assert (again.written, again.files) == (0, done.files)


def test_packed_samples_have_one_length_and_the_rest_is_counted(out, tokenizer, tmp_path):
    done = export(out, tmp_path / "e", "mds", tokenizer, "", 64)
    packed = mds(tmp_path / "e")
    assert {len(sample) for sample in packed} == {64}
    assert done.count("tokens") == 64 * len(packed) + done.count("tokens_left_out")
    assert 0 < done.count("tokens_left_out") < 64 * len(done.parts)
    export(out, tmp_path / "whole", "megatron", tokenizer, shard_bytes=10**9)
    stream = np.concatenate(megatron(tmp_path / "whole"))
    first = np.concatenate(packed[: done.parts[0].counts["samples"]])
    assert first.tolist() == stream[: len(first)].tolist()


def test_an_interrupted_export_has_the_same_files(out, tokenizer, tmp_path, monkeypatch):
    whole = export(out, tmp_path / "whole", "megatron", tokenizer)
    seen = []

    def stop(part: object) -> None:
        seen.append(part)
        if len(seen) == 2:
            raise KeyboardInterrupt

    cut = Export(Layout.output(out), tmp_path / "cut", "megatron", 20_000, TokenSettings(tokenizer))
    with pytest.raises(KeyboardInterrupt):
        cut.run(report=stop)
    done = cut.run()
    assert done.written == len(whole.parts) - 2
    assert done.files == whole.files


def test_sentencepiece_and_a_large_vocabulary(out, tmp_path):
    import sentencepiece

    model = ROOT / "dj_assets/models/demo/en.sp.model"
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
    export(out, tmp_path / "e", "megatron", model)
    found = megatron(tmp_path / "e")
    assert {int(document[-1]) for document in found} == {pieces.eos_id()}
    assert [document[:-1].tolist() for document in found] == pieces.encode(texts(out))
    large = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({"</s>": 0, "<unk>": 1, **{f"w{n}": n for n in range(2, 70_000)}}, "<unk>")
    )
    (tmp_path / "large").mkdir()
    large.save(str(tmp_path / "large/tokenizer.json"))
    export(out, tmp_path / "l", "megatron", tmp_path / "large")
    assert {document.dtype for document in megatron(tmp_path / "l")} == {np.dtype("int32")}


def test_wrong_tokenizers_are_one_line(out, tokenizer, tmp_path):
    with pytest.raises(UserError, match="the format megatron needs a tokenizer"):
        export(out, tmp_path / "e", "megatron")
    with pytest.raises(UserError, match=r"has no token '</nothing>'; name one of its tokens by --end-of-document"):
        export(out, tmp_path / "e", "mds", tokenizer, "</nothing>")
    with pytest.raises(UserError, match="one sequence for each document"):
        export(out, tmp_path / "e", "megatron", tokenizer, "", 8)
    for name, content in (("a.json", b"{}"), ("b.model", b"\x00nothing")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"{name}: cannot be read as a tokenizer"):
            export(out, tmp_path / "e", "mds", tmp_path / name)
    with pytest.raises(UserError, match="is no tokenizer"):
        export(out, tmp_path / "e", "mds", tmp_path)


def test_the_card_for_the_hub_names_the_tables(out, tmp_path):
    shown = CliRunner().invoke(app, ["export", str(out), "--output", str(tmp_path / "e"), "--format", "huggingface"])
    assert shown.exit_code == 0, shown.output
    card = (tmp_path / "e/README.md").read_text()
    _, front, body = card.split("---\n", 2)
    about = yaml.safe_load(front)
    assert about["configs"][0]["data_files"] == [{"split": "train", "path": "part-*.parquet"}]
    assert about["size_categories"] == ["n<1K"]
    assert body.startswith("\n# ")
    tables = sorted((tmp_path / "e").glob(about["configs"][0]["data_files"][0]["path"]))
    assert [text for table in tables for text in pq.read_table(table)["text"].to_pylist()] == texts(out)


def test_the_command_tells_the_tokens(out, tokenizer, tmp_path):
    command = ["export", str(out), "--output", str(tmp_path / "e"), "--format", "mds", "--tokenizer", str(tokenizer)]
    shown = CliRunner().invoke(app, [*command, "--sequence-length", "100"])
    assert shown.exit_code == 0, shown.output
    assert " tokens (" in shown.output
    assert "behind the last full samples are left out" in shown.output
