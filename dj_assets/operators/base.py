"""The kinds of operators. An operator declares its parameters; measuring and judging never mix."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, model_validator

from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Condition, Range

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Statistic:
    """One column a filter measures: its Data-Juicer key, its Arrow type, its unit in words.

    Examples
    --------
    >>> Statistic("text_len", pa.int64(), "characters").key
    'text_len'
    """

    key: str
    type: pa.DataType
    unit: str = ""


class Operator(BaseModel):
    """One entry of a recipe's `process` list: fields are its parameters, named as in Data-Juicer.

    `version` is part of the identity of everything the operator measured: raise it when results change.
    `judging` names the parameters that only judge: changing them never measures again.

    Examples
    --------
    >>> from dj_assets.operators.text.text_length_filter import TextLengthFilter
    >>> operator = TextLengthFilter(min_len="2e1")
    >>> operator.parameters()
    {'min_len': 20}
    >>> operator.measuring_parameters()
    {'text_key': None}
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    judging: ClassVar[frozenset[str]] = frozenset()
    # the packages it imports that are not always installed, with the extra that brings each
    packages: ClassVar[Mapping[str, str]] = {}

    text_key: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _numbers_in_quotes(cls, values: Any) -> Any:  # noqa: ANN401
        """Read `"2e5"` as a number: recipes write it so, and YAML 1.1 hands it over as a string."""
        if not isinstance(values, dict):
            return values
        numeric = {
            name
            for name, info in cls.model_fields.items()
            if {int, float} & {info.annotation, *get_args(info.annotation)}
        }
        return {
            key: float(value) if key in numeric and isinstance(value, str) and _NUMBER.fullmatch(value) else value
            for key, value in values.items()
        }

    def parameters(self) -> dict[str, Any]:
        """Return every parameter that differs from its default, plus those given, ready for JSON."""
        given = self.model_dump(mode="json", exclude_unset=True)
        return {**self.model_dump(mode="json", exclude_defaults=True), **given}

    def measuring_parameters(self) -> dict[str, Any]:
        """Return the parameters that decide what is measured: all but the judging ones, defaults included."""
        return self.model_dump(mode="json", exclude=set(self.judging))

    def models(self) -> tuple[str, ...]:
        """Return the names of the models and word lists this operator loads, as the model manifest knows them."""
        return ()

    def warm_up(self, batch: Batch) -> None:
        """Load models and compile kernels ahead of the first batch. `batch` is empty."""


class StatisticsByParameters:
    """Statistics that depend on parameters: on a class those of its defaults, on an operator its own."""

    def __init__(self, choose: Callable[[Any], tuple[Statistic, ...]]) -> None:
        self.choose = choose

    def __get__(self, operator: Operator | None, owner: type[Operator]) -> tuple[Statistic, ...]:
        """Return the statistics of an operator, or of its class with default parameters."""
        return self.choose(owner() if operator is None else operator)


class Mapper(Operator):
    """Rewrites the text of samples; never drops or adds one.

    Examples
    --------
    >>> import pyarrow.compute as pc
    >>> class LowerCaseMapper(Mapper):
    ...     def apply(self, batch):
    ...         return batch.with_text(pc.utf8_lower(batch.text))
    >>> LowerCaseMapper().apply(Batch.of_texts(["One TWO", ""])).text.to_pylist()
    ['one two', '']
    """

    @abstractmethod
    def apply(self, batch: Batch) -> Batch:
        """Return the batch with its text rewritten."""

    def warm_up(self, batch: Batch) -> None:
        """Rewrite an empty batch: that loads what a full one needs."""
        self.apply(batch)


