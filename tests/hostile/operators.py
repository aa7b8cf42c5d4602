"""Runs operators over texts that are built against them, each in a process that can be ended, and measures CPU time."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

from tests.hostile import texts
from tests.models.chat_server import ChatServer, chat_server, scores

SIZE = 1_000_000
# An operator that has not answered after this CPU time hangs.
HANGS_AFTER_S = 20.0
PYTHIA = "EleutherAI/pythia-6.9b-deduped"
# Operators with parameters that take another way through the code.
VARIANTS: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("alphanumeric_filter", {"tokenization": True}),
    ("character_repetition_filter", {"rep_len": 1}),
    ("character_repetition_filter", {"rep_len": 3}),
    ("character_repetition_filter", {"rep_len": 500_000}),
    ("chinese_convert_mapper", {"mode": "s2twp"}),
    ("chinese_convert_mapper", {"mode": "tw2sp"}),
    ("document_deduplicator", {"lowercase": True, "ignore_non_character": True}),
    ("document_line_deduplicator", {"lowercase": True, "ignore_special_character": True}),
    ("document_minhash_deduplicator", {"tokenization": "character"}),
    ("document_minhash_deduplicator", {"tokenization": "punctuation"}),
    ("document_minhash_deduplicator", {"window_size": 100_000}),
    ("document_simhash_deduplicator", {"tokenization": "character"}),
    ("document_simhash_deduplicator", {"tokenization": "punctuation"}),
    ("document_simhash_deduplicator", {"window_size": 100_000}),
    ("document_simhash_deduplicator", {"ignore_pattern": r"\p{P}"}),
    ("extract_tables_from_html_mapper", {"retain_html_tags": True}),
    ("fix_unicode_mapper", {"normalization": "NFKC"}),
    ("fix_unicode_mapper", {"normalization": "NFD"}),
    ("flagged_words_filter", {"tokenization": True}),
    ("remove_long_words_mapper", {"max_len": 5}),
    ("remove_repeat_sentences_mapper", {"lowercase": True, "ignore_special_character": False}),
    ("remove_words_with_incorrect_substrings_mapper", {"tokenization": True}),
    ("stopwords_filter", {"use_words_aug": True}),
    ("text_chunk_mapper", {"max_len": 10}),
    ("text_chunk_mapper", {"max_len": 1000}),
    ("text_chunk_mapper", {"max_len": 1000, "split_pattern": None, "tokenizer": PYTHIA}),
    ("text_chunk_mapper", {"max_len": 100, "tokenizer": PYTHIA}),
    ("word_repetition_filter", {"rep_len": 1}),
    ("word_repetition_filter", {"rep_len": 50_000}),
    ("word_repetition_filter", {"tokenization": True}),
    ("words_num_filter", {"tokenization": True}),
)


@dataclass(frozen=True)
class Answer:
    """What an operator did with a text: `kind` is done, quarantined, failed, hung or absent (a model is missing)."""

    operator: str
    text: str
    kind: str
    seconds: float = 0.0
    message: str = ""


class Attacked:
    """One process that runs operators over texts; it is started again after a hang."""

    def __init__(self, models: Path) -> None:
        self._models = models
        self._process: BaseProcess | None = None
        self._line: Connection | None = None

    def asked(self, name: str, parameters: Mapping[str, Any], text: str) -> Answer:
        """Return what an operator does with a text, given by its name."""
        if self._process is None:
            self._start()
        assert self._line is not None and self._process is not None
        self._line.send((name, dict(parameters), text))
        try:
            missing = self._line.recv()
            if missing:
                return Answer(name, text, "absent", 0.0, missing)
            before = _cpu_seconds(self._process)
            while not self._line.poll(0.05):
                if _cpu_seconds(self._process) - before > HANGS_AFTER_S:
                    self.close()
                    return Answer(name, text, "hung", HANGS_AFTER_S)
            kind, seconds, message = self._line.recv()
        except EOFError:
            self.close()
            return Answer(name, text, "failed", 0.0, "the process died")
        return Answer(name, text, kind, seconds, message)

    def _start(self) -> None:
        self._line, theirs = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_serve, args=(self._models, theirs))
        process.daemon = True
        process.start()
        theirs.close()
        self._process = process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def tiny_models(folder: Path) -> Path:
    """Fill a folder with models that operators over texts name by default, tiny ones where none are at hand."""
    from tests.models.text.tiny import make_text_models
    from tests.operators.language_models import make_models
    from tests.operators.paraphrases import save_model

    save_model(make_text_models(make_models(folder)) / "minishlab/potion-base-8M")
    return folder


def answers(models: Path, number: int | None = None, seed: int = 0) -> Iterator[Answer]:
    """Yield the answer of every operator and variant to every text, or to a seeded choice of a number of them."""
    chosen = random.Random(seed)
    attacked = Attacked(models)
    try:
        for name, parameters in [*((name, {}) for name in text_operators()), *VARIANTS]:
            for text in texts.NAMES if number is None else chosen.sample(texts.NAMES, number):
                answer = attacked.asked(name, parameters, text)
                yield answer
                if answer.kind == "absent":
                    break
    finally:
        attacked.close()


def text_operators() -> list[str]:
    """Return the names of the operators of this package that read no media."""
    from dj_assets.operators import registry
    from dj_assets.operators.kinds.media_filter import MediaOperator

    classes = {name: registry.find(name) for name in registry.operator_names()}
    ours = {name: cls for name, cls in classes.items() if cls.__module__.startswith("dj_assets.")}
    return [name for name, cls in ours.items() if not issubclass(cls, MediaOperator)]


def run(operator: Any, text: str, models: Any) -> None:
    """Run an operator over one text, in all of its passes; the fields that it reads have parts of the text."""
    import numpy as np

    from dj_assets.operators.base import CorpusMapper
    from dj_assets.operators.batch import Batch
    from dj_assets.operators.dedup.semantic_deduplicator import SemanticDeduplicator
    from tests.operators.records import batch as batch_of
    from tests.operators.test_contract import result

    records = batch_of({"text": text, **_fields_of(operator, text)})
    batch = Batch(records.rows, models)
    if isinstance(operator, CorpusMapper):
        operator.rewrite(batch, np.unique(np.asarray(operator.count(batch).flatten())))
    elif isinstance(operator, SemanticDeduplicator):
        operator.embed(batch)
    else:
        result(operator, batch)


def _fields_of(operator: Any, text: str) -> dict[str, object]:
    """Return a value for every field that a parameter of the operator names, together as long as the text."""
    keys = {name: getattr(operator, name) for name in type(operator).model_fields if name.endswith("_key")}
    named = {name: key for name, key in keys.items() if key}
    part = text[: len(text) // max(len(named), 1)]
    shapes = {
        "history_key": [[part[: len(part) // 2]] * 2],
        "messages_key": [{"role": "user", "content": part}],
        "choices_key": [{"message": {"role": "assistant", "content": part}}],
    }
    return {key: shapes.get(name, part) for name, key in named.items()}


def _cpu_seconds(process: BaseProcess) -> float:
    try:
        return float(sum(psutil.Process(process.pid).cpu_times()[:2]))
    except psutil.NoSuchProcess:
        return float("inf")


def _serve(folder: Path, line: Connection) -> None:
    """Answer for ever; a language model is there, which answers every prompt by the hostile text itself."""
    with chat_server() as server:
        os.environ["DJ_LLM"] = server.url
        _answer_all(folder, line, server)


def _same(text: str, _: str) -> str:
    return text


def _answer_all(folder: Path, line: Connection, server: ChatServer) -> None:
    from dj_assets.errors import DjError, SampleError
    from dj_assets.models.store import ModelStore
    from dj_assets.operators import registry
    from tests.operators.conftest import MODELS

    models = ModelStore((*ModelStore.with_folder(MODELS if MODELS.is_dir() else None).folders, folder))
    known: dict[str, Any] = {}
    while True:
        name, parameters, text_name = line.recv()
        key = f"{name} {parameters}"
        if key not in known:
            server.reply = scores
            try:
                known = {key: registry.find(name)(**parameters)}
                for model in known[key].models():
                    models.find(model)
                for warm in ("A text, with http://a.bc/d a@b.cd <b>x</b>\n Ã© é 一 &amp;", texts.text("noise", 2000)):
                    run(known[key], warm, models)
            except (DjError, ValueError, TypeError) as error:
                known = {}
                line.send(f"{type(error).__name__}: {error}"[:300])
                continue
        text = texts.text(text_name, SIZE)
        server.reply = partial(_same, text)
        line.send("")
        began = time.process_time()
        try:
            run(known[key], text, models)
            kind, message = "done", ""
        except SampleError as error:
            kind, message = "quarantined", str(error)
        except Exception as error:
            kind, message = "failed", f"{type(error).__name__}: {error}"
        line.send((kind, time.process_time() - began, message[:200]))
