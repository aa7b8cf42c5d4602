"""Define the kinds of operators: mapper, filter, deduplicator and others; parameters are fields."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar, get_args

import numpy as np
import pyarrow as pa
from pydantic import (
    BaseModel,
    ConfigDict,
    PlainSerializer,
    PrivateAttr,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from dj_assets.media.media_keys import MediaKeys
from dj_assets.models.store import ModelStore
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Condition, Range
from dj_assets.operators.sql import Sql

T = TypeVar("T")
# Stands for the row of a sample that is in another file.
ELSEWHERE = np.uint64(2**64 - 1)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def _limit(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    if type(value) is int:
        return value
    number = handler(value)
    return int(number) if number.is_integer() else number


def _as_it_is(number: float) -> float:
    return number


# A bound of whole numbers. It may have a fraction, and a whole number stays one: no float holds the largest of them.
Limit = Annotated[float, WrapValidator(_limit), PlainSerializer(_as_it_is, return_type=Any)]


@dataclass(frozen=True)
class Statistic:
    """Describe one column that a filter measures: its Data-Juicer key, its Arrow type, its unit in words.

    Examples
    --------
    >>> Statistic("text_len", pa.int64(), "characters").key
    'text_len'
    """

    key: str
    type: pa.DataType
    unit: str = ""


class Operator(BaseModel):
    """Define one entry of a recipe's `process` list. Fields are its parameters, named as in Data-Juicer.

    `version` is part of the identity of everything that the operator measured: raise it when results change. `judging`
    names the parameters that only judge: a new value measures nothing again.

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
    # True for an operator that needs more than the samples themselves: their media files, or a server.
    reaches_out: ClassVar[bool] = False
    # True for an operator whose calls of models that write are kept with the subset.
    keeps_calls: ClassVar[bool] = False
    # True for an operator that by default takes only samples that the filters before it keep, see `Plan.conditional`.
    by_default_conditional: ClassVar[bool] = False
    # False for an operator whose `text_key` names a field that it writes.
    reads_text: ClassVar[bool] = True
    # Parameters whose names in recipes are taken here by something else, with the names of their fields.
    recipe_names: ClassVar[Mapping[str, str]] = {}
    # Imported packages that are optional, each with the extra that installs it.
    packages: ClassVar[Mapping[str, str]] = {}

    # The parameter that names languages, or other labels of a model, see `languages`.
    language_key: ClassVar[str] = "lang"

    text_key: str | None = None
    # The key of the text in the recipe, which the loader sets.
    _text_of_recipe: str = PrivateAttr("text")
    _media_of_recipe: MediaKeys = PrivateAttr(default_factory=MediaKeys)

    @property
    def text_name(self) -> str:
        """Return the key under which records have the text that this operator works on."""
        return self.text_key or self.text_of_recipe

    @property
    def text_of_recipe(self) -> str:
        """Return the key under which records have the text of their sample."""
        return self._text_of_recipe

    def __eq__(self, other: object) -> bool:
        """Compare parameters: the recipe that an operator belongs to is none of them."""
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *map(repr, self.__dict__.values())))

    def in_recipe(self, text_key: str, media_keys: MediaKeys | None = None) -> Self:
        """Return the operator as one of a recipe, given the fields of its records that hold the text and list media."""
        self._text_of_recipe = text_key
        self._media_of_recipe = media_keys or MediaKeys()
        return self

    @property
    def media_of_recipe(self) -> MediaKeys:
        """Return the fields that list media in the recipe."""
        return self._media_of_recipe

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, values: object) -> object:
        """Read `"2e5"` as a number. Recipes contain such values, and YAML 1.1 reads them as strings."""
        if not isinstance(values, dict):
            return values
        values = {cls.recipe_names.get(key, key): value for key, value in values.items()}
        numeric = {
            name
            for name, info in cls.model_fields.items()
            if {int, float} & {info.annotation, *get_args(info.annotation)}
        }
        return {
            key: float(value) if key in numeric and isinstance(value, str) and _NUMBER.fullmatch(value) else value
            for key, value in values.items()
        }

    def parameters(self) -> dict[str, object]:
        """Return all parameters that were given or differ from their defaults, ready for JSON."""
        given = self.model_dump(mode="json", exclude_unset=True)
        return {**self.model_dump(mode="json", exclude_defaults=True), **given}

    def measuring_parameters(self) -> dict[str, object]:
        """Return the parameters that affect measured values: all but the judging ones, defaults included."""
        return self.model_dump(mode="json", exclude=set(self.judging))

    @property
    def reads_statistics(self) -> tuple[str, ...]:
        """Return the keys of earlier operators' statistics that this one reads, by `views.sample_statistics`."""
        return ()

    def models(self) -> tuple[str, ...]:
        """Return the names of the models and word lists that this operator loads, as in the model manifest."""
        return ()

    def languages(self, models: ModelStore) -> tuple[Collection[str], Collection[str]]:  # noqa: ARG002
        """Return the languages that the parameters name, and those that the model knows; by default none."""
        return (), ()

    def problem_with_models(self, models: ModelStore) -> str:  # noqa: ARG002
        """Return why a model that was found cannot be used here; empty if all can."""
        return ""

    def lacks(self) -> str | None:
        """Return what the operator lacks to do its work, as a sentence for `validate`; None if it lacks nothing."""
        return None

    def warm_up(self, batch: Batch) -> None:
        """Load models and compile kernels before the first batch. `batch` is empty."""


