from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dj_assets.errors import ContractError
from dj_assets.measure.row_stage import RowStage
from dj_assets.operators.base import CorpusMapper, Deduplicator, Filter, Mapper, RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Range
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import make_plan


class Upper(Mapper):
    name = "upper"

    def apply(self, batch):
        return batch.with_text(pc.utf8_upper(batch.text))


class Length(RangeFilter):
    name = "length"
    bounds = ("min_len", "max_len")
    statistics = (Statistic("len", pa.int64()),)

    min_len: int | None = None
    max_len: int | None = None
    fails_for: str = "!"

    def measure(self, batch):
        if any(self.fails_for in text for text in batch.text.to_pylist()):
            raise ValueError(f"no {self.fails_for} please")
        return {"len": pc.utf8_length(batch.text)}


class First(Deduplicator):
    name = "first"

    def sign(self, batch):
        return pa.array([ord(text[0]) if text else None for text in batch.text.to_pylist()], pa.uint64())


def run(texts, *operators):
    return RowStage(Batch.of_texts(texts)).run(make_plan(Recipe("<dict>", tuple(operators))))


def test_every_operator_sees_the_text_of_its_place():
    measured = run(["a", "bb"], First(), Length(), Upper(), First())
    assert measured.text.to_pylist() == ["A", "BB"]
    assert measured.signatures["first_0"].to_pylist() == [97, 98]
    assert measured.signatures["first_2_3"].to_pylist() == [65, 66]
    assert measured.statistics["len"].to_pylist() == [1, 2]


def test_one_bad_sample_loses_nobody_else():
    texts = ["one", "two!", "three", "four!", "five"]
    measured = run(texts, Upper(), Length(), Upper(), First())
    assert measured.statistics["len"].to_pylist() == [3, None, 5, None, 4]
    assert measured.signatures["first_3"].to_pylist() == [79, None, 84, None, 70]
    assert measured.failed_at.to_pylist() == [None, 1, None, 1, None]
    assert measured.text.to_pylist() == ["ONE", "TWO!", "THREE", "FOUR!", "FIVE"]
    assert [(f.index, f.step, f.error) for f in sorted(measured.failures, key=lambda f: f.index)] == [
        (1, 1, "ValueError: no ! please"),
        (3, 1, "ValueError: no ! please"),
    ]


def test_failures_at_several_steps_keep_their_places():
    measured = run(["a!", "b?", "c"], Length(), Length(fails_for="?"), First())
    assert measured.failed_at.to_pylist() == [0, 1, None]
    assert measured.statistics["len"].to_pylist() == [None, 2, 1]
    assert measured.statistics["len_2"].to_pylist() == [None, None, 1]


def test_every_sample_failing_leaves_an_empty_pass():
    measured = run(["a!", "b!"], Length(), Upper(), First())
    assert measured.failed_at.to_pylist() == [0, 0]
    assert measured.text.to_pylist() == ["a!", "b!"]
    assert measured.signatures["first_2"].to_pylist() == [None, None]


def test_two_filters_that_measure_the_same_measure_once():
    calls = []

    class Counting(Length):
        name = "counting"

        def measure(self, batch):
            calls.append(len(batch))
            return super().measure(batch)

    measured = run(["a", "bb"], Counting(min_len=1), Counting(min_len=2), Upper(), Counting())
    assert calls == [2, 2]
    assert measured.statistics["len_2"].to_pylist() == [1, 2]


def test_an_empty_batch():
    measured = run([], Upper(), Length(), First())
    assert len(measured.text) == 0
    assert measured.statistics["len"].type == pa.int64()


class OneTooMany(Length):
    name = "one_too_many"

    def measure(self, batch):
        right = super().measure(batch)["len"]
        return {"len": pa.concat_arrays([pa.array([9], right.type), right])}


def test_one_value_too_many_is_refused_and_shifts_nothing():
    assert run(["a", "b!", "four"], Length()).statistics["len"].to_pylist() == [1, None, 4]
    # without the check, the values were [9, None, 1]
    with pytest.raises(
        ContractError, match=r"test_row_stage\.py:\d+: OneTooMany\.measure returned 2 values of 'len' for 1"
    ):
        run(["a", "b!", "four"], OneTooMany())
    with pytest.raises(
        ContractError, match="returned 4 values of 'len' for 3 samples; return one value for each sample"
    ):
        run(["a", "bb", "four"], OneTooMany())


