"""Operators that write fields, in whole runs: from JSON lines and Parquet, over several shards, with two workers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.analysis.explain import explain
from dj_assets.errors import ContractError, RecipeError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.operators import registry
from dj_assets.operators.text.extract_tables_from_html_mapper import CELLS
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.subset import Options, Subset, run_recipe
from tests.documents import write_jsonl
from tests.media import made

SHIPPED = [
    {"usage_counter_mapper": {}},
    {"whitespace_normalization_mapper": {"text_key": "said.twice"}},
    {"extract_tables_from_html_mapper": {}},
]
OPERATOR = '''
import pyarrow as pa
from dj_assets.operators import Batch, FieldMapper, SampleError, register


@register("first_words_mapper")
class FirstWordsMapper(FieldMapper):
    """Write the words that begin with a mark."""

    fields = {"tags": pa.list_(pa.string()), "first": pa.string(), "__dj__meta__.count": pa.int64()}
    mark: str = "#"

    def extract(self, batch):
        if any("fails" in text for text in batch.text.to_pylist()):
            raise SampleError("no tags")
        tags = [[word for word in text.split() if word.startswith(self.mark)] for text in batch.text.to_pylist()]
        first = [(words or [""])[0] for words in tags]
        columns = {"tags": tags, "first": first, "__dj__meta__.count": list(map(len, tags))}
        return {name: pa.array(values, self.fields[name]) for name, values in columns.items()}
'''
WIDTHS = """
import pyarrow as pa
from dj_assets.media.headers import ImageSize
from dj_assets.operators import FieldMapper, register
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.views.media_batch import media


@register("first_words_mapper")
class Widths(MediaOperator, FieldMapper):
    media = "images"
    fields = {"widths": pa.list_(pa.int64())}

    def features(self):
        return (ImageSize(),)

    def extract(self, batch):
        sizes = media(batch).values("images", ImageSize())
        return {"widths": pa.array([[width for width, _ in sample] for sample in sizes], self.fields["widths"])}
"""
EXPANDER = """
import pyarrow as pa
from dj_assets.operators import Expander, register

CHILD = pa.struct([("text", pa.string()), ("half", pa.int64()), ("m.k", pa.string())])