class ByParameters(Generic[T]):
    """Make a declaration of an operator depend on its parameters: its statistics, or the fields that it writes.

    On a class, the attribute gives the declaration for default parameters; on an operator, that for its own parameters.
    """

    def __init__(self, choose: Callable[[Any], T]) -> None:
        self.choose = choose

    def __get__(self, operator: Operator | None, owner: type[Operator]) -> T:
        """Return the declaration of an operator, or of its class with default parameters."""
        return self.choose(owner() if operator is None else operator)


class StatisticsByParameters(ByParameters[tuple[Statistic, ...]]):
    """Make the statistics of a filter depend on its parameters."""


class Mapper(Operator):
    """Rewrite the text of samples. A mapper never drops or adds a sample.

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
        """Rewrite an empty batch, which loads everything that a full batch needs."""
        self.apply(batch)


class FieldMapper(Mapper):
    """Write fields of samples in addition to the text, such as tags or extracted values.

    The text stays as it is, unless `apply` rewrites it, too.

    `fields` declares the Arrow type of every written field: `pa.string()`, `pa.int64()`, `pa.float64()`, `pa.bool_()`,
    and lists and structs of these. Dots in a name lead into nested fields. A field of the same name is replaced. Later
    operators read the field by their `text_key`, `field_key`, `image_key` or `video_key`.

    Examples
    --------
    >>> import pyarrow.compute as pc
    >>> class ShoutingMapper(FieldMapper):
    ...     fields = {"shouting": pa.bool_()}
    ...     def extract(self, batch):
    ...         return {"shouting": pc.utf8_is_upper(batch.text)}
    >>> ShoutingMapper().extract(Batch.of_texts(["NOW", "calm"]))["shouting"].to_pylist()
    [True, False]
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = {}

    @abstractmethod
    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return one array for each declared field, as long as the batch; null means no value."""

    def apply(self, batch: Batch) -> Batch:
        """Return the batch as it is: the row stage writes the fields that `extract` returns."""
        return batch

    def warm_up(self, batch: Batch) -> None:
        """Extract from an empty batch, which loads everything that a full batch needs."""
        self.extract(batch)


class RecordMapper(Mapper):
    """Rewrite the text of samples by `apply`, and their other fields by `edit`, which keeps names and types.

    Examples
    --------
    >>> class NoSpacesMapper(RecordMapper):
    ...     def apply(self, batch):
    ...         return batch.with_text(pa.array([text.replace(" ", "") for text in batch.text.to_pylist()]))
    ...     def edit(self, name, value):
    ...         return value.replace(" ", "") if isinstance(value, str) else value
    >>> NoSpacesMapper().edit("title", "A long title")
    'Alongtitle'
    """

    @abstractmethod
    def edit(self, name: str, value: object) -> object:
        """Return the new value of a field, of the same type: a text for a text, an equally nested value for others."""


class CountingMapper(RecordMapper):
    """Rewrite samples, and measure how much of them: statistics that nothing judges, taken before the rewriting.

    Examples
    --------
    >>> import pyarrow.compute as pc
    >>> class NoDigitsMapper(CountingMapper):
    ...     statistics = (Statistic("digits", pa.int64(), "characters"),)
    ...     def apply(self, batch):
    ...         return batch.with_text(pc.replace_substring_regex(batch.text, "[0-9]", ""))
    ...     def edit(self, name, value):
    ...         return value
    ...     def measure(self, batch):
    ...         return {"digits": pc.count_substring_regex(batch.text, "[0-9]").cast(pa.int64())}
    >>> NoDigitsMapper().measure(Batch.of_texts(["1 or 23", "none"]))["digits"].to_pylist()
    [3, 0]
    """

    statistics: ClassVar[tuple[Statistic, ...]] = ()

    @abstractmethod
    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return one array for each statistic key, as long as the batch."""