def values_of(batch, change):
    """Return the length of every text, changed as a careless author might, by the number of samples."""
    texts = batch.text.to_pylist()
    if "!" in texts:
        raise ValueError("!")
    return change([len(text) for text in texts], len(texts))


def careless_filter(change):
    class Careless(Length):
        name = "careless"

        def measure(self, batch):
            return {"len": pa.array(values_of(batch, change), pa.int64())}

    return Careless()


def careless_deduplicator(change):
    class Careless(Deduplicator):
        name = "careless"

        def sign(self, batch):
            return pa.array(values_of(batch, change), pa.uint64())

    return Careless()


def careless_counter(change):
    class Careless(CorpusMapper):
        name = "careless"
        frequency_threshold: int = 1

        def count(self, batch):
            return pa.array([None if n is None else [n] for n in values_of(batch, change)], pa.list_(pa.uint64()))

        def rewrite(self, batch, frequent):
            return batch

    return Careless()


def careless_mapper(change):
    class Careless(Mapper):
        name = "careless"

        def apply(self, batch):
            return batch.with_text(
                pa.array([n if n is None else str(n) for n in values_of(batch, change)], pa.string())
            )

    return Careless()


def careless_builder(change):
    class Careless(Mapper):
        name = "careless"

        def apply(self, batch):
            texts = pa.array([n if n is None else str(n) for n in values_of(batch, change)], pa.string())
            return Batch(pa.RecordBatch.from_arrays([texts], names=["text"]))

    return Careless()


MAKERS = (careless_filter, careless_deduplicator, careless_counter, careless_mapper, careless_builder)
# A careless author drops values, adds some, or leaves some null, at these places.
SLIPS = st.tuples(st.sampled_from(["drop", "repeat", "insert", "null"]), st.lists(st.integers(0, 7), min_size=1))


@settings(max_examples=300, deadline=None)
@given(
    maker=st.sampled_from(MAKERS),
    texts=st.lists(st.sampled_from(["", "a", "bb", "ccc", "dddd", "!"]), max_size=8),
    slip=SLIPS,
    sizes=st.sets(st.integers(0, 8)),
)
def test_no_value_is_ever_at_another_sample(maker, texts, slip, sizes):
    """Batches of the given sizes get wrong values. Then the run stops, or every value is its sample's own or null."""

    def change(values, samples):
        for place in slip[1] if samples in sizes else ():
            at = place % (len(values) + 1)
            tail = values[at + 1 :]
            values = {
                "drop": values[:at] + tail,
                "repeat": values[:at] + values[at : at + 1] * 2 + tail,
                "insert": [*values[:at], 77, *values[at:]],
                "null": values[:at] + [None] * len(values[at : at + 1]) + tail,
            }[slip[0]]
        return values

    try:
        measured = run(texts, maker(change))
    except ContractError:
        assert sizes
        return
    own = [None if text == "!" else len(text) for text in texts]
    if maker in {careless_mapper, careless_builder}:
        assert measured.text.to_pylist() == ["!" if n is None else str(n) for n in own]
        return
    (column,) = (*measured.statistics.values(), *measured.signatures.values())
    found = [value[0] if isinstance(value, list) else value for value in column.to_pylist()]
    assert len(found) == len(own)
    assert all(value in {None, right} for value, right in zip(found, own, strict=True))


def test_a_batch_in_another_order_is_refused():
    class Sorting(Mapper):
        name = "sorting"

        def apply(self, batch):
            return Batch(batch.rows.take(pc.sort_indices(batch.text)))

    rows = pa.RecordBatch.from_pydict({"text": ["b", "a"], "row": [0, 1]})
    with pytest.raises(ContractError, match=r"Sorting\.apply returned the samples in another order"):
        RowStage(Batch(rows)).run(make_plan(Recipe("<dict>", (Sorting(),))))


def test_an_exception_for_an_empty_batch_is_one_line():
    class Needy(Length):
        name = "needy"

        def measure(self, batch):
            return {"len": pa.array([max(map(len, batch.text.to_pylist()))] * len(batch), pa.int64())}

    assert run(["a", "a"], Needy()).statistics["len"].to_pylist() == [1, 1]
    with pytest.raises(ContractError, match=r"Needy.measure raised ValueError: max\(.* for a batch without samples"):
        run([], Needy())


class Score(Filter):
    statistics = (Statistic("score", pa.float64()),)

    @property
    def condition(self):
        return Range("score")


