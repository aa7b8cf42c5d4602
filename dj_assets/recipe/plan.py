"""The plan of a recipe: steps with their columns, and the hashes that decide whether results are up to date."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import groupby, takewhile
from operator import itemgetter

from dj_assets import settings
from dj_assets.errors import RecipeError, UserError
from dj_assets.media import confinement
from dj_assets.media.media_keys import MediaKeys
from dj_assets.media.tokens import Kind
from dj_assets.models import extras
from dj_assets.models.store import ModelFile, ModelStore
from dj_assets.operators.base import (
    Aggregator,
    CorpusMapper,
    CountingMapper,
    Deduplicator,
    Expander,
    Filter,
    Grouper,
    Mapper,
    Measuring,
    Operator,
    Selector,
    Statistic,
)
from dj_assets.operators.contract import IDENTITY
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.kinds.media_maker import MediaWriter
from dj_assets.operators.kinds.python_code import CodeMapper
from dj_assets.operators.kinds.vector_deduplicator import VectorDeduplicator
from dj_assets.recipe.custom_operators import CONTENT
from dj_assets.recipe.model import Recipe, Source

# Columns of the table `stats` of samples that an operator made from others, see `home.identity`.
CHILD = ("parent_row", "created_at")
# A key of a selector that names a statistic; other keys name fields of the samples.
STATISTICS = "__dj__stats__."
# The operators that change what later ones read.
_REWRITING = (Mapper, Expander, Grouper, Aggregator)
# Part of every hash: increase it when the meaning of measured files changes.
FORMAT = 1


@dataclass(frozen=True)
class Step:
    """Hold one operator at its index in the recipe.

    `label` is the operator's name, with `_2` for its second instance; `columns` maps statistic keys to the columns of
    the table `stats`; `identity` identifies the measure: two steps with the same identity measure the same.
    `statistics` are those that the step measures: a selector may judge a column that an earlier step measures. `reads`
    maps the keys of statistics that the operator reads to their columns.
    """

    index: int
    operator: Operator
    label: str
    columns: dict[str, str]
    identity: str
    statistics: tuple[Statistic, ...] = ()
    reads: dict[str, str] = field(default_factory=dict)

    @property
    def drops(self) -> bool:
        """Return whether the operator can drop samples."""
        return not isinstance(self.operator, Mapper | Expander | Grouper | Aggregator)

    @property
    def signature(self) -> str:
        """Return the column of a deduplicator's signature, or of the keys that are counted."""
        return f"{self.label}_{self.index}"

    @property
    def vector(self) -> str | None:
        """Return the column of the vectors that a deduplicator compares, None if its signatures suffice."""
        return f"{self.signature}_vector" if isinstance(self.operator, VectorDeduplicator) else None


@dataclass(frozen=True)
class MembersRead:
    """Tell which texts of the members of a group an aggregator reads, and whether it is the last one of the group."""

    number: int
    last: bool


# The only aggregator of its groups reads this.
ALL_READ = MembersRead(0, last=True)