@register("first_words_mapper")
class Halves(Expander):
    keeps_parents = property(lambda operator: STAYS)

    def expand(self, batch):
        halves = [[text[: len(text) // 2], text[len(text) // 2 :]] for text in batch.text.to_pylist()]
        lists = [[{"text": text, "half": n, "m.k": "a"} for n, text in enumerate(texts)] for texts in halves]
        return pa.array(lists, pa.list_(CHILD))
"""
TYPES = {
    "__dj_id__": pa.string(),
    "id": pa.string(),
    "text": pa.string(),
    "tags": pa.list_(pa.string()),
    "n": pa.int64(),
    "first": pa.string(),
    "__dj__meta__": pa.struct([("count", pa.int64())]),
}
PROCESS: list[Any] = [
    "first_words_mapper",
    {"text_length_filter": {"text_key": "first", "min_len": 3}},
    {"specified_numeric_field_filter": {"field_key": "__dj__meta__.count", "max_value": 2}},
    {"document_deduplicator": {"text_key": "first"}},
]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three shards of three samples each, as JSON lines and as Parquet; every one has a field that is replaced."""
    # every test has an operator of this name in a file of its own; those of the package are loaded before
    registry.operator_names()
    monkeypatch.setattr(registry, "_OPERATORS", dict(registry._OPERATORS))
    (tmp_path / "tags.py").write_text(OPERATOR)
    texts = [["#one #two", "#no", "none"], ["#one again", "this fails", "#three"], ["#a1 #b #c", "#four", "#four"]]
    for shard, lines in enumerate(texts):
        records = [{"id": f"{shard}-{n}", "text": text, "tags": "old", "n": n} for n, text in enumerate(lines)]
        write_jsonl(tmp_path / f"{shard}.jsonl", records)
        pq.write_table(pa.Table.from_pylist(records), tmp_path / f"{shard}.parquet")
    return tmp_path


def recipe_of(folder: Path, process: list[Any], **keys: Any) -> dict[str, Any]:
    return {"process": process, "custom_operator_paths": str(folder / "tags.py"), **keys}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_later_operators_see_the_fields_and_refined_samples_have_them(source: Path, ending: str, workers: int) -> None:
    recipe = recipe_of(source, PROCESS)
    run_recipe(recipe, sorted(source.glob(f"*.{ending}")), source / "out", workers=workers)
    tables = [pq.read_table(path) for path in sorted((source / "out/refined").glob("*.parquet"))]
    for table in tables:
        assert {field.name: field.type for field in table.schema} == TYPES
    kept = [row for table in tables for row in table.to_pylist()]
    assert [row["id"] for row in kept] == ["0-0", "0-1", "1-2", "2-1"]
    assert kept[0]["tags"] == ["#one", "#two"]
    assert kept[0]["first"] == "#one"
    assert kept[0]["__dj__meta__"] == {"count": 2}
    (failed,) = pq.read_table(source / "out/quarantine.parquet").to_pylist()
    assert (failed["id"], failed["error"]) == ("1-1", "SampleError: no tags")
    dropped = pq.read_table(source / "out/dropped.parquet").to_pylist()
    assert {row["id"]: row["operator"] for row in dropped} == {
        "0-2": "text_length_filter",
        "1-0": "document_deduplicator",
        "2-0": "specified_numeric_field_filter",
        "2-2": "document_deduplicator",
    }


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_fields_of_children_have_their_types(source: Path, ending: str, *, stays: bool) -> None:
    (source / "tags.py").write_text(EXPANDER.replace("STAYS", str(stays)))
    recipe = recipe_of(source, ["first_words_mapper", "extract_tables_from_html_mapper"])
    run_recipe(recipe, sorted(source.glob(f"*.{ending}")), source / "out", workers=1)
    table = pq.read_table(min((source / "out/refined").glob("*.parquet")))
    types = {field.name: field.type for field in table.schema}
    assert types["half"] == pa.int64()
    assert types["m"] == pa.struct([("k", pa.string())])
    assert types["__dj__meta__"] == pa.struct([("html_tables", CELLS)])
    values = list(zip(table["text"].to_pylist(), table["half"].to_pylist(), table["tags"].to_pylist(), strict=True))
    parent = [("#one #two", None, "old")] if stays else []
    assert values[: len(parent) + 2] == [*parent, ("#one", 0, "old"), (" #two", 1, "old")]


def test_a_failed_sample_keeps_its_fields(source: Path) -> None:
    run_recipe(recipe_of(source, PROCESS), [source / "1.jsonl"], source / "out", workers=1)
    fields = pq.read_table(Layout.output(source / "out").fetched("fields", 0))["fields"].to_pylist()
    assert json.loads(fields[1]) == {"id": "1-1", "text": None, "tags": "old", "n": 1}


def test_only_new_parameters_measure_again(source: Path) -> None:
    def measured(mark: str, min_len: int) -> int:
        shortest = {"text_length_filter": {"text_key": "first", "min_len": min_len}}
        process = [{"first_words_mapper": {"mark": mark}}, shortest]
        recipe = load_recipe(recipe_of(source, process, asset={"subset": "tags", "group": "mine"}))
        home = Layout.home(source / "home")
        return Subset(recipe, [source / "*.jsonl"], home, Options(workers=1)).measure().files_measured

    assert [measured("#", 1), measured("#", 9), measured("@", 9), measured("@", 1)] == [3, 0, 3, 0]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_refined_json_lines_have_the_fields(source: Path, ending: str) -> None:
    recipe = recipe_of(source, ["first_words_mapper"])
    run_recipe(recipe, [source / f"2.{ending}"], source / "out", workers=1, format="jsonl")
    (path,) = (source / "out/refined").glob("*.jsonl")
    first = json.loads(path.read_text().splitlines()[0])
    assert first["tags"] == ["#a1", "#b", "#c"]
    assert first["__dj__meta__"] == {"count": 3}


def test_an_operator_reads_images_that_an_earlier_one_lists(source: Path) -> None:
    (source / "tags.py").write_text(OPERATOR.replace("word.startswith(self.mark)", 'word.endswith(".png")'))
    made.image(source / "a.png", 30, 30, seed=1)
    made.image(source / "b.png", 60, 30, seed=2)
    write_jsonl(source / "in.jsonl", [{"id": "a", "text": "see a.png"}, {"id": "b", "text": "b.png a.png"}])
    process = ["first_words_mapper", {"image_shape_filter": {"image_key": "tags", "min_width": 40}}]
    recipe = load_recipe(recipe_of(source, process, asset={"subset": "pictures", "group": "mine"}))

    def refined() -> tuple[int, int]:
        subset = Subset(recipe, [source / "in.jsonl"], Layout.home(source / "home"), Options(workers=1))
        measured = subset.measure().files_measured
        subset.deduplicate()
        return measured, subset.refine().samples_out

    assert [refined(), refined()] == [(1, 1), (0, 1)]
    made.image(source / "a.png", 90, 30, seed=1)
    os.utime(source / "a.png", ns=(5, 5))
    assert refined() == (1, 2)


def test_an_operator_writes_a_field_about_images(source: Path) -> None:
    (source / "tags.py").write_text(WIDTHS)
    made.image(source / "a.png", 30, 30, seed=1)
    records = [{"id": "a", "text": "x", "pictures": ["a.png"]}, {"id": "b", "text": "x", "pictures": ["gone.png"]}]
    write_jsonl(source / "in.jsonl", records)
    recipe = recipe_of(source, [{"first_words_mapper": {"image_key": "pictures"}}])
    run_recipe(recipe, [source / "in.jsonl"], source / "out", workers=1)
    (kept,) = pq.read_table(min((source / "out/refined").glob("*.parquet"))).to_pylist()
    assert (kept["id"], kept["widths"]) == ("a", [30])
    # no image is read again to explain a sample
    (source / "a.png").unlink()
    layout = Layout.output(source / "out")
    manifest = newest_run(layout)
    assert manifest is not None
    (trace,) = explain(make_plan(load_recipe(recipe)), layout, manifest, "a")
    assert trace.steps[0].summary == "writes widths = [30]"


def test_explain_shows_the_written_fields(source: Path) -> None:
    recipe = recipe_of(source, PROCESS)
    run_recipe(recipe, [source / "0.jsonl"], source / "out", workers=1)
    layout = Layout.output(source / "out")
    manifest = newest_run(layout)
    assert manifest is not None
    (trace,) = explain(make_plan(load_recipe(recipe)), layout, manifest, "0-0")
    assert trace.steps[0].summary == (
        "writes tags = ['#one', '#two'], writes first = '#one', writes __dj__meta__.count = 2"
    )
    assert trace.steps[1].summary.startswith("text_len = 4, passes")


def test_an_operator_cannot_write_the_text_of_the_recipe(source: Path) -> None:
    for key in ("tags", "__dj__meta__", "__dj__meta__.count"):
        with pytest.raises(RecipeError, match=f"writes the field '.*', but '{key}' holds the text"):
            load_recipe(recipe_of(source, PROCESS, text_keys=key))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('"first": first, ', ""), "returned 'tags', '__dj__meta__.count', but 'fields' declares 'first'"),
        (("first = [", "first = [''] + ["), r"returned 4 values of 'first' for 3 samples"),
        (('"first": pa.string()', '"first": pa.timestamp("s")'), "the type of the field 'first' is timestamp"),
        (('"first": pa.string()', '"id": pa.string()'), "'id' cannot be written: it identifies the sample"),
        (('"first": pa.string()', '"tags.x": pa.string()'), "'tags' cannot be written: 'tags.x' is inside of it"),
        (("    def extract", "    def extracts"), "has no 'extract'; add 'def extract"),
    ],
)
def test_a_breach_stops_the_run_with_one_line(source: Path, change: tuple[str, str], problem: str) -> None:
    (source / "tags.py").write_text(OPERATOR.replace(*change))
    with pytest.raises(ContractError, match=problem) as raised:
        run_recipe(recipe_of(source, PROCESS), [source / "0.jsonl"], source / "out", workers=1)
    assert "\n" not in str(raised.value)