class CorpusMapper(Mapper):
    """Rewrite text depending on the whole corpus: on keys that more than `frequency_threshold` samples have.

    This takes two passes. The first pass counts: every sample that the earlier operators keep counts once for each of
    its keys. The second pass rewrites every sample, given the frequent keys. The result of `count` does not depend on
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

    @property
    def keeps_first(self) -> bool:
        """Return true if the first sample with a frequent key is treated otherwise, see `rewrite`; by default, false.

        Such a mapper cannot stand behind an expander: children have no row of their own while they are measured.
        """
        return False

    def counting_parameters(self) -> dict[str, object]:
        """Return the parameters that affect the keys of a sample: all measuring ones but the threshold."""
        return self.model_dump(mode="json", exclude={*self.judging, "frequency_threshold"})

    @abstractmethod
    def count(self, batch: Batch) -> pa.Array:
        """Return the distinct keys of every sample: one list of `uint64` each, empty if it has none."""

    @abstractmethod
    def rewrite(self, batch: Batch, frequent: np.ndarray) -> Batch:
        """Return the batch rewritten.

        `frequent` holds the keys above the threshold: sorted `uint64`, shape `(n,)`. If the operator keeps the first
        sample with a key, the shape is `(n, 2)`: the second column has the row of that sample, `ELSEWHERE` if it is in
        another file. The column `row` of a batch has the rows of its samples.
        """

    def apply(self, batch: Batch) -> Batch:
        """Return the batch rewritten without a corpus: as if no key were frequent."""
        return self.rewrite(batch, np.empty(0, np.uint64))


class Measuring(Operator):
    """Measure statistics of samples, which a filter or a selector judges later.

    Examples
    --------
    >>> issubclass(Filter, Measuring), issubclass(Selector, Measuring)
    (True, True)
    """

    statistics: ClassVar[tuple[Statistic, ...]] = ()

    @abstractmethod
    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return one array for each statistic key, as long as the batch. Uses no threshold."""

    def warm_up(self, batch: Batch) -> None:
        """Measure an empty batch, which loads everything that a full batch needs."""
        self.measure(batch)


