from __future__ import annotations

from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan


def plan_of(*process):
    return make_plan(load_recipe({"process": list(process)}))


def test_a_threshold_moves_only_the_refined_hash():
    a = plan_of({"text_length_filter": {"min_len": 10}})
    b = plan_of({"text_length_filter": {"min_len": 20}})
    assert a.stats_hash == b.stats_hash
    assert a.refined_hash != b.refined_hash


def test_a_measuring_parameter_moves_both():
    a = plan_of({"character_repetition_filter": {"rep_len": 10}})
    b = plan_of({"character_repetition_filter": {"rep_len": 5}})
    assert a.stats_hash != b.stats_hash
    assert a.refined_hash != b.refined_hash


def test_the_distance_of_a_deduplicator_moves_only_the_refined_hash():
    a = plan_of({"document_simhash_deduplicator": {"hamming_distance": 4}})
    b = plan_of({"document_simhash_deduplicator": {"hamming_distance": 3}})
    assert a.stats_hash == b.stats_hash
    assert a.refined_hash != b.refined_hash


def test_a_second_instance_has_its_own_label_and_column():
    plan = plan_of({"character_repetition_filter": {"rep_len": 5}}, {"character_repetition_filter": {"rep_len": 10}})
    assert [step.label for step in plan.steps] == ["character_repetition_filter", "character_repetition_filter_2"]
    assert plan.stat_columns == ("char_rep_ratio", "char_rep_ratio_2")
    assert plan.steps[0].identity != plan.steps[1].identity


def test_a_mapper_before_a_filter_changes_what_it_measures():
    before, mapper, after = plan_of("text_length_filter", "clean_email_mapper", "text_length_filter").steps
    assert before.identity != after.identity
    same, again = plan_of("text_length_filter", {"text_length_filter": {"min_len": 3}}).steps
    assert same.identity == again.identity


def test_the_order_of_operators_is_part_of_the_hash():
    a = plan_of("document_simhash_deduplicator", "clean_email_mapper")
    b = plan_of("clean_email_mapper", "document_simhash_deduplicator")
    assert a.stats_hash != b.stats_hash