@dataclass(frozen=True)
class Plan:
    """Hold the steps of a recipe in order."""

    recipe: Recipe
    steps: tuple[Step, ...]

    @cached_property
    def filters(self) -> tuple[Step, ...]:
        """Return the steps that measure statistics."""
        return tuple(step for step in self.steps if isinstance(step.operator, Filter))

    @cached_property
    def deduplicators(self) -> tuple[Step, ...]:
        """Return the steps that sign samples."""
        return tuple(step for step in self.steps if isinstance(step.operator, Deduplicator))

    @cached_property
    def expanders(self) -> tuple[Step, ...]:
        """Return the steps that replace samples by others."""
        return tuple(step for step in self.steps if isinstance(step.operator, Expander))

    @cached_property
    def groupers(self) -> tuple[Step, ...]:
        """Return the steps that form groups of samples; an aggregator follows each."""
        return tuple(step for step in self.steps if isinstance(step.operator, Grouper))

    def aggregators(self, grouper: Step) -> tuple[Aggregator, ...]:
        """Return the aggregators that follow a grouper."""
        behind = (step.operator for step in self.steps if step.index > grouper.index)
        return tuple(takewhile(lambda operator: isinstance(operator, Aggregator), behind))  # type: ignore[arg-type]

    @cached_property
    def members_read(self) -> Mapping[int, MembersRead]:
        """Return what every aggregator reads of the members, by the index of its step."""
        read: dict[int, MembersRead] = {}
        for _, run in groupby(self.steps, lambda step: isinstance(step.operator, Aggregator)):
            chain = [(step.index, step.operator.members_key) for step in run if isinstance(step.operator, Aggregator)]
            keys = list(dict.fromkeys(key for _, key in chain))
            read |= {index: MembersRead(keys.index(key), last=index == chain[-1][0]) for index, key in chain}
        return read

    @property
    def makes_media(self) -> bool:
        """Return whether steps make media files."""
        return any(isinstance(step.operator, MediaWriter) for step in self.steps)

    @property
    def asks_models(self) -> bool:
        """Return whether steps call models that write or paint; their calls are kept."""
        return any(step.operator.keeps_calls for step in self.steps)

    @property
    def makes_samples(self) -> bool:
        """Return whether steps make samples from others."""
        return bool(self.expanders or self.groupers)

    def stage(self, number: int) -> Plan:
        """Return the steps that measure the records of the source (0), or the aggregates of the n-th grouper (n).

        A stage ends with a grouper, and the aggregates that the grouper makes begin the next one. Steps keep their
        indices.
        """
        ends = [-1, *(step.index for step in self.groupers), len(self.steps)]
        return replace(self, steps=self.steps[ends[number] + 1 : ends[number + 1] + 1])

    def stage_of(self, step: Step) -> int:
        """Return the number of the stage of a step."""
        return sum(grouper.index < step.index for grouper in self.groupers)

    @cached_property
    def corpus_mappers(self) -> tuple[Step, ...]:
        """Return the steps that need a separate counting pass before they can rewrite."""
        return tuple(step for step in self.steps if isinstance(step.operator, CorpusMapper))

    def notices(self) -> tuple[str, ...]:
        """Return sentences that a user should read before a run.

        Raises
        ------
        UserError
            If images or clips are decoded, and this system cannot provide what `DJ_MEDIA_SANDBOX=require` demands.
        """
        confined = confinement.notices(settings.media_sandbox()) if self.media else ()
        return (*self.recipe.notices, *confined, *self._lacking())

    def _lacking(self) -> tuple[str, ...]:
        """Return what operators lack, such as a language model that is configured; the same only for the first step."""
        lacking: dict[str, str] = {}
        for step in self.steps:
            if problem := step.operator.lacks():
                lacking.setdefault(problem, self.line_about(step, problem))
        return tuple(lacking.values())

    @cached_property
    def media(self) -> tuple[MediaOperator, ...]:
        """Return the operators that read images or clips."""
        return tuple(step.operator for step in self.steps if isinstance(step.operator, MediaOperator))

    @cached_property
    def listings(self) -> tuple[tuple[Kind, MediaKeys], ...]:
        """Return every kind of media that operators read, with the fields that list it; sorted by kind, each once."""
        read = dict.fromkeys((operator.media, operator.keys(self.recipe.media)) for operator in self.media)
        return tuple(sorted(read, key=itemgetter(0)))

    @property
    def block_bytes(self) -> int:
        """Return the approximate number of bytes of records that are measured at a time."""
        kinds = {operator.media for operator in self.media}
        if not kinds:
            return settings.MODEL_BLOCK_BYTES if self.asks_models else settings.BATCH_BYTES
        return settings.IMAGE_BLOCK_BYTES if kinds == {"images"} else settings.CLIP_BLOCK_BYTES

    def before(self, step: Step) -> Plan:
        """Return the plan of the steps before `step`."""
        return Plan(self.recipe, self.steps[: step.index])

    def counting(self, step: Step) -> Plan:
        """Return the plan of the counting pass of a corpus mapper: all steps up to it.

        Its hash does not depend on the thresholds of the steps before, or on the threshold of the mapper itself.
        """
        operator = step.operator
        if not isinstance(operator, CorpusMapper):
            raise TypeError(f"{step.label} does not count")
        before = self.before(step)
        counted_identity = [operator.name, _code_version(operator), operator.counting_parameters()]
        identity = digest(
            [counted_identity, [done.identity for done in before.steps if isinstance(done.operator, _REWRITING)]]
        )
        return Plan(self.recipe, (*before.steps, replace(step, identity=identity)))

    @property
    def stat_columns(self) -> tuple[str, ...]:
        """Return the columns of all statistics, in recipe order."""
        return tuple(step.columns[statistic.key] for step in self.steps for statistic in step.statistics)

    @cached_property
    def stats_hash(self) -> str:
        """Return the code version of the measured files: operators, measuring parameters, order; no thresholds."""
        identity = [FORMAT, self.recipe.text_key, [step.identity for step in self.steps]]
        media = [_without_unused(asdict(self.recipe.media))] if self.media else []
        return digest([*identity, *self._readings(), *media, *self._narrowing()])

    @cached_property
    def conditional(self) -> frozenset[int]:
        """Return the indices of the steps that take only samples that the filters before them keep.

        These are the steps that make media files or ask language models, unless `stats` is `full`; with `cascade`,
        costly filters, too.
        """
        first = self.filters[0].index if self.filters else len(self.steps)
        return frozenset(step.index for step in self.steps if step.index > first and self._is_conditional(step))

    def _is_conditional(self, step: Step) -> bool:
        if step.operator.by_default_conditional:
            return self.recipe.stats != "full"
        return self.recipe.stats == "cascade" and isinstance(step.operator, Filter) and step.operator.costly

    def _narrowing(self) -> list[object]:
        """Return the values that decide which samples are measured: all filters before the last conditional step."""
        last = max(self.conditional, default=0)
        before = [step.operator.model_dump(mode="json") for step in self.filters if step.index < last]
        return [["cascade", before, sorted(self.conditional)]] if self.conditional else []

    def _readings(self) -> list[object]:
        """Return how the sources are read, empty for plain files; paths of files are not part of a code version."""
        readings = _readings(self.recipe.source)
        return [readings] if any(readings) or len(readings) > 1 else []

    @cached_property
    def refined_hash(self) -> str:
        """Return the code version of the refined subset: all of the recipe, with thresholds."""
        identity = [self.stats_hash, [step.operator.model_dump(mode="json") for step in self.steps]]
        return digest([*identity, _readings(self.recipe.against)] if self.recipe.against else identity)

    @cached_property
    def signing(self) -> Plan:
        """Return the plan of signatures: no filters, no steps after the last deduplicator. Steps keep their indices."""
        last = max((step.index for step in self.deduplicators), default=-1)
        steps = (step for step in self.steps[: last + 1] if not isinstance(step.operator, Measuring))
        return replace(self, steps=tuple(steps))

    def models(self, store: ModelStore) -> tuple[ModelFile, ...]:
        """Return every model that the recipe loads, each once.

        Raises
        ------
        MissingModelError
            If a model is missing; the message names the recipe, the operator and the command that gets the model.
        RecipeError
            If a package that an operator or a model file needs is not installed; the message names the command that
            installs it. If a model does not know a language that the recipe names.
        """
        files: dict[str, ModelFile] = {}
        for step in self.steps:
            self._check_packages(step)
            self._check_code(step)
            for name in step.operator.models():
                if name not in files:
                    wanted_by = f"{self.recipe.file}: process[{self._index(step)}]: {step.label}"
                    files[name] = store.find(name, wanted_by=wanted_by)
            self._check_languages(step, store)
            if problem := step.operator.problem_with_models(store):
                raise self._error(step, problem)
        return tuple(files.values())

    def _check_languages(self, step: Step, store: ModelStore) -> None:
        named, known = step.operator.languages(store)
        for language in named:
            if language not in known:
                codes = sorted(known, key=lambda code: (code[:1] != language[:1].lower(), code))
                key = step.operator.language_key
                kind = "languages" if key == "lang" else f"{key}s"
                shown = f"{', '.join(codes[:12])}{' …' if len(codes) > 12 else ''}"
                raise self._error(step, f"the model does not know {language!r}; its {kind} are {shown}", key)

    def _check_code(self, step: Step) -> None:
        if not isinstance(step.operator, CodeMapper):
            return
        if not settings.allow_code():
            fix = "if you trust it, set DJ_ALLOW_CODE=1"
            raise self._error(step, "runs Python code of the recipe", fix=fix)
        problem = step.operator.problem()
        if problem:
            raise self._error(step, problem)

    def _check_packages(self, step: Step) -> None:
        for package, extra in step.operator.packages.items():
            try:
                extras.require(package, extra)
            except UserError as error:
                raise self._error(step, str(error)) from None

    def _index(self, step: Step) -> int:
        """Return the index of a step in the list of the file."""
        return self.recipe.index_in_file(step.index)

    def _error(self, step: Step, problem: str, key: str | None = None, fix: str | None = None) -> RecipeError:
        return RecipeError(self.recipe.file, problem, self._index(step), step.label, key, fix)

    def line_about(self, step: Step, problem: str) -> str:
        """Return a sentence about a step with its position in the recipe."""
        return str(self._error(step, problem))

    def measure_key(self, store: ModelStore) -> str:
        """Return the key of measured files: a digest of the stats hash and the checksum of every model."""
        return digest([self.stats_hash, {model.name: model.sha256 for model in self.models(store)}])