class Filter(Measuring):
    """Measure statistics of samples. `condition` declares which values keep a sample.

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

    min_closed_interval: bool = True
    max_closed_interval: bool = True
    reversed_range: bool = False

    @property
    def costly(self) -> bool:
        """Return true if `stats: cascade` measures this filter only for samples that the filters before it keep."""
        return False

    @property
    @abstractmethod
    def condition(self) -> Condition:
        """Return the condition under which a sample is kept."""


class BoundedFilter(Filter):
    """Filter by one statistic and two bounds, both inclusive by default.

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
        """Return the range between the bounds, with the names of the parameters that set them."""
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
    """Filter by one statistic, a number between two bounds.

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
        """Return the range of the statistic."""
        return self.range


class Selector(Measuring):
    """Select among the samples that the operators before it keep, by rank, share or frequency of a value.

    The value is the only statistic. It is named by `field_key`: a field of the sample, or `__dj__stats__.<key>` for the
    statistic of an operator before. A selector without a statistic, such as a random one, measures nothing.

    Examples
    --------
    A selector of the samples whose text length is the most frequent one:

    >>> import pyarrow.compute as pc
    >>> from dj_assets.operators.sql import Sql
    >>> class UsualLengthSelector(Selector):
    ...     statistics = (Statistic("length", pa.int64(), "characters"),)
    ...     def measure(self, batch):
    ...         return {"length": pc.utf8_length(batch.text).cast(pa.int64())}
    ...     def selection(self, samples):
    ...         return Sql("SELECT sample FROM samples WHERE value = (SELECT mode(value) FROM samples)")
    ...     @property
    ...     def reason(self):
    ...         return "another length than most"
    >>> UsualLengthSelector().selection(3).parameters
    ()
    """

    field_key: str = ""

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:  # noqa: ARG002
        """Return the value of every sample; nothing for a selector without a statistic."""
        return {}

    @abstractmethod
    def selection(self, samples: int) -> Sql | None:
        """Return a query for the selected samples, or None if all are selected.

        Parameters
        ----------
        samples
            Number of samples to select from, at least 2.

        Returns
        -------
        Sql
            A query for the column `sample` over the table `samples`, which has the columns `sample` (BIGINT, ascending
            in the order of the samples), `shard` (INTEGER), `row` (BIGINT) and `value` (NULL without a statistic).
        """

    @property
    @abstractmethod
    def reason(self) -> str:
        """Return in words why a sample is not selected."""


class Expander(Operator):
    """Replace every sample by several others, its children, such as the chunks of a text.

    Children have the fields of their parent except those that the operator returns. They are measured whether or not
    the parent is kept, so that bounds before this operator stay free.

    Examples
    --------
    >>> import pyarrow.compute as pc
    >>> class ClauseMapper(Expander):
    ...     def expand(self, batch):
    ...         return pc.split_pattern(batch.text, "; ")
    >>> ClauseMapper().expand(Batch.of_texts(["one; two", "three"])).to_pylist()
    [['one', 'two'], ['three']]
    """

    @property
    def keeps_parents(self) -> bool:
        """Return true if a sample stays with its children; by default, the children replace it."""
        return False

    @abstractmethod
    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the children of every sample, in order: a list of texts, or of structs.

        A struct has the field `text` and the fields of the sample that differ from those of the parent.
        """

    def warm_up(self, batch: Batch) -> None:
        """Expand an empty batch, which loads everything that a full batch needs."""
        self.expand(batch)


class Grouper(Measuring):
    """Form groups of the samples that the operators before it keep. An aggregator follows it in the recipe.

    One new sample, the aggregate, takes the place of the members of each group. The value to group by is the only
    statistic; a grouper without one, such as a grouper by number, measures nothing.

    Examples
    --------
    A grouper of the samples whose texts have the same length:

    >>> import pyarrow.compute as pc
    >>> from dj_assets.operators.sql import Sql
    >>> class LengthGrouper(Grouper):
    ...     statistics = (Statistic("length", pa.int64(), "characters"),)
    ...     def measure(self, batch):
    ...         return {"length": pc.utf8_length(batch.text).cast(pa.int64())}
    ...     @property
    ...     def grouping(self):
    ...         return Sql('SELECT sample, value AS "group" FROM samples')
    >>> LengthGrouper().grouping.parameters
    ()
    """

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:  # noqa: ARG002
        """Return the value of every sample; nothing for a grouper without a statistic."""
        return {}

    @property
    @abstractmethod
    def grouping(self) -> Sql:
        """Return a query for the groups.

        It has the columns `sample` and `group`, of any type, over the table `samples`, which has the columns `sample`
        (BIGINT, ascending in the order of the samples), `shard` (INTEGER), `row` (BIGINT) and `value` (NULL without a
        statistic). Every sample belongs to one group; samples with an equal `group`, also NULL, belong together.
        """


