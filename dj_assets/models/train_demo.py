"""Train the demo models: `python -m dj_assets.models.train_demo [FOLDER]`.

The models are a pair of English language models, pieces of Chinese words, and a substitute for Pythia's tokenizer. The
text is that of the Python documentation and standard library, docstrings and code (PSF licence), and of our own sample
generator with another seed. The result is deterministic for one version of Python: another version has other
documentation.
"""

from __future__ import annotations

import ast
import io
import pydoc_data.topics
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dj_assets.models import kneser_ney
from dj_assets.models.kenlm_writer import write_kenlm
from dj_assets.samples import generate, instructions
from dj_assets.samples.grammar import Dice
from dj_assets.samples.subsets import SUBSETS

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

PIECES = 8000
CHINESE_PIECES = 1200
TOKENS = 8000
TOKENIZER = Path("EleutherAI/pythia-6.9b-deduped/tokenizer.json")
ORDER = 3
# N-grams of three pieces that occur once are most of the file and the least informative.
PRUNE = 1
MOST_PIECES_A_WORD = 1.5
_SEED = "demo language model"
_CHARACTERS_A_SUBSET = 150_000
_PACKAGES = "asyncio collections concurrent email http importlib json logging unittest urllib".split()


def training_text() -> Iterator[str]:
    """Yield documents: the topics of `pydoc`, docstrings of the standard library, generated text of every subset."""
    for document in (*(text for _, text in sorted(pydoc_data.topics.topics.items())), *_docstrings()):
        yield "\n\n".join(paragraph for paragraph in document.split("\n\n") if _is_prose(paragraph))
    for subset in (subset for subset, contents in SUBSETS.items() if contents.prose):
        length = 0
        for text, _ in generate.documents(subset, 10_000, _SEED):
            length += len(text)
            yield text
            if length > _CHARACTERS_A_SUBSET:
                break


def train(folder: Path) -> None:
    """Write all demo models into the folder."""
    train_english(folder)
    train_chinese(folder)
    train_tokenizer(folder)


def train_english(folder: Path) -> None:
    """Write `en.sp.model` and `en.arpa.bin` into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = [text for text in (re.sub(r"[ \t]+", " ", text).strip() for text in training_text()) if text]
    processor = _train_pieces(documents, folder / "en.sp.model", PIECES)
    # One document is one "sentence" of the model, as in the perplexity filter.
    pieces = (_whole_word_pieces(document, processor) for document in dict.fromkeys(documents))
    write_kenlm(folder / "en.arpa.bin", _arpa(pieces))


def train_chinese(folder: Path) -> None:
    """Write `zh.sp.model`: pieces that are mostly words, trained on the Chinese of the sample generator."""
    folder.mkdir(parents=True, exist_ok=True)
    records = (instructions.chinese(Dice(f"{_SEED}/zh/{number}")) for number in range(3000))
    _train_pieces([str(record["output"]) for record in records], folder / "zh.sp.model", CHINESE_PIECES)


def train_tokenizer(folder: Path) -> None:
    """Write a byte-pair tokenizer, the kind of Pythia's tokenizer, under its name."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TOKENS, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator((*_standard_library(), *training_text()), trainer)
    (folder / TOKENIZER).parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / TOKENIZER), pretty=False)


def _train_pieces(documents: list[str], path: Path, pieces: int) -> SentencePieceProcessor:
    import sentencepiece

    # The trainer would leave out lines beyond 4192 bytes.
    lines = [line for document in documents for line in _sentences(document)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="unigram", vocab_size=pieces,
        character_coverage=0.9995, num_threads=1, minloglevel=2,
    )  # fmt: skip
    path.write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def _whole_word_pieces(document: str, processor: SentencePieceProcessor) -> list[str]:
    # Sentences that are cut into letters (formulas, code) would make letters likely, and with them any other language.
    sentences = [(sentence, processor.encode_as_pieces(sentence)) for sentence in _sentences(document)]
    return [
        piece
        for sentence, pieces in sentences
        if len(pieces) <= MOST_PIECES_A_WORD * len(sentence.split())
        for piece in pieces
    ]


def _sentences(document: str) -> list[str]:
    return [sentence for sentence in re.split(r"\n+|(?<=[.!?])\s+", document) if sentence.strip()]


def _arpa(sentences: Iterator[list[str]]) -> list[str]:
    lmplz = shutil.which("lmplz")
    if lmplz is None:
        return [*kneser_ney.arpa(kneser_ney.estimate(sentences, ORDER, PRUNE))]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as text:
        text.writelines(" ".join(pieces) + "\n" for pieces in sentences)
        text.flush()
        command = [lmplz, "-o", str(ORDER), "--prune", "0", "0", str(PRUNE), "-S", "20%", "--text", text.name]
        return subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\n")  # noqa: S603


def _is_prose(paragraph: str) -> bool:
    # Code and tables train single letters; then text in any Latin script would be likely.
    letters = sum(char.isalpha() or char == " " for char in paragraph)
    return letters >= 0.9 * len(paragraph) and paragraph.count(" ") >= 8 and ">>>" not in paragraph


def _standard_library() -> Iterator[str]:
    library = Path(sysconfig.get_path("stdlib"))
    paths = [*library.glob("*.py"), *(path for name in _PACKAGES for path in (library / name).rglob("*.py"))]
    return (path.read_text("utf-8") for path in sorted(paths))


def _docstrings() -> Iterator[str]:
    for source in _standard_library():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                yield ast.get_docstring(node) or ""


if __name__ == "__main__":
    train(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "demo")
