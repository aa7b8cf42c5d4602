"""Write the files of a new operator: a small one that works, and its test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dj_assets.errors import UserError
from dj_assets.operators import registry

Kind = Literal["filter", "mapper", "field_mapper", "selector", "expander", "grouper", "aggregator", "deduplicator"]
KINDS: tuple[Kind, ...] = ("filter", "mapper", "selector", "expander", "grouper", "aggregator", "deduplicator")

_FILTER = '''\
"""Filter texts by their share of digits."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators import Batch, RangeFilter, Statistic, register


@register("{name}")
class {cls}(RangeFilter):
    """Keep texts with few digits. An empty text has 0.0."""

    statistics = (Statistic("{key}", pa.float64(), "share of characters"),)

    min_ratio: float = 0.0
    max_ratio: float = 0.2

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of digits of every text, without using a bound."""
        digits = pc.count_substring_regex(batch.text, "[0-9]").cast(pa.float64())
        length = pc.max_element_wise(pc.utf8_length(batch.text), 1).cast(pa.float64())
        return {{"{key}": pc.divide(digits, length)}}
'''
_FILTER_TEST = """
def test_the_share_of_digits() -> None:
    measured = {cls}().measure(Batch.of_texts(["ab12", "abcd", ""]))
    assert measured["{key}"].to_pylist() == [0.5, 0.0, 0.0]
"""
_MAPPER = '''\
"""Shorten repeated exclamation marks."""

from __future__ import annotations

import pyarrow.compute as pc

from dj_assets.operators import Batch, Mapper, register


@register("{name}")
class {cls}(Mapper):
    """Replace several exclamation marks in a row by one."""

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with its text rewritten."""
        return batch.with_text(pc.replace_substring_regex(batch.text, "!+", "!"))
'''
_MAPPER_TEST = """
def test_exclamation_marks() -> None:
    rewritten = {cls}().apply(Batch.of_texts(["Now!!!", "calm", ""]))
    assert rewritten.text.to_pylist() == ["Now!", "calm", ""]
"""
_FIELD_MAPPER = '''\
"""Extract the tags of a text."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from dj_assets.operators import Batch, FieldMapper, register


@register("{name}")
class {cls}(FieldMapper):
    """Write the words of a text that begin with `#` into a field."""

    fields = {{"{key}": pa.list_(pa.string())}}

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the tags of every text."""
        tags = [[word for word in text.split() if word.startswith("#")] for text in batch.text.to_pylist()]
        return {{"{key}": pa.array(tags, self.fields["{key}"])}}
'''
_FIELD_MAPPER_TEST = """
def test_tags() -> None:
    extracted = {cls}().extract(Batch.of_texts(["#a text #b", "plain", ""]))
    assert extracted["{key}"].to_pylist() == [["#a", "#b"], [], []]
"""
_SELECTOR = '''\
"""Select the longest texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators import Batch, Selector, Sql, Statistic, register


@register("{name}")
class {cls}(Selector):
    """Keep the `number` longest of the texts that are left; of equally long ones the first."""

    statistics = (Statistic("{key}", pa.int64(), "characters"),)
    judging: ClassVar[frozenset[str]] = frozenset({{"number"}})

    number: int = 100

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the value of every sample, without using a parameter of `judging`."""
        return {{"{key}": pc.utf8_length(batch.text).cast(pa.int64())}}

    def selection(self, samples: int) -> Sql | None:
        """Return the query for the selected samples; the table `samples` has the value of each."""
        return Sql("SELECT sample FROM samples ORDER BY value DESC, sample LIMIT ?", (self.number,))

    @property
    def reason(self) -> str:
        """Return in words why a sample is not selected."""
        return f"not among the {{self.number}} longest"
'''
_SELECTOR_TEST = """
def test_lengths() -> None:
    assert {cls}().measure(Batch.of_texts(["four", ""]))["{key}"].to_pylist() == [4, 0]
"""
_EXPANDER = '''\
"""Make one sample of each paragraph."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators import Batch, Expander, register


@register("{name}")
class {cls}(Expander):
    """Replace every sample by its paragraphs; they are separated by empty lines."""

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the paragraphs of every sample, one sample each."""
        return pc.split_pattern(batch.text, "\\n\\n")
'''
_EXPANDER_TEST = """
def test_paragraphs() -> None:
    children = {cls}().expand(Batch.of_texts(["one\\n\\ntwo", "three"]))
    assert children.to_pylist() == [["one", "two"], ["three"]]
"""
_GROUPER = '''\
"""Form groups of texts that begin alike."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators import Batch, Grouper, Sql, Statistic, register


@register("{name}")
class {cls}(Grouper):
    """Form groups of the texts with the same first character, case ignored."""

    statistics = (Statistic("{key}", pa.string(), "first character"),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the value that the members of a group share."""
        return {{"{key}": pc.utf8_lower(pc.utf8_slice_codeunits(batch.text, 0, 1))}}

    @property
    def grouping(self) -> Sql:
        """Return the group of every sample."""
        return Sql('SELECT sample, value AS "group" FROM samples')
