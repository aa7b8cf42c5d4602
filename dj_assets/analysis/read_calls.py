"""Run an operator over one sample again, only to read the kept answers of a language model about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.errors import MissingModelError, SampleError, TextModelError
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.measure.own_keys import rewriting, seen_by
from dj_assets.media.access import MediaAccess
from dj_assets.media.made import name_of
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import Filter, Mapper, Operator
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.recipe.plan import Plan
from dj_assets.stores.media_reader import StoreReader


@dataclass(frozen=True)
class NamedOnly:
    """Name the files that an operator makes as a run does, and write none of them."""

    def recorded(self, key: str) -> tuple[str, ...] | None:  # noqa: ARG002 - nothing is recorded
        """Return None."""
        return None

    def write(self, content: bytes, suffix: str) -> str:
        """Return the name that the file would get."""
        return name_of(content, suffix)

    def record(self, key: str, names: Sequence[str]) -> None:
        """Record nothing."""


@dataclass(frozen=True)
class CallReader:
    """Read the calls about samples of a run. The answers of `models` remember what is read, and ask nothing."""

    plan: Plan
    layout: Layout
    manifest: RunManifest
    models: ModelStore

    def read(self, operator: Operator, sample: Batch | None, position: tuple[int, int]) -> None:
        """Read the calls of an operator about a sample; its images are decoded again, by which its calls are found.

        Mappers over text are left out: their calls are read when the text is rewritten.

        Parameters
        ----------
        sample
            The sample as the operator got it. None takes the measured one, with the fields that later mappers wrote.
        position
            The shard and the row of the sample.
        """
        over_media = issubclass(type(operator), MediaOperator)
        if not issubclass(type(operator), LanguageModelOperator) or not (over_media or isinstance(operator, Filter)):
            return
        sample = self._measured(position) if sample is None else sample
        if sample is None:
            return
        reader = StoreReader() if over_media else None
        try:
            if reader is not None:
                root = self.manifest.media_root(position[0], self.layout.made_media)
                sample = sample.with_media(MediaAccess(self.plan.recipe.media, root, reader, files=NamedOnly()))
            self._run(operator, sample)
        except (SampleError, TextModelError, MissingModelError):
            # an image or a model is gone, or no model is configured by now: the calls are not found
            return
        finally:
            if reader is not None:
                reader.close()

    @staticmethod
    def _run(operator: Operator, sample: Batch) -> None:
        if isinstance(operator, Filter):
            operator.measure(seen_by(operator, sample))
        elif isinstance(operator, Mapper):
            rewriting(operator, operator.apply)(sample)

    def _measured(self, position: tuple[int, int]) -> Batch | None:
        """Return a sample with its cleaned text and its fields as they were measured."""
        shard, row = position
        chosen = [("row", "=", row)]
        texts = pq.read_table(self.layout.fetched("cleaned", shard), columns=["row", "text"], filters=chosen)
        fields = pq.read_table(self.layout.fetched("fields", shard), columns=[FIELDS], filters=chosen)
        if not texts.num_rows or not fields.num_rows:
            return None
        columns = [texts["row"].combine_chunks(), texts["text"].combine_chunks(), fields[FIELDS].combine_chunks()]
        return Batch(pa.RecordBatch.from_arrays(columns, ["row", "text", FIELDS]), self.models)
