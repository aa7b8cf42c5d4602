"""Filter texts by the n-grams that they share with benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PositiveInt

from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import All, AnyOf, Condition, Range
from dj_assets.operators.kinds.reference_filter import Document, Index, ReferenceFilter
from dj_assets.operators.registry import register

if TYPE_CHECKING:
    from dj_assets.kernels.shared_ngrams import HashedWords, NgramIndex

# Documents are hashed in groups of about this many characters.
_GROUP_CHARACTERS = 4_000_000
# The longest n-gram that is shown, in characters.
_LONGEST_SHOWN = 240
_BOUNDS = {
    "contamination_coverage": "max_coverage",
    "contamination_ratio": "max_ratio",
    "contaminated_ngrams": "max_ngrams",
}


@register("decontamination_filter")
class DecontaminationFilter(ReferenceFilter):
    """Drop texts that share word n-grams with the documents of benchmarks.

    `against` names the benchmarks: a path, a list of paths, a mapping of names to paths, or a list of sets with
    `paths`, `text_keys` and `name`. The fields of a record are joined; by default the text of the recipe, in records
    without it all texts but ids. Texts are compared in lower case, without punctuation and symbols, split at white
    space (Brown et al. 2020). Each character of a script without spaces, such as Chinese or Thai, is one word. A
    benchmark document with fewer than `ngram` words, but at least `min_words`, is one n-gram.

    The statistics are the number of n-grams that are in a benchmark (`contaminated_ngrams`), the share of the words of
    the text in them (`contamination_ratio`, Touvron et al. 2023), and the largest share of the n-grams of one benchmark
    document that are in the text (`contamination_coverage`), with its benchmark, its id and the first shared n-gram. A
    text is dropped if all three are above their bounds: by default, if it shares any n-gram.

    N-grams are compared by 64-bit hashes. With ten million n-grams in benchmarks and a billion in the texts, the
    probability that any other n-gram is taken for one of them is 1 in 2,000.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | frozenset(_BOUNDS.values())
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("contaminated_ngrams", pa.int64(), "n-grams"),
        Statistic("contamination_ratio", pa.float64(), "share of words"),
        Statistic("contamination_coverage", pa.float64(), "share of n-grams of a benchmark document"),
        Statistic("contamination_benchmark", pa.string(), "name of a benchmark"),
        Statistic("contamination_document", pa.string(), "id in the benchmark"),
        Statistic("contamination_ngram", pa.string(), "text"),
    )

    ngram: PositiveInt = 13
    min_words: PositiveInt = 8
    max_ngrams: int = 0
    max_ratio: float = 0.0
    max_coverage: float = 0.0

    @property
    def condition(self) -> Condition:
        """Return the test that one of the three bounds is kept; for a reversed range, that none of them is."""
        ranges = tuple(
            Range(
                key,
                high=getattr(self, bound),
                high_name=bound,
                high_closed=self.max_closed_interval,
                reversed=self.reversed_range,
            )
            for key, bound in _BOUNDS.items()
        )
        if self.reversed_range:
            return All(ranges)
        return AnyOf(ranges, reason_text="shares n-grams with ", named="contamination_benchmark")

    def index(self, documents: Iterable[Document]) -> Index:
        """Return the n-grams of documents in a hash table, with the documents that each of them is in."""
        from dj_assets.kernels.shared_ngrams import fill_slots

        known: list[Document] = []
        parts = [self._hashed(group, known) for group in _groups(documents)]
        hashes, owners, lengths = (np.concatenate(column) for column in zip(*parts, strict=True))
        # each n-gram once for each of its documents, in their order
        order = np.lexsort((owners, hashes))
        hashes, owners = hashes[order], owners[order]
        first = np.ones(len(hashes), bool)
        first[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
        hashes, owners = hashes[first], owners[first]
        distinct, starts = np.unique(hashes, return_index=True)
        slots, ngrams = fill_slots(distinct, max(4, int(len(distinct) * 2).bit_length()))
        arrays = {
            "slots": slots,
            "ngrams": ngrams,
            "starts": np.append(starts, len(hashes)).astype(np.int64),
            "documents": owners.astype(np.int32),
            "sizes": np.bincount(owners, minlength=len(known)).astype(np.int64),
            "lengths": np.unique(lengths),
        }
        names = {
            "benchmark": pa.array([document.of for document in known], pa.string()),
            "document": pa.array([document.id for document in known], pa.string()),
        }
        return _packed({**{name: pa.array(values) for name, values in arrays.items()}, **names})

    def _hashed(self, group: list[Document], known: list[Document]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the n-grams of a group of documents, the number of the document of each, and its length in words.

        Documents with n-grams are added to the known ones.
        """
        from dj_assets.kernels.arrays import buffers
        from dj_assets.kernels.shared_ngrams import hash_ngrams, hash_words, word_points

        text = pa.array([document.text for document in group], pa.string())
        hashes, rows, lengths = hash_ngrams(hash_words(*buffers(text), *word_points()), self.ngram, self.min_words)
        with_ngrams, numbers = np.unique(rows, return_inverse=True)
        owners = numbers.astype(np.int64) + len(known)
        known += [group[row] for row in with_ngrams.tolist()]
        return hashes, owners, lengths

    def measure_against(self, batch: Batch, index: Index) -> Mapping[str, pa.Array]:
        """Return what every text shares with the benchmarks; 0 and empty texts if it shares nothing."""
        from dj_assets.kernels.arrays import buffers
        from dj_assets.kernels.shared_ngrams import (
            BEST_DOCUMENT,
            BEST_NGRAMS,
            NGRAMS,
            WORDS,
            find_ngrams,
            hash_words,
            word_points,
        )
        from dj_assets.operators.views.text_views import ratio

        columns = _unpacked(index)
        ngrams = _index_of(columns)
        words = batch.derive("hashed words", lambda: hash_words(*buffers(batch.text), *word_points()))
        found = find_ngrams(words, ngrams)
        documents = found[:, BEST_DOCUMENT]
        sizes = np.append(ngrams.sizes, 0)[documents]
        return {
            "contaminated_ngrams": pa.array(found[:, NGRAMS]),
            "contamination_ratio": ratio(found[:, WORDS], np.diff(words.rows)),
            "contamination_coverage": ratio(np.where(documents >= 0, found[:, BEST_NGRAMS], 0), sizes),
            "contamination_benchmark": _names_of(columns["benchmark"], documents),
            "contamination_document": _names_of(columns["document"], documents),
            "contamination_ngram": pa.array(_first_ngrams(batch, words, found), pa.string()),
        }


def _groups(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Yield documents in groups of a limited size; the last one may be empty."""
    group: list[Document] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document.text)
        if size >= _GROUP_CHARACTERS:
            yield group
            group, size = [], 0
    yield group


def _packed(columns: Mapping[str, pa.Array]) -> Index:
    """Return arrays of different lengths as the bytes of one row of lists."""
    lists = [
        pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values) for values in columns.values()
    ]
    row = pa.RecordBatch.from_arrays(lists, names=[*columns])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, row.schema) as writer:
        writer.write_batch(row)
    return np.frombuffer(sink.getvalue(), np.uint8)