def test_a_parent_that_is_no_object_quarantines_the_sample(source: Path) -> None:
    records: list[dict[str, Any]] = [
        {"id": "a", "text": "x", "__dj__meta__": "text"},
        {"id": "b", "text": "x", "__dj__meta__": {"k": 1}},
    ]
    write_jsonl(source / "in.jsonl", records)
    run = run_recipe(recipe_of(source, ["first_words_mapper"]), [source / "in.jsonl"], source / "out", workers=1)
    assert (run.samples_out, run.quarantined) == (1, 1)
    pq.write_table(pa.Table.from_pylist(records[:1]), source / "in.parquet")
    run = run_recipe(recipe_of(source, ["first_words_mapper"]), [source / "in.parquet"], source / "out2", workers=1)
    assert (run.samples_out, run.quarantined) == (0, 1)


def test_shipped_operators_over_fields_run_in_processes_that_were_warmed_up(tmp_path: Path) -> None:
    rows = [{"text": "<table><tr><td>a</td></tr></table>", "said": {"twice": "b\u00a0b"}} for _ in range(20)]
    sources = [write_jsonl(tmp_path / f"{part}.jsonl", rows) for part in range(2)]
    result = run_recipe({"process": SHIPPED}, sources, tmp_path / "out", workers=2)
    (*_, row) = (row for path in result.refined for row in pq.read_table(path).to_pylist())
    assert (row["said"]["twice"], row["__dj__meta__"]["html_tables"]) == ("b b", [[["a"]]])
