"""Find the samples of finished runs whose text is near a given text, by MinHash and LSH of `datasketch`.

The given texts are put into an LSH index, and the samples are streamed past it. If a recipe has a
`document_minhash_deduplicator`, its stored signatures are read, else signatures of the stored texts are computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.analysis.examples import excerpts
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.measure.row_stage import RowStage
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import CorpusMapper, FieldMapper, Mapper, RecordMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.dedup.document_minhash_deduplicator import DocumentMinhashDeduplicator
from dj_assets.publish.database import SamplePosition, reading
from dj_assets.recipe.plan import Plan, Step
from dj_assets.stores.copies import all_at_hand
from dj_assets.subset.finished import plan_of_run

if TYPE_CHECKING:
    from datasketch import LeanMinHash, MinHashLSH

UInt64s = npt.NDArray[np.uint64]

# Values of a signature that is computed here; the standard error of a similarity is at most 4 %.
PERMUTATIONS = 128
_ROWS_AT_A_TIME = 10_000
_SEED = 42
# datasketch's name of the permutations that our kernel computes
_SCHEME = "legacy"


@dataclass(frozen=True)
class SimilarSample:
    """A sample near a given text, which is number `text` of those given.

    `similarity` is the estimated Jaccard similarity of the shingles of both, from 0 to 1. `outcome` is `kept`, or the
    operator that dropped the sample. `excerpt` is the beginning of its text.
    """

    text: int
    subset: str
    id: str
    similarity: float
    outcome: str
    excerpt: str
    shard: int
    row: int


def similar(
    runs: Mapping[str, tuple[Layout, RunManifest]],
    texts: Sequence[str],
    *,
    threshold: float = 0.5,
    most: int = 10,
    models: ModelStore | None = None,
) -> list[SimilarSample]:
    """Return the samples nearest to each text, the most similar first.

    Mappers of a recipe that only rewrite texts are applied to the given texts, too.

    Parameters
    ----------
    runs
        Finished runs by the names of their subsets or folders, see `subset.finished.finished_run`.
    threshold
        The least similarity, from 0 to 1. LSH finds nearly all samples above it. Stored signatures were made for the
        `jaccard_threshold` of their recipe: below that, fewer samples are found.
    most
        The most samples for each text.

    Raises
    ------
    UserError
        If a text has no shingle, or the measured files of a run are gone.
    """
    models = models or ModelStore()
    searched = [_Searched(name, *run, texts, threshold, models) for name, run in runs.items()]
    found = [near for run in searched for near in run.nearest(most)]
    found.sort(key=lambda sample: (sample.text, -sample.similarity, sample.subset, sample.id))
    by_text = groupby(found, key=lambda sample: sample.text)
    return [sample for _, samples in by_text for sample in islice(samples, most)]


@dataclass(frozen=True)
class _Searched:
    """One run, and the texts that are searched for in it."""

    name: str
    layout: Layout
    manifest: RunManifest
    texts: Sequence[str]
    threshold: float
    models: ModelStore

    def nearest(self, most: int) -> list[SimilarSample]:
        """Return the samples nearest to each text."""
        by_text: dict[int, list[tuple[float, SamplePosition]]] = {}
        for position, text, similarity in self._matches():
            by_text.setdefault(text, []).append((similarity, position))
        chosen = {
            (text, position): similarity
            for text, pairs in by_text.items()
            for similarity, position in sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:most]
        }
        positions = {position for _, position in chosen}
        names, begins = self._names(positions), excerpts(self.layout, positions, 160)
        return [
            SimilarSample(text, self.name, names[at][0], similarity, names[at][1], begins.get(at, ""), *at)
            for (text, at), similarity in chosen.items()
        ]

    @cached_property
    def _plan(self) -> Plan:
        return plan_of_run(self.manifest)

    @cached_property
    def _stored(self) -> Step | None:
        """Return the deduplicator whose signatures are stored, None if there is none."""
        steps = (step for step in self._plan.deduplicators if isinstance(step.operator, DocumentMinhashDeduplicator))
        return next(steps, None)

    @cached_property
    def _operator(self) -> DocumentMinhashDeduplicator:
        """Return the operator that signs texts: that of the recipe, or one with the usual parameters."""
        if self._stored and isinstance(self._stored.operator, DocumentMinhashDeduplicator):
            return self._stored.operator
        own = DocumentMinhashDeduplicator(
            num_permutations=PERMUTATIONS, jaccard_threshold=self.threshold, keep_short_texts=True
        )
        return own.in_recipe(self._plan.recipe.text_key)

    def _signatures(self, batch: Batch) -> UInt64s:
        """Return the signatures of texts: the stored kind of band keys, or all values, shape `(texts, values)`."""
        if self._stored:
            return self._keys(self._operator.sign(batch))
        return self._values(batch)

    def _keys(self, signatures: pa.ListArray) -> UInt64s:
        """Return stored signatures as one row of band keys each, zeros where a sample has none."""
        keys = signatures.fill_null([0] * self._operator.bands[0])
        return np.asarray(keys.flatten(), np.uint64).reshape(len(keys), -1)

    def _values(self, batch: Batch) -> UInt64s:
        from dj_assets.kernels.minhash import permutations

        return self._operator.minhash(batch, permutations(PERMUTATIONS)).astype(np.uint64)

    @cached_property
    def _given(self) -> list[LeanMinHash]:
        return [self._lean(values) for values in self._signatures(self._rewritten())]

    def _lean(self, values: UInt64s) -> LeanMinHash:
        from datasketch import LeanMinHash

        return LeanMinHash(seed=_SEED, hashvalues=values, scheme=_SCHEME)

    def _rewritten(self) -> Batch:
        """Return the given texts as the mappers before the signature leave them."""
        end = self._stored.index if self._stored else len(self._plan.steps)
        steps = [step for step in self._plan.steps if step.index < end and _rewrites(step)]
        measured = RowStage(Batch.of_texts(list(self.texts), self.models)).run(replace(self._plan, steps=tuple(steps)))
        batch = Batch.of_texts(measured.text.fill_null("").to_pylist(), self.models)
        own = self._operator.model_copy(update={"keep_short_texts": True})
        short = own.sign(batch).is_null().to_pylist()
        if any(short):
            raise UserError(
                f"text {short.index(True)} is too short for {self.name}: "
                f"a shingle has {self._operator.window_size} words or characters"
            )
        return batch

    @property
    def _index(self) -> MinHashLSH:
        """Return the index of the given texts. A stored band key is one value, which is equal or is not."""
        from datasketch import MinHashLSH

        bands, rows = self._operator.bands
        values = bands if self._stored else PERMUTATIONS
        index = MinHashLSH(num_perm=values, params=(bands, 1 if self._stored else rows))
        for number, given in enumerate(self._given):
            index.insert(number, given)
        return index

    def _matches(self) -> Iterator[tuple[SamplePosition, int, float]]:
        """Yield the position of every sample near a text, the number of the text, and their similarity."""
        index = self._index
        bands, rows = self._operator.bands
        width = 1 if self._stored else rows
        given = np.array([lean.hashvalues for lean in self._given], np.uint64)
        for positions, signatures in self._batches():
            shares = np.zeros(len(signatures), bool)
            for band in range(bands):
                part = slice(band * width, (band + 1) * width)
                for one in given[:, part]:
                    shares |= (signatures[:, part] == one).all(axis=1)
            # nearly all samples share no band with a text: only the others are looked up one by one
            for sample in np.flatnonzero(shares).tolist():
                lean = self._lean(signatures[sample])
                for text in index.query(lean):
                    similarity = self._given[text].jaccard(lean)
                    # the share of equal bands is the similarity to the power of the rows of a band
                    similarity = similarity ** (1 / rows) if self._stored else similarity
                    if similarity >= self.threshold:
                        yield positions[sample], text, round(similarity, 3)

    def _batches(self) -> Iterator[tuple[list[SamplePosition], UInt64s]]:
        """Yield positions of samples and their signatures."""
        kind, column = ("signatures", self._stored.signature) if self._stored else ("cleaned", "text")
        numbers = [file.number for file in self.manifest.files]
        files = all_at_hand(self.layout.measured(kind, number) for number in numbers)
        stats = all_at_hand(self.layout.measured("stats", number) for number in numbers)
        for path, stat in zip(files, stats, strict=True):
            if not path.exists() or not stat.exists():
                raise UserError(f"{self.layout.location}: the measured files are gone; run it again to search in it")
            rows = pq.read_table(stat, columns=["shard", "row"])
            places = list(zip(rows["shard"].to_pylist(), rows["row"].to_pylist(), strict=True))
            begin = 0
            for part in pq.ParquetFile(path).iter_batches(_ROWS_AT_A_TIME, columns=[column]):
                end = begin + len(part)
                if self._stored:
                    signatures = self._keys(part.column(0))
                else:
                    texts = part.column(0).fill_null("").to_pylist()
                    signatures = self._values(Batch.of_texts(texts, self.models))
                yield places[begin:end], signatures
                begin = end

    def _names(self, positions: set[SamplePosition]) -> Mapping[SamplePosition, tuple[str, str]]:
        """Return the id and the outcome of each sample."""
        query = (
            "SELECT s.shard, s.row, s.id,"
            " CASE WHEN q.id IS NOT NULL THEN 'quarantined' ELSE coalesce(d.operator, 'kept') END"
            " FROM stats s LEFT JOIN dropped d USING (shard, row) LEFT JOIN quarantine q USING (shard, row)"
            " WHERE (s.shard, s.row) IN (SELECT unnest(?::INTEGER[]), unnest(?::BIGINT[]))"
        )
        shards, rows = [shard for shard, _ in positions], [row for _, row in positions]
        with reading(self.layout.database) as connection:
            records = connection.execute(query, [shards, rows]).fetchall()
        return {(shard, row): (name, outcome) for shard, row, name, outcome in records}


def _rewrites(step: Step) -> bool:
    """Return whether a step rewrites a text by itself: it needs no fields, no other samples and no server."""
    operator = step.operator
    return (
        isinstance(operator, Mapper)
        and not isinstance(operator, FieldMapper | RecordMapper | CorpusMapper)
        and not operator.reaches_out
    )