'''
_GROUPER_TEST = """
def test_the_first_character() -> None:
    measured = {cls}().measure(Batch.of_texts(["One", "other", "two", ""]))
    assert measured["{key}"].to_pylist() == ["o", "o", "t", ""]
"""
_AGGREGATOR = '''\
"""Keep the longest text of a group."""

from __future__ import annotations

import pyarrow as pa

from dj_assets.operators import Aggregator, register


@register("{name}")
class {cls}(Aggregator):
    """Make one sample of every group: its longest text, the first of several. A grouper stands before it."""

    def aggregate(self, groups: pa.ListArray) -> pa.Array:
        """Return one text for each group."""
        return pa.array([max(texts, key=len) for texts in groups.to_pylist()], pa.string())
'''
_AGGREGATOR_TEST = """
def test_the_longest_text() -> None:
    groups = pa.array([["one", "three"], ["four", "five"]])
    assert {cls}().aggregate(groups).to_pylist() == ["three", "four"]
"""
_DEDUPLICATOR = '''\
"""Remove texts that differ in case only."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from dj_assets.operators import Batch, Deduplicator, register


@register("{name}")
class {cls}(Deduplicator):
    """Keep the first of texts that are equal if case is ignored. The signature is a hash of the text."""

    signature_type = pa.binary(16)

    def sign(self, batch: Batch) -> pa.Array:
        """Return one signature for each sample; equal signatures are duplicates."""
        texts = (text.lower().encode() for text in batch.text.to_pylist())
        return pa.array([hashlib.blake2b(text, digest_size=16).digest() for text in texts], self.signature_type)
'''
_DEDUPLICATOR_TEST = """
def test_case_is_ignored() -> None:
    first, second, third = {cls}().sign(Batch.of_texts(["One", "ONE", "two"])).to_pylist()
    assert first == second != third
"""
_TEST = '''\
"""Tests of {name}."""

{imports}
from dj_assets.testing import check_operator


def test_the_contract() -> None:
    check_operator({cls})

'''
_IMPORTS = """\
from {name} import {cls}

from dj_assets.operators import Batch"""
# an aggregator sees no batch
_AGGREGATOR_IMPORTS = """\
import pyarrow as pa
from {name} import {cls}
"""
_TEXTS = {
    "filter": (_FILTER, _FILTER_TEST),
    "mapper": (_MAPPER, _MAPPER_TEST),
    "field_mapper": (_FIELD_MAPPER, _FIELD_MAPPER_TEST),
    "selector": (_SELECTOR, _SELECTOR_TEST),
    "expander": (_EXPANDER, _EXPANDER_TEST),
    "grouper": (_GROUPER, _GROUPER_TEST),
    "aggregator": (_AGGREGATOR, _AGGREGATOR_TEST),
    "deduplicator": (_DEDUPLICATOR, _DEDUPLICATOR_TEST),
}


@dataclass(frozen=True)
class NewOperator:
    """Hold what was written: the name of the operator in recipes, its file, and the file of its test."""

    name: str
    file: Path
    test: Path


def write_operator(name: str, kind: Kind | None, folder: Path) -> NewOperator:
    """Write an operator and its test into a folder; `shout` becomes `shout_filter`.

    Parameters
    ----------
    name
        The name in recipes: lower-case letters, digits and `_`. The kind is added at its end if it is missing; a
        `field_mapper` ends as a mapper.
    kind
        By default the kind at the end of the name, else a filter.

    Raises
    ------
    UserError
        If the name cannot be used, an operator of this name exists, or one of the files exists.
    """
    named: Kind | None = next((known for known in KINDS if name.endswith(f"_{known}")), None)
    chosen: Kind = kind or named or "filter"
    ending = chosen.removeprefix("field_")
    if named not in {None, ending}:
        raise UserError(f"{name}: the name says {named}, --kind says {kind}; make them the same")
    full = name if named else f"{name}_{ending}"
    if not (full.isascii() and full.isidentifier() and full == full.lower()):
        raise UserError(f"{name}: is no name of an operator; use lower-case letters, digits and _, a letter first")
    if registry.find(full) is not None:
        raise UserError(f"{full}: there is an operator of this name; choose another name")
    made = NewOperator(full, folder / f"{full}.py", folder / f"test_{full}.py")
    for path in (made.file, made.test):
        if path.exists():
            raise UserError(f"{path}: exists and is not overwritten; choose another name or --output")
    code, test = _TEXTS[chosen]
    words = {"name": full, "cls": "".join(map(str.capitalize, full.split("_"))), "key": full.removesuffix(f"_{ending}")}
    imports = _AGGREGATOR_IMPORTS if chosen == "aggregator" else _IMPORTS
    words["imports"] = imports.format_map(words)
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in ((made.file, code), (made.test, _TEST + test)):
        with path.open("x", encoding="utf-8") as file:
            file.write(text.format_map(words))
    return made