class CorpusMapper(Mapper):
    """Rewrites text by what the whole corpus holds: keys that more than `frequency_threshold` samples have.

    That takes two passes. The first counts: every sample that the operators before let pass counts once for each of its
    keys. The second rewrites every sample, knowing the frequent keys. The keys that `count` returns do not depend on
    the threshold.

    Examples
    --------
    A mapper that empties texts whose length many samples have:

    >>> import pyarrow.compute as pc
    >>> class CommonLengthMapper(CorpusMapper):
    ...     frequency_threshold: int = 1
    ...     def count(self, batch):
    ...         return pa.array([[length] for length in self.lengths(batch)], pa.list_(pa.uint64()))
    ...     def rewrite(self, batch, frequent):
    ...         common = np.isin(self.lengths(batch), frequent)
    ...         return batch.with_text(pc.if_else(pa.array(common), "", batch.text))
    ...     def lengths(self, batch):
    ...         return pc.utf8_length(batch.text).to_numpy().astype(np.uint64)
    >>> batch = Batch.of_texts(["one", "two", "three"])
    >>> CommonLengthMapper().count(batch).to_pylist()
    [[3], [3], [5]]
    >>> CommonLengthMapper().rewrite(batch, np.array([3], np.uint64)).text.to_pylist()
    ['', '', 'three']
    """

    frequency_threshold: int

    def counting_parameters(self) -> dict[str, Any]:
        """Return the parameters that decide which keys a sample has: all measuring ones but the threshold."""
        return self.model_dump(mode="json", exclude={*self.judging, "frequency_threshold"})

    @abstractmethod
    def count(self, batch: Batch) -> pa.Array:
        """Return the distinct keys of every sample: a list of `uint64` each, empty where it has none."""

    @abstractmethod
    def rewrite(self, batch: Batch, frequent: np.ndarray) -> Batch:
        """Return the batch rewritten. `frequent` are the keys above the threshold: sorted `uint64`, shape `(n,)`."""

    def apply(self, batch: Batch) -> Batch:
        """Return the batch as it is rewritten without a corpus, that is where no key is frequent."""
        return self.rewrite(batch, np.empty(0, np.uint64))


class Filter(Operator):
    """Measures statistics of samples; `condition` judges them declaratively.

    Examples
    --------
    >>> import pyarrow.compute as pc
    >>> from dj_assets.operators.conditions import OneOf
    >>> class LastCharacterFilter(Filter):
    ...     judging = Filter.judging | {"allowed"}
    ...     statistics = (Statistic("last_character", pa.string()),)
    ...     allowed: tuple[str, ...] = (".", "!")
    ...     def measure(self, batch):
    ...         return {"last_character": pc.utf8_slice_codeunits(batch.text, -1)}
    ...     @property
    ...     def condition(self):
    ...         return OneOf("last_character", self.allowed)
    >>> operator = LastCharacterFilter()
    >>> operator.measure(Batch.of_texts(["An end.", "No end", ""]))["last_character"].to_pylist()
    ['.', 'd', '']
    >>> "allowed" in operator.measuring_parameters()
    False
    """

    judging: ClassVar[frozenset[str]] = frozenset({"min_closed_interval", "max_closed_interval", "reversed_range"})
    statistics: ClassVar[tuple[Statistic, ...]] = ()

    min_closed_interval: bool = True
    max_closed_interval: bool = True
    reversed_range: bool = False

    @property
    def costly(self) -> bool:
        """Whether `stats: cascade` measures it only for samples that the filters before keep."""
        return False

    @abstractmethod
    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return one array per statistic key, each as long as the batch. Knows no threshold."""

    def warm_up(self, batch: Batch) -> None:
        """Measure an empty batch: that loads what a full one needs."""
        self.measure(batch)

    @property
    @abstractmethod
    def condition(self) -> Condition:
        """What a sample's statistics must satisfy to be kept."""


class BoundedFilter(Filter):
    """A filter with one statistic and two bounds, both inclusive by default.

    Subclasses name the two parameters in `bounds` and declare them as fields; `None` means no bound.

    Examples
    --------
    >>> from dj_assets.operators.text.text_length_filter import TextLengthFilter
    >>> found = TextLengthFilter(min_len=5, max_len=9, max_closed_interval=False).range
    >>> (found.low, found.high, found.low_name, found.high_closed)
    (5, 9, 'min_len', False)
    """

    bounds: ClassVar[tuple[str, str]] = ("min_ratio", "max_ratio")

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**kwargs)
        cls.judging = Filter.judging | set(cls.bounds)

    @property
    def range(self) -> Range:
        """The range between the bounds, in the terms of the parameters that bound it."""
        low, high = self.bounds
        return Range(
            key=self.statistics[0].key,
            low=getattr(self, low),
            high=getattr(self, high),
            low_name=low,
            high_name=high,
            low_closed=self.min_closed_interval,
            high_closed=self.max_closed_interval,
            reversed=self.reversed_range,
        )


