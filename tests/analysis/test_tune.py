from __future__ import annotations

import statistics
from pathlib import Path

import duckdb
import pytest

import dj_assets
from dj_assets.analysis.changed_recipe import with_parameters, write_changed
from dj_assets.analysis.tune import FEWEST_VALUES, Tuning, tune
from dj_assets.analysis.tune_rule import KeepRate, Quantiles, ThreeSigma, parse_rule
from dj_assets.errors import UserError
from dj_assets.recipe.load import load_recipe
from tests.documents import documents, write_jsonl

RECIPE = """\
# a recipe
process:
  - whitespace_normalization_mapper:
  - text_length_filter:     # both ends
      min_len: 20
      max_len: 900
  - alphanumeric_filter:
      min_ratio: 0.6        # one end
  - special_characters_filter: {}
  - stopwords_filter:
      min_ratio: 0.1
      reversed_range: true
  - document_simhash_deduplicator:
      window_size: 3
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    (folder / "r.yaml").write_text(RECIPE)
    source = write_jsonl(folder / "a.jsonl", documents(400))
    dj_assets.run_recipe(folder / "r.yaml", [source], folder / "out", workers=1)
    return folder


def tuned(place: Path, rule: str) -> Tuning:
    return tune(load_recipe(place / "r.yaml"), place / "out", parse_rule(rule))


def by_name(tuning: Tuning) -> dict:
    return {(bound.operator, bound.parameter): bound for bound in tuning.bounds}


def column(place: Path, name: str) -> list[float]:
    with duckdb.connect(str(place / "out/stats.duckdb"), read_only=True) as connection:
        return [value for (value,) in connection.execute(f"SELECT {name} FROM stats").fetchall()]


def test_the_bounds_that_are_set_and_the_defaults_that_can_drop(place):
    assert list(by_name(tuned(place, "3sigma"))) == [
        ("text_length_filter", "min_len"),
        ("text_length_filter", "max_len"),
        ("alphanumeric_filter", "min_ratio"),
        ("special_characters_filter", "max_ratio"),
    ]


def test_three_sigma_is_the_mean_and_three_standard_deviations(place):
    bounds = by_name(tuned(place, "3sigma"))
    lengths, ratios = column(place, "text_len"), column(place, "alnum_ratio")
    highest = statistics.mean(lengths) + 3 * statistics.stdev(lengths)
    assert highest <= bounds["text_length_filter", "max_len"].proposed < highest + 1
    lowest = statistics.mean(ratios) - 3 * statistics.stdev(ratios)
    assert bounds["alphanumeric_filter", "min_ratio"].proposed == pytest.approx(lowest, rel=1e-3)
    shortest = bounds["text_length_filter", "min_len"]
    assert (shortest.proposed, shortest.then.drops) == (0, 0)
    assert shortest.note.endswith("cut to 0")
    assert bounds["special_characters_filter", "max_ratio"].note.startswith("a default")


def test_a_quantile_drops_no_more_than_it_says_and_the_shares_are_those_of_the_data(place):
    lengths = column(place, "text_len")
    bounds = by_name(tuned(place, "quantile=0.2,0.9"))
    low, high = bounds["text_length_filter", "min_len"], bounds["text_length_filter", "max_len"]
    for bound, value, drops in ((low, low.current, low.now), (low, low.proposed, low.then)):
        assert drops.drops == sum(length < value for length in lengths) / len(lengths)
        assert drops.percentile == pytest.approx(100 * drops.drops), bound
    assert 0.15 < low.then.drops <= 0.2
    assert 0.05 < high.then.drops <= 0.1
    assert high.then.percentile == pytest.approx(100 - 100 * high.then.drops)


def test_a_keep_rate_holds_for_every_filter_by_itself(place):
    bounds = by_name(tuned(place, "keep=0.9"))
    two_sided = [bounds["text_length_filter", name].then.drops for name in ("min_len", "max_len")]
    assert 0.03 < max(two_sided) <= 0.05
    assert 0.05 < bounds["alphanumeric_filter", "min_ratio"].then.drops <= 0.1


@pytest.mark.parametrize("rule", ["3sigma", "quantile=0.05,0.9", "keep=0.8"])
def test_the_retention_promised_is_the_one_a_run_gives(place, tmp_path, rule):
    tuning = tuned(place, rule)
    for recipe, kept in ((tuning.recipe, tuning.now), (tuning.changed, tuning.then)):
        out = tmp_path / str(kept.by_recipe)
        ran = dj_assets.run_recipe(recipe, [place / "a.jsonl"], out, workers=1, overwrite=True)
        assert (ran.samples_in, ran.samples_out) == (tuning.samples_in, kept.by_recipe)
        assert ran.funnel[-1].samples_in == kept.by_filters


def test_filters_alone_is_without_deduplication_wherever_that_stands(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(200))
    simhash = {"document_simhash_deduplicator": {"window_size": 3}}
    recipe = load_recipe({"process": [simhash, {"text_length_filter": {"min_len": 200}}]})
    dj_assets.run_recipe(recipe, [source], tmp_path / "out", workers=1)
    now = tune(recipe, tmp_path / "out", ThreeSigma()).now
    long = sum(len(record["text"] or "") >= 200 for record in documents(200))
    assert now.by_filters == long > now.by_recipe


def test_written_recipes_change_by_their_values_only(place, tmp_path):
    tuning = tuned(place, "quantile=0.2,0.9")
    write_changed(tuning.recipe, tuning.changes, tuning.changed, tmp_path / "new.yaml")
    assert load_recipe(tmp_path / "new.yaml").process == tuning.changed.process
    new, old = (tmp_path / "new.yaml").read_text().splitlines(), RECIPE.splitlines()
    changed = [after for before, after in zip(old, new, strict=True) if before != after]
    assert [line.split(":")[0].strip() for line in changed] == [
        "min_len",
        "max_len",
        "min_ratio",
        "- special_characters_filter",
    ]
    assert "# one end" in changed[2]
    assert load_recipe(place / "r.yaml").process == tuning.recipe.process


def test_a_recipe_that_cannot_be_edited_is_left_alone(place, tmp_path):
    (tmp_path / "r.yaml").write_text("process:\n- text_length_filter: &p {min_len: 3}\n- text_length_filter: *p\n")
    recipe = load_recipe(tmp_path / "r.yaml")
    dj_assets.run_recipe(recipe, [place / "a.jsonl"], tmp_path / "out", workers=1)
    tuning = tune(recipe, tmp_path / "out", parse_rule("keep=0.9"))
    with pytest.raises(UserError, match=r"r\.yaml: cannot be edited in place \(.*alias\); set the values manually"):
        write_changed(tuning.recipe, tuning.changes, tuning.changed, tmp_path / "new.yaml")
    assert not (tmp_path / "new.yaml").exists()


def test_a_recipe_from_python_has_no_text_to_edit(place):
    tuning = tune(load_recipe({"process": load_yaml_process(place)}), place / "out", ThreeSigma())
    with pytest.raises(UserError, match="is no file"):
        write_changed(tuning.recipe, tuning.changes, tuning.changed, place / "new.yaml")


def load_yaml_process(place: Path) -> list:
    from dj_assets.recipe.yaml_file import read_yaml

    return read_yaml(place / "r.yaml")["process"]


def test_constant_and_few_values_are_said_and_not_tuned(tmp_path):
    for number, (count, note) in enumerate([(FEWEST_VALUES - 1, "only 29 values"), (60, "constant: every value is 5")]):
        source = write_jsonl(tmp_path / f"{number}.jsonl", [{"text": "x" * 5}] * count)
        recipe = load_recipe({"process": [{"text_length_filter": {"min_len": 2}}]})
        dj_assets.run_recipe(recipe, [source], tmp_path / str(number), workers=1)
        tuning = tune(recipe, tmp_path / str(number), ThreeSigma())
        (bound,) = tuning.bounds
        assert (bound.proposed, bound.note, tuning.changes) == (2, note, {})
        assert tuning.now == tuning.then


def test_no_samples_at_all(tmp_path):
    (tmp_path / "a.jsonl").touch()
    recipe = load_recipe({"process": ["text_length_filter"]})
    dj_assets.run_recipe(recipe, [tmp_path / "a.jsonl"], tmp_path / "out", workers=1)
    tuning = tune(recipe, tmp_path / "out", KeepRate(0.9))
    assert [bound.note for bound in tuning.bounds] == ["a default, no values"]
    assert (tuning.now.by_recipe, tuning.then.by_recipe) == (0, 0)


def test_reversed_ranges_and_filters_without_one_are_named(place):
    assert tuned(place, "3sigma").left_out == ("stopwords_filter: keeps values outside of its range",)


def test_a_run_of_another_recipe_is_refused(place):
    other = load_recipe({"process": [{"text_length_filter": {"min_len": 2}}]})
    with pytest.raises(UserError, match="measured something else than <dict>"):
        tune(other, place / "out", ThreeSigma())
    with pytest.raises(UserError, match="holds no finished run"):
        tune(other, place / "nowhere", ThreeSigma())


def test_other_thresholds_than_those_of_the_run_are_measured_the_same(place):
    recipe = load_recipe(place / "r.yaml")
    strict = tune(with_parameters(recipe, {1: {"min_len": 400}}), place / "out", ThreeSigma())
    assert strict.now.by_recipe < tuned(place, "3sigma").now.by_recipe


def test_a_folder_measured_anew_since_its_run_is_refused(tmp_path):
    from dj_assets.home.layout import Layout
    from dj_assets.subset import Options, Subset

    source = write_jsonl(tmp_path / "a.jsonl", documents(50))
    recipe = load_recipe({"process": [{"text_length_filter": {"min_len": 2}}]})
    layout = Layout.home(tmp_path / "home")
    Subset(recipe, [source], layout, Options(workers=1)).run()
    tune(recipe, tmp_path / "home", ThreeSigma())
    write_jsonl(source, documents(60))
    Subset(recipe, [source], layout, Options(workers=1)).measure()
    with pytest.raises(UserError, match="measured again since its last run"):
        tune(recipe, tmp_path / "home", ThreeSigma())


def test_filters_before_a_count_are_left_out(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(50))
    process = [
        {"text_length_filter": {"min_len": 2}},
        "document_line_deduplicator",
        {"words_num_filter": {"min_num": 2}},
    ]
    dj_assets.run_recipe({"process": process}, [source], tmp_path / "out", workers=1)
    found = tune(load_recipe({"process": process}), tmp_path / "out", ThreeSigma())
    assert {bound.operator for bound in found.bounds} == {"words_num_filter"}
    assert found.left_out == ("text_length_filter: decides what document_line_deduplicator counts",)


@pytest.mark.parametrize(
    ("text", "rule"),
    [("3sigma", ThreeSigma()), ("quantile=0.01,0.99", Quantiles(0.01, 0.99)), ("keep=0.95", KeepRate(0.95))],
)
def test_rules_read_back(text, rule):
    assert parse_rule(text) == rule
    assert str(rule) == text


@pytest.mark.parametrize(
    "text",
    ["4sigma", "3sigma=1", "quantile=0.5", "quantile=0.9,0.1", "quantile=a,b", "keep=0", "keep=1.5", "keep=nan", ""],
)
def test_a_wrong_rule_says_what_is_right(text):
    with pytest.raises(UserError, match="rule"):
        parse_rule(text)


@pytest.mark.parametrize("against", [None, "b.jsonl"])
def test_what_the_run_found_to_be_near_is_not_looked_for_again(tmp_path, against):
    (tmp_path / "r.yaml").write_text(RECIPE)
    source = write_jsonl(tmp_path / "a.jsonl", documents(100))
    reference = [write_jsonl(tmp_path / against, documents(40, seed=3))] if against else None
    dj_assets.run_recipe(tmp_path / "r.yaml", [source], tmp_path / "out", workers=1, against=reference)
    (found,) = (tmp_path / "out/.dj/near_pairs").iterdir()
    before = found.stat().st_mtime_ns, found.stat().st_ino
    tuned(tmp_path, "quantile=0.2,0.9")
    assert (found.stat().st_mtime_ns, found.stat().st_ino) == before