def make_plan(recipe: Recipe) -> Plan:
    """Return the plan of a recipe: every operator with its label, its columns and its identity."""
    labels: Counter[str] = Counter()
    # a statistic with the key of a column that identifies samples is the second one of that name
    makes_samples = any(isinstance(operator, Expander | Grouper) for operator in recipe.process)
    named = (*IDENTITY, *CHILD) if makes_samples else IDENTITY
    columns = Counter(named)
    steps: list[Step] = []
    rewriting: list[str] = []
    for index, operator in enumerate(recipe.process):
        judged = _judged(operator, steps)
        statistics = operator.statistics if isinstance(operator, Measuring | CountingMapper) and not judged else ()
        keys = [statistic.key for statistic in statistics]
        # a selector that measures nothing may judge another column without a new measure
        parameters = {} if isinstance(operator, Selector | Grouper) and not keys else operator.measuring_parameters()
        measure = [operator.name, _code_version(operator), parameters]
        # earlier versions measured such a statistic into the column that identifies samples
        reserved = sorted(set(keys) & set(named))
        read = {key: step for key in operator.reads_statistics if (step := _measuring(key, steps))}
        deciding = [*_deciding(recipe.process[:index], operator), *([_identities(read)] if read else [])]
        identity = digest([measure, rewriting, *deciding, *reserved])
        own = judged or _columns(keys, columns)
        reads = {key: step.columns[key] for key, step in read.items()}
        steps.append(Step(index, operator, _numbered(operator.name, labels), own, identity, statistics, reads))
        if isinstance(operator, _REWRITING):
            rewriting.append(identity)
    return Plan(recipe, tuple(steps))


