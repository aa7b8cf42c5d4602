from __future__ import annotations

import pytest

from dj_assets.sandbox.correlations import between_statistics, with_scores
from dj_assets.sandbox.cuts import Probed
from dj_assets.sandbox.hook_file import Metric
from dj_assets.sandbox.pools import Edge, Third
from dj_assets.sandbox.ranking import Results, best_thirds, rank

METRICS = {"acc": Metric(higher_is_better=True, weight=3), "loss": Metric(higher_is_better=False)}


def runs(*pairs: tuple[float, float], missing: dict[int, str] | None = None) -> Results:
    return Results({n: {"acc": a, "loss": b} for n, (a, b) in enumerate(pairs, 1)}, missing or {})


def test_the_score_is_the_weighted_relative_change_with_direction():
    found = {"random": runs((0.5, 2.0), (0.5, 2.0)), "good": runs((0.6, 1.0), (0.6, 1.0))}
    good, random = rank(found, "random", METRICS)
    # accuracy rose by 20 %, loss fell by 50 %
    assert good.mean == pytest.approx((3 * 20 + 1 * 50) / 4)
    assert (random.mean, random.verdict) == (0.0, "baseline")
    assert good.metrics == {"acc": 0.6, "loss": 1.0}


def test_a_change_within_the_noise_is_no_difference():
    noisy = runs((0.50, 1), (0.54, 1), (0.46, 1))
    found = {
        "random": noisy,
        "little": runs((0.53, 1), (0.53, 1), (0.53, 1)),
        "much": runs((0.7, 1), (0.7, 1), (0.7, 1)),
    }
    verdicts = {score.pool: score.verdict for score in rank(found, "random", METRICS)}
    assert verdicts == {"much": "better", "little": "no difference", "random": "baseline"}


def test_a_pool_that_scatters_is_no_difference_though_the_baseline_does_not():
    found = {"random": runs((0.5, 1), (0.5, 1)), "wild": runs((0.9, 1), (0.3, 1))}
    assert rank(found, "random", METRICS)[0].verdict == "no difference"


def test_missing_runs_are_named_and_the_rest_is_ranked():
    found = {"random": runs((0.5, 1), (0.5, 1)), "half": runs((0.6, 1), missing={2: "timed out"}), "none": runs()}
    half, _, none = rank(found, "random", METRICS)
    assert (half.runs, half.verdict, half.missing) == (1, "one run", {2: "timed out"})
    assert (none.mean, none.verdict) == (None, "no result")


def test_without_a_baseline_nothing_is_claimed():
    assert {score.verdict for score in rank({"random": runs(), "a": runs((1, 1))}, "random", METRICS)} == {"no result"}


def test_a_metric_whose_baseline_is_zero_does_not_count():
    found = {"random": runs((0.0, 2.0), (0.0, 2.0)), "a": runs((0.5, 1.0), (0.5, 1.0))}
    assert rank(found, "random", METRICS)[0].mean == pytest.approx(50)


def third(statistic: str, part: str) -> Third:
    return Third(statistic, part, False, Edge(0, 0), Edge(1, 0), 0, 1, 1, 1)


def test_best_thirds_take_each_statistic_once_and_pass_over_its_likes():
    thirds = {one.name: one for one in (third(s, p) for s in ("a", "b", "c") for p in ("low", "mid", "high"))}
    base = runs((0.5, 1), (0.5, 1))
    gains = {"a_low": 0.9, "a_mid": 0.85, "b_high": 0.8, "c_mid": 0.7, "c_low": 0.2}
    found = {"random": base, **{name: runs((gain, 1), (gain, 1)) for name, gain in gains.items()}}
    scores = rank(found, "random", METRICS)
    assert [one.name for one in best_thirds(scores, thirds, {}, 3)] == ["a_low", "b_high", "c_mid"]
    assert [one.name for one in best_thirds(scores, thirds, {}, 2)] == ["a_low", "b_high"]
    close = {("b", "a"): -0.95, ("a", "c"): 0.2}
    assert [one.name for one in best_thirds(scores, thirds, close, 3, 0.9)] == ["a_low", "c_mid"]
    worse = rank({"random": base, "a_low": runs((0.1, 1), (0.1, 1))}, "random", METRICS)
    assert best_thirds(worse, thirds, {}, 3) == []


def test_correlations_are_pearsons():
    import duckdb
    import numpy as np

    dice = np.random.default_rng(0)
    a, noise = dice.normal(size=(2, 500))
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE stats (shard INTEGER, row BIGINT, a DOUBLE, b DOUBLE, same DOUBLE)")
        rows = [[0, n, x, y, 1.0] for n, (x, y) in enumerate(zip(a, a + noise, strict=True))]
        connection.executemany("INSERT INTO stats VALUES (?, ?, ?, ?, ?)", rows)
        found = between_statistics(connection, [Probed("a"), Probed("b"), Probed("same")])
    assert found["a", "b"] == pytest.approx(np.corrcoef(a, a + noise)[0, 1])
    assert found["a", "same"] is None


def test_correlations_with_scores_need_three_pools():
    means = {"p": {"a": 1.0}, "q": {"a": 2.0}, "r": {"a": 3.0}}
    assert with_scores(means, {"p": 10, "q": 20, "r": 30})["a"] == pytest.approx(1)
    assert with_scores(means, {"p": 10, "q": 20})["a"] is None
    assert with_scores(means, {"p": 5, "q": 5, "r": 5})["a"] is None