def _unpacked(index: Index) -> dict[str, pa.Array]:
    """Return the arrays of an index, without copying them."""
    (row,) = pa.ipc.open_stream(pa.py_buffer(index))
    return {name: column.values for name, column in zip(row.schema.names, row.columns, strict=True)}


def _index_of(columns: Mapping[str, pa.Array]) -> NgramIndex:
    from dj_assets.kernels.shared_ngrams import NgramIndex

    return NgramIndex(*(columns[name].to_numpy() for name in NgramIndex._fields))


def _names_of(names: pa.StringArray, documents: np.ndarray) -> pa.StringArray:
    """Return the name of each document, "" for -1."""
    chosen = names.take(pa.array(np.maximum(documents, 0), mask=documents < 0))
    return pc.fill_null(chosen, "")


def _first_ngrams(batch: Batch, words: HashedWords, found: np.ndarray) -> list[str]:
    """Return the first shared n-gram of every text as the text has it, with single spaces; "" where there is none."""
    from dj_assets.kernels.arrays import buffers
    from dj_assets.kernels.shared_ngrams import FIRST_LENGTH, FIRST_WORD

    data, _ = buffers(batch.text)
    shown = []
    firsts = found[:, FIRST_WORD] + np.where(found[:, FIRST_WORD] < 0, 0, words.rows[:-1])
    for first, length in zip(firsts.tolist(), found[:, FIRST_LENGTH].tolist(), strict=True):
        part = data[words.starts[first] : words.ends[first + length - 1]] if first >= 0 else data[:0]
        text = " ".join(part.tobytes().decode().split())
        shown.append(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
    return shown