def _without_unused(keys: dict[str, object]) -> dict[str, object]:
    """Return the fields that list media without that of sounds if it is the usual one, as in earlier hashes."""
    return {name: value for name, value in keys.items() if name != "audios" or value != MediaKeys.audios}


def _judged(operator: Operator, before: Sequence[Step]) -> dict[str, str]:
    """Return the column of an earlier step that a selector judges, by its key; empty if it measures its own value."""
    if not isinstance(operator, Selector) or not operator.field_key.startswith(STATISTICS):
        return {}
    key = operator.field_key.removeprefix(STATISTICS)
    step = _measuring(key, before)
    return {operator.field_key: step.columns[key]} if step else {}


def _measuring(key: str, before: Sequence[Step]) -> Step | None:
    """Return the step that measures a statistic, of several ones the nearest; None if there is none."""
    return next((step for step in reversed(before) if key in step.columns), None)


def _identities(read: Mapping[str, Step]) -> dict[str, str]:
    return {key: step.identity for key, step in read.items()}


def _deciding(before: Sequence[Operator], operator: Operator) -> list[object]:
    """Return the values that decide which samples a corpus mapper counts, with thresholds; empty for others."""
    return [[other.model_dump(mode="json") for other in before]] if isinstance(operator, CorpusMapper) else []


def _readings(entries: Sequence[Source]) -> list[dict[str, object]]:
    where = {"paths", "media_root", "allow_outside", "allow_urls"}
    return [entry.model_dump(exclude=where, exclude_none=True) for entry in entries]


def _code_version(operator: Operator) -> int | str:
    """Return the declared version of a built-in operator, or the checksum of the file of a user's operator."""
    checksum: str | None = vars(sys.modules[type(operator).__module__]).get(CONTENT)
    return checksum or operator.version


def digest(content: object) -> str:
    """Return the first 16 hex digits of the SHA-256 of the canonical JSON of `content`."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _columns(keys: list[str], seen: Counter[str]) -> dict[str, str]:
    return {key: _numbered(key, seen) for key in keys}


def _numbered(name: str, seen: Counter[str]) -> str:
    seen[name] += 1
    return name if seen[name] == 1 else f"{name}_{seen[name]}"