class RangeFilter(BoundedFilter):
    """A filter with one statistic, a number that must lie between two bounds.

    Examples
    --------
    >>> import pyarrow.compute as pc
    >>> class ExclamationFilter(RangeFilter):
    ...     bounds = ("min_num", "max_num")
    ...     statistics = (Statistic("exclamations", pa.int64(), "characters"),)
    ...     min_num: int = 0
    ...     max_num: int = 2
    ...     def measure(self, batch):
    ...         return {"exclamations": pc.count_substring(batch.text, "!").cast(pa.int64())}
    >>> operator = ExclamationFilter(max_num=1)
    >>> operator.measure(Batch.of_texts(["Calm.", "Now!!!"]))["exclamations"].to_pylist()
    [0, 3]
    >>> operator.condition.keep({"exclamations": "exclamations"}).parameters
    (0, 1)
    """

    @property
    def condition(self) -> Range:
        """The range of the statistic."""
        return self.range


class Deduplicator(Operator):
    """Signs samples; those whose signatures say so make clusters, chains included, the first sample of each is kept.

    A signature is one value, an integer or bytes of a fixed size: samples with equal ones are duplicates, and those
    with `near_pairs` of them. Or it is a list of integers, its keys: samples that share any key are duplicates, as the
    bands of locality-sensitive hashing have it. `signature_type` says which.

    Examples
    --------
    A deduplicator for which texts of about the same length are duplicates:

    >>> import pyarrow.compute as pc
    >>> class LengthDeduplicator(Deduplicator):
    ...     def sign(self, batch):
    ...         return pc.utf8_length(batch.text).cast(pa.uint64())
    ...     @property
    ...     def within(self):
    ...         return 1
    >>> operator = LengthDeduplicator()
    >>> signatures = operator.sign(Batch.of_texts(["four", "five5", "a longer example"])).to_numpy()
    >>> operator.near_pairs(signatures).to_pylist()
    [{'a': 4, 'b': 5, 'distance': 1}]
    >>> operator.may_be_near
    True
    """

    signature_type: ClassVar[pa.DataType] = pa.uint64()

    @property
    def short_text_keys(self) -> tuple[int, ...]:
        """The signature, or its keys, of every text too short for a single shingle; empty where there is none such."""
        return ()

    @abstractmethod
    def sign(self, batch: Batch) -> pa.Array:
        """Return one signature a sample; null never equals anything."""

    def warm_up(self, batch: Batch) -> None:
        """Sign an empty batch: that loads what a full one needs."""
        self.sign(batch)

    def distance(self, own: str, kept: str) -> str:  # noqa: ARG002
        """Return SQL for how far a duplicate's signature lies from that of the kept twin; both are columns.

        By default 0 where only equal signatures are duplicates, else null: not known.
        """
        return "NULL" if self.may_be_near or pa.types.is_list(self.signature_type) else "0"

    @property
    def within(self) -> int:
        """How many bits the 64-bit signatures of duplicates may differ in, by default none."""
        return 0

    @property
    def may_be_near(self) -> bool:
        """Whether signatures that differ may be those of duplicates, too; of lists of keys it is not asked."""
        if pa.types.is_list(self.signature_type):
            return False
        return self.within > 0 or type(self).near_pairs is not Deduplicator.near_pairs

    def near_pairs(self, distinct: np.ndarray, threads: int = 1) -> pa.Table:
        """Return pairs of distinct signatures that count as duplicates: by default those `within` so many bits.

        Parameters
        ----------
        distinct
            Sorted distinct signature values, shape `(n,)`.
        threads
            How many to use; who overrides this need not take it.

        Returns
        -------
        pa.Table
            With columns `a`, `b` (`a < b`, signature values) and `distance`, each pair once, in their order.
        """
        if not self.within:
            empty = pa.array([], self.signature_type)
            return pa.table({"a": empty, "b": empty, "distance": pa.array([], pa.int32())})
        from dj_assets.kernels.hamming import near_pairs

        a, b, distance = near_pairs(distinct.astype(np.uint64, copy=False), self.within, threads)
        return pa.table({"a": pa.array(a), "b": pa.array(b), "distance": pa.array(distance)})