class Aggregator(Operator):
    """Make one sample of every group that the grouper before it forms.

    With `text_key`, the texts of the members are those of that field, empty for a member without it. Several
    aggregators may follow a grouper: each reads the members, the fields of all are written, and the text is that of
    the last one.

    Examples
    --------
    >>> import pyarrow.compute as pc
    >>> class LongestTextAggregator(Aggregator):
    ...     def aggregate(self, groups):
    ...         return pa.array([max(texts, key=len) for texts in groups.to_pylist()], pa.string())
    >>> LongestTextAggregator().aggregate(pa.array([["a", "abc"], ["de"]])).to_pylist()
    ['abc', 'de']
    """

    @abstractmethod
    def aggregate(self, groups: pa.ListArray) -> pa.Array:
        """Return one sample for each group: a text, or a struct with the field `text` and further fields.

        `groups` has one list of texts for each group, those of its members in their order; no list is empty.
        """

    @property
    def members_key(self) -> str | None:
        """Return the field of the members that holds their texts, None for the text of the recipe."""
        return self.text_key

    def aggregate_with(self, groups: pa.ListArray, models: ModelStore) -> pa.Array:  # noqa: ARG002
        """Return the same as `aggregate`, for an operator that needs models or kept answers, too."""
        return self.aggregate(groups)

    def warm_up(self, batch: Batch) -> None:  # noqa: ARG002
        """Aggregate no groups, which loads everything that groups need."""
        self.aggregate(pa.array([], pa.list_(pa.string())))


class Deduplicator(Operator):
    """Compute a signature for every sample, to find duplicates. The first sample of a cluster is kept, chains included.

    `signature_type` declares one of two kinds of signature. One value, an integer or bytes of a fixed size: samples
    with equal values are duplicates, and so are those whose values are in `near_pairs`. Or a list of integers, the
    keys: samples that share any key are duplicates, as with the bands of locality-sensitive hashing.

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
        """Return the signature of a text too short for one shingle, or its keys; empty if there is none.

        Such a text has all of these keys, and no other text has any.
        """
        return ()

    @abstractmethod
    def sign(self, batch: Batch) -> pa.Array:
        """Return one signature for each sample; null never equals anything."""

    def warm_up(self, batch: Batch) -> None:
        """Sign an empty batch, which loads everything that a full batch needs."""
        self.sign(batch)

    def distance(self, own: str, kept: str) -> str:  # noqa: ARG002
        """Return SQL for the distance of a duplicate's signature from that of the kept duplicate; both are columns.

        By default 0 if only equal signatures are duplicates, else null: not known.
        """
        return "NULL" if self.may_be_near or pa.types.is_list(self.signature_type) else "0"

    @property
    def within(self) -> int:
        """Return the largest Hamming distance of the 64-bit signatures of duplicates, by default 0."""
        return 0

    @property
    def may_be_near(self) -> bool:
        """Return true if samples with different signatures may be duplicates; false for lists of keys."""
        if pa.types.is_list(self.signature_type):
            return False
        return self.within > 0 or type(self).near_pairs is not Deduplicator.near_pairs

    def near_pairs(self, distinct: np.ndarray, threads: int = 1) -> pa.Table:
        """Return pairs of distinct signatures that count as duplicates: by default those at most `within` bits apart.

        Parameters
        ----------
        distinct
            Sorted distinct signature values, shape `(n,)`.
        threads
            Number of threads. An override need not use it.

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