@pytest.mark.parametrize(
    ("returned", "line"),
    [
        (None, "returned None; return a dict {key: array}"),
        ({}, "returned no key, but 'statistics' declares 'score'; use the same keys in both"),
        ({"scor": pa.array([1.0])}, "returned 'scor', but 'statistics' declares 'score'; use the same keys in both"),
        ({"score": [1.0]}, "returned its values of 'score' as list; return pa.array(values, pa.float64())"),
        ({"score": pa.array(["x"])}, "returned values of 'score' of type string, but double is declared; return"),
        ({"score": pa.array([[1.0]])}, "returned values of 'score' of type list<item: double>, but double is declared"),
        ({"score": pa.scalar(1.0)}, "returned its values of 'score' as DoubleScalar"),
    ],
)
def test_wrong_results_of_a_filter_are_one_line(returned, line):
    class Wrong(Score):
        name = "wrong"

        def measure(self, batch):
            return returned

    with pytest.raises(ContractError) as caught:
        run(["a"], Wrong())
    assert f": Wrong.measure {line}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "type", "measured"),
    [
        (pa.array([1, 2]), pa.float64(), [1.0, 2.0]),
        (pa.array([None, None]), pa.float64(), [None, None]),
        (pa.chunked_array([[1.5], [2.5]]), pa.float64(), [1.5, 2.5]),
        (pa.array(["a", "b"]).dictionary_encode(), pa.string(), ["a", "b"]),
        (pa.array([[1], []]), pa.list_(pa.float64()), [[1.0], []]),
        (pa.array([1, 2]), pa.string(), ["1", "2"]),
    ],
)
def test_values_of_the_same_kind_are_converted(values, type, measured):
    class Kind(Score):
        name = "kind"
        statistics = (Statistic("score", type),)

        def measure(self, batch):
            return {"score": values, "more": values}

    column = run(["a", "b"], Kind()).statistics["score"]
    assert (column.type, column.to_pylist()) == (type, measured)


@pytest.mark.parametrize(
    ("signature_type", "values", "line"),
    [
        (
            pa.uint64(),
            [-1],
            "returned values of type int64, but uint64 is declared (ArrowInvalid: Integer value -1 not in",
        ),
        (pa.uint64(), ["x"], "returned values of type string, but uint64 is declared"),
        (pa.binary(2), [b"abc"], "returned values of type binary, but fixed_size_binary[2] is declared"),
        (pa.list_(pa.uint64()), [[1, None]], "returned a null inside a list of keys; leave the key out"),
        (pa.list_(pa.uint64()), [], "returned 0 values for 1 sample; return one value for each sample"),
    ],
)
def test_wrong_signatures_are_one_line(signature_type, values, line):
    class Wrong(Deduplicator):
        name = "wrong"

        def sign(self, batch):
            return pa.array(values)

    Wrong.signature_type = signature_type
    with pytest.raises(ContractError) as caught:
        run(["a"], Wrong())
    assert f": Wrong.sign {line}" in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        (["x"], "Wrong.apply returned its texts as list; return pa.array(texts, pa.string())"),
        (pa.array([None], pa.string()), "Wrong.apply returned a null text; return a text for each sample"),
        (pa.array([1]), "Wrong.apply returned texts of type int64; return pa.array(texts, pa.string())"),
        (pa.array(["x", "y"]), "Wrong.apply returned 2 texts for 1 sample; return one text for each sample"),
    ],
)
def test_wrong_texts_are_one_line_and_no_quarantine(texts, line):
    class Wrong(Mapper):
        name = "wrong"

        def apply(self, batch):
            return batch.with_text(texts)

    with pytest.raises(ContractError) as caught:
        run(["a"], Wrong())
    assert line in str(caught.value)


def test_chunks_of_a_long_text_do_not_copy_it():
    # a copy of the text for each chunk would need 40 GB
    text = "ab " * 1_000_000
    process = [{"text_chunk_mapper": {"split_pattern": None, "max_len": 220}}, {"text_length_filter": {}}]
    measured = RowStage(Batch.of_texts([text, "short"])).run(make_plan(load_recipe({"process": process})))
    chunks = -(-len(text) // 220)
    assert len(measured.text) == 1 + chunks + 2
    assert measured.statistics["text_len"].to_pylist()[:2] == [None, 220]
    assert measured.lineage.part.tolist()[-3:] == [chunks, 0, 1]
