"""The checks of a class when it is registered, and of an operator when a recipe is loaded."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from dj_assets.errors import ContractError, DjError, UserError
from dj_assets.operators import (
    Deduplicator,
    FieldMapper,
    Filter,
    Mapper,
    Operator,
    Range,
    RangeFilter,
    Statistic,
    contract,
    register,
)

SCORE = Statistic("score", pa.float64(), "x")


class Measured(RangeFilter):
    """A filter but for the declarations."""

    min_ratio: float = 0.0
    max_ratio: float = 1.0

    def measure(self, batch):
        return {"score": pa.array([0.0] * len(batch))}


def no_comma():
    class Wrong(Measured):
        statistics = Statistic("score", pa.float64())

    return Wrong


def a_name_as_type():
    class Wrong(Measured):
        statistics = (Statistic("score", "float64"),)

    return Wrong


def twice_the_same_key():
    class Wrong(Measured):
        statistics = (SCORE, SCORE)

    return Wrong


def the_key_of_a_column():
    class Wrong(Measured):
        statistics = (Statistic("id", pa.string()),)

    return Wrong


def one_bound():
    class Wrong(Measured):
        statistics = (SCORE,)
        bounds = ("min_ratio",)

    return Wrong


def judging_no_field():
    class Wrong(Filter):
        statistics = (SCORE,)
        judging = Filter.judging | {"limit"}

        def measure(self, batch):
            return {}

        @property
        def condition(self):
            return Range("score")

    return Wrong


def no_condition():
    class Wrong(Filter):
        statistics = (SCORE,)

        def measure(self, batch):
            return {}

    return Wrong


def no_apply():
    class Wrong(Mapper):
        pass

    return Wrong


def no_fields():
    class Wrong(FieldMapper):
        def extract(self, batch):
            return {}

    return Wrong


def no_extract():
    class Wrong(FieldMapper):
        pass

    return Wrong


def writes(**fields):
    class Wrong(FieldMapper):
        def extract(self, batch):
            return {}

    Wrong.fields = fields
    return Wrong


def no_sign():
    class Wrong(Deduplicator):
        pass

    return Wrong


def texts_as_signatures():
    class Wrong(Deduplicator):
        signature_type = pa.string()

        def sign(self, batch):
            return batch.text

    return Wrong


def no_kind():
    class Wrong(Operator):
        pass

    return Wrong


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (no_comma, "'statistics' is a value of type Statistic; declare a tuple of Statistic, with a comma at its end"),
        (a_name_as_type, "the type of the statistic 'score' is 'float64'; use an Arrow type such as pa.float64()"),
        (twice_the_same_key, "the statistic 'score' cannot have this key; use a text of its own"),
        (
            the_key_of_a_column,
            "the statistic 'id' cannot have this key; use a text of its own, other than shard, row, id",
        ),
        (one_bound, "'bounds' is ('min_ratio',); name two fields"),
        (judging_no_field, "'judging' names 'limit', which is no field; declare the field 'limit'"),
        (no_condition, "has no 'condition'; derive the class from RangeFilter, or add a property 'condition'"),
        (no_apply, "has no 'apply'; add 'def apply(self, batch)'"),
        (no_fields, "'fields' is {}; declare the written fields: fields = {'tags': pa.list_(pa.string())}"),
        (no_extract, "has no 'extract'; add 'def extract(self, batch)'"),
        (
            lambda: writes(id=pa.string()),
            "the field 'id' cannot be written: it identifies the sample; use another name",
        ),
        (lambda: writes(__dj_id__=pa.string()), "the field '__dj_id__' cannot be written: it identifies the sample"),
        (lambda: writes(**{"m..t": pa.string()}), "the field 'm..t' cannot be written: it has no name"),
        (
            lambda: writes(m=pa.string(), **{"m.t": pa.string()}),
            "the field 'm' cannot be written: 'm.t' is inside of it",
        ),
        (lambda: writes(day=pa.date32()), "the type of the field 'day' is date32[day]; use pa.string(), pa.int64(), "),
        (lambda: writes(n="int64"), "the type of the field 'n' is int64; use pa.string(), pa.int64(), "),
        (lambda: writes(s=pa.list_(pa.struct([]))), "the type of the field 's' is list<item: struct<>>; use "),
        (no_sign, "has no 'sign'; add 'def sign(self, batch)'"),
        (texts_as_signatures, "'signature_type' is string; declare an integer type, pa.binary(n)"),
        (
            no_kind,
            "is no operator; derive it from Mapper, Filter, Selector, Expander, Grouper, Aggregator or Deduplicator",
        ),
    ],
)
def test_an_incomplete_class_is_refused_in_one_line(make, line):
    cls = make()
    with pytest.raises(ContractError) as caught:
        register("class_contract_operator")(cls)
    said = str(caught.value)
    assert said.startswith(f"{__file__}:")
    assert f": Wrong{'' if line.startswith(('has', 'is')) else ':'} {line}" in said
    assert "\n" not in said


def test_register_without_a_name_is_refused():
    with pytest.raises(ContractError, match=r'Measured: @register needs a name; write @register\("my_filter"\)'):
        register(Measured)


def test_the_same_file_may_be_imported_under_two_names(tmp_path, monkeypatch):
    (tmp_path / "twice_named.py").write_text(
        "import pyarrow.compute as pc\nfrom dj_assets.operators import Mapper, register\n\n\n"
        "@register('test_twice_named_mapper')\nclass TwiceNamed(Mapper):\n"
        "    def apply(self, batch):\n        return batch.with_text(pc.utf8_upper(batch.text))\n"
    )
    from dj_assets.recipe.load import load_recipe

    monkeypatch.syspath_prepend(tmp_path)
    import twice_named

    recipe = load_recipe(
        {"custom_operator_paths": str(tmp_path / "twice_named.py"), "process": ["test_twice_named_mapper"]}
    )
    assert type(recipe.process[0]).__qualname__ == twice_named.TwiceNamed.__qualname__
    (tmp_path / "other.py").write_text((tmp_path / "twice_named.py").read_text())
    with pytest.raises(UserError, match="is defined twice"):
        load_recipe({"custom_operator_paths": str(tmp_path / "other.py"), "process": ["test_twice_named_mapper"]})


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        (Range("scor"), "uses the key 'scor', but 'statistics' declares 'score'; use the same key in both"),
        (None, "raised AttributeError: 'NoneType' object has no attribute 'keep'; return a Condition"),
    ],
)
def test_a_condition_that_does_not_fit_is_refused(condition, line):
    class Wrong(Measured):
        statistics = (SCORE,)

        @property
        def condition(self):
            return condition

    with pytest.raises(ContractError) as caught:
        contract.check_operator(Wrong())
    assert f": Wrong.condition {line}" in str(caught.value)


def test_near_pairs_get_the_type_of_the_signature():
    class Near(Deduplicator):
        def sign(self, batch):
            return pa.array([1] * len(batch), pa.uint64())

        def near_pairs(self, distinct):
            return pa.table({"a": [int(distinct[0])], "b": [int(distinct[1])]})

    pairs = contract.near_pairs(Near(), np.array([3, 4], np.uint64))
    assert pairs.schema.types == [pa.uint64(), pa.uint64()]
    with pytest.raises(ContractError, match=r"Near\.near_pairs raised IndexError: .*; correct the method"):
        contract.near_pairs(Near(), np.array([3], np.uint64))
    Near.near_pairs = lambda self, distinct: pa.table({"a": pa.array([None], pa.uint64()), "b": [1]})
    with pytest.raises(ContractError, match="returned a null in 'a'"):
        contract.near_pairs(Near(), np.array([3], np.uint64))


def test_a_breach_travels_between_processes():
    breach = pickle.loads(pickle.dumps(ContractError("mine.py:1: a breach")))
    assert (str(breach), breach.exit_code, isinstance(breach, DjError)) == ("mine.py:1: a breach", 2, True)


def test_the_public_names_load_at_first_use():
    code = (
        "import sys, dj_assets.operators as o; assert 'pyarrow' not in sys.modules;"
        "print(all(getattr(o, name) is not None for name in o.__all__))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        from dj_assets import operators

        operators.nothing  # noqa: B018
