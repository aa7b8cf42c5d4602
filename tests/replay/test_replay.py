"""The replay against a straightforward reading of the rules, one sample after another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from dj_assets.operators.base import Deduplicator, Mapper, RangeFilter, Statistic
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.replay.clusters import NearPairs, SharedKeys
from dj_assets.replay.population import load_population
from dj_assets.replay.replay import replay
from dj_assets.replay.shared_keys import shared_keys


class Ratio(RangeFilter):
    name = "ratio"
    statistics = (Statistic("ratio", pa.float64()),)

    min_ratio: float | None = None
    max_ratio: float | None = None

    def measure(self, batch):
        return {"ratio": pc.utf8_length(batch.text).cast(pa.float64())}


class Sign(Deduplicator):
    name = "sign"

    def sign(self, batch):
        return pc.utf8_length(batch.text).cast(pa.uint64())


class Keys(Deduplicator):
    name = "keys"
    signature_type = pa.list_(pa.uint64())

    @property
    def short_text_keys(self):
        return (0, 1)

    def sign(self, batch):
        return pa.array([[length] for length in pc.utf8_length(batch.text).to_pylist()], self.signature_type)


class Bytes(Deduplicator):
    name = "bytes"
    signature_type = pa.binary(16)

    def sign(self, batch):
        return pa.array([b"%016d" % length for length in pc.utf8_length(batch.text).to_pylist()], self.signature_type)


class Nothing(Mapper):
    name = "nothing"

    def apply(self, batch):
        return batch


VALUES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0, float("nan")])
BOUND = st.none() | st.sampled_from([0.1, 0.25, 0.5, 0.75])
SIGNATURES = {
    Sign: st.none() | st.integers(0, 6),
    # a text too short for a shingle has all keys of such texts, and no others
    Keys: st.none()
    | st.just([0, 1])
    | st.lists(st.integers(2, 9) | st.integers(2**64 - 5, 2**64 - 1), max_size=3, unique=True),
    Bytes: st.none() | st.sampled_from([b"%016d" % i for i in range(4)]),
}
OPERATOR = st.one_of(
    st.builds(
        Ratio,
        min_ratio=BOUND,
        max_ratio=BOUND,
        min_closed_interval=st.booleans(),
        max_closed_interval=st.booleans(),
        reversed_range=st.booleans(),
    ),
    st.sampled_from([Sign(), Keys(), Bytes()]),
    st.just(Nothing()),
)


def keeps(operator: Ratio, value: float) -> bool:
    if value != value:
        return False
    low_closed = operator.min_closed_interval != operator.reversed_range
    high_closed = operator.max_closed_interval != operator.reversed_range
    low = operator.min_ratio is None or (value >= operator.min_ratio if low_closed else value > operator.min_ratio)
    high = operator.max_ratio is None or (value <= operator.max_ratio if high_closed else value < operator.max_ratio)
    return (low and high) != operator.reversed_range


def duplicates(operator, a, b, near):
    if isinstance(operator, Keys):
        return bool({*a} & {*b})
    return a == b or (isinstance(operator, Sign) and (min(a, b), max(a, b)) in near)


def naive(plan, rows, near, reference):
    """Return the outcome and the kept duplicate of every row; those below -1 are of the reference, one too low.

    Rows of the reference are numbered from below: they come before all others, are never judged and never end.
    """
    numbered = dict(enumerate([*reference, *rows], -len(reference)))
    outcomes, kept_duplicate = [-1] * len(rows), [-1] * len(rows)
    for step in plan.steps:
        alive = [i for i in range(len(rows)) if outcomes[i] == -1]
        for i in alive:
            if rows[i]["failed_at"] == step.index:
                outcomes[i] = step.index
        alive = [i for i in alive if outcomes[i] == -1]
        if isinstance(step.operator, Ratio):
            column = step.columns["ratio"]
            for i in alive:
                if not keeps(step.operator, rows[i][column]):
                    outcomes[i] = step.index
        elif isinstance(step.operator, Deduplicator):
            signed = [i for i in [*range(-len(reference), 0), *alive] if numbered[i][step.signature] is not None]
            groups = {i: {i} for i in signed}
            for i in signed:
                for j in signed:
                    a, b = numbered[i][step.signature], numbered[j][step.signature]
                    if duplicates(step.operator, a, b, near):
                        union = groups[i] | groups[j]
                        for member in union:
                            groups[member] = union
            for i in signed:
                if i >= 0 and min(groups[i]) != i:
                    outcomes[i] = step.index
                    kept_duplicate[i] = min(groups[i]) if min(groups[i]) >= 0 else min(groups[i]) - 1
    return outcomes, kept_duplicate


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_replay_follows_the_rules(data, tmp_path_factory):
    operators = tuple(data.draw(st.lists(OPERATOR, min_size=1, max_size=6)))
    plan = make_plan(Recipe("<dict>", operators))
    row = {
        "failed_at": st.sampled_from([-1] * 6 + list(range(len(operators)))),
        **dict.fromkeys(plan.stat_columns, VALUES),
        **{step.signature: SIGNATURES[type(step.operator)] for step in plan.deduplicators},
    }
    rows = data.draw(st.lists(st.fixed_dictionaries(row), max_size=14))
    reference = data.draw(st.lists(st.fixed_dictionaries(row), max_size=data.draw(st.sampled_from([0, 6]))))
    near = data.draw(st.sets(st.tuples(st.integers(0, 3), st.integers(4, 6)), max_size=3))
    folder = tmp_path_factory.mktemp("replay")
    split = data.draw(st.integers(0, len(rows)))
    files = [write(folder, plan, shard, part) for shard, part in enumerate((rows[:split], rows[split:]))]
    theirs = [write(folder / "against", plan, 0, reference)] if reference else []
    measured = [[paths[kind] for paths in of] for of in (files, theirs) for kind in (0, 1)]
    population = load_population(plan, *measured)
    pairs = sorted(near)
    found = NearPairs(np.array([a for a, _ in pairs], np.uint64), np.array([b for _, b in pairs], np.uint64))
    links = {
        step.signature: share([*theirs, *files], step.signature, len(reference) + len(rows), data)
        if isinstance(step.operator, Keys)
        else found
        for step in plan.deduplicators
    }
    outcome = replay(plan, population, links)
    outcomes, kept_duplicate = naive(plan, rows, near, reference)
    assert outcome.outcome.tolist() == outcomes
    assert kept_duplicates(outcome) == [kept + (kept < -1) if kept != -1 else None for kept in kept_duplicate]
    failed = [r["failed_at"] for r in rows]
    assert outcome.quarantined.tolist() == [f >= 0 and f == at for f, at in zip(outcomes, failed, strict=True)]
    assert (outcome.duplicates.size >= 2).all()
    for step in plan.deduplicators:
        if isinstance(step.operator, Keys):
            dropped = [i for i, kept in enumerate(kept_duplicate) if kept != -1 and outcomes[i] == step.index]
            short = [i for i in dropped if {*rows[i][step.signature]} & {0, 1}]
            # a key that nobody shares, or that unites no others than a key before it, leaves no trace
            assert outcome.short_texts[step.label] <= len(short)


def kept_duplicates(outcome) -> list[int | None]:
    """Return the kept duplicate of every sample, None where there is none; those of the reference are below 0."""
    found: list[int | None] = [None] * len(outcome.outcome)
    for sample, kept in zip(outcome.duplicates.sample, outcome.duplicates.kept_duplicate, strict=True):
        found[sample] = kept - outcome.references
    return found


def share(files, name, count, data):
    """Find shared keys in one part or in several."""
    table = shared_keys([signatures for _, signatures in files], name, data.draw(st.sampled_from([1, 5, 1000])))
    return SharedKeys(count, table["sample"].to_numpy(), table["key"].to_numpy())


def test_texts_without_a_shingle_are_counted(tmp_path):
    plan = make_plan(Recipe("<dict>", (Keys(),)))
    [step] = plan.deduplicators
    keys = [[0, 1], [7, 8], [0, 1], [7, 9], [0, 1]]
    files = [write(tmp_path, plan, 0, [{"failed_at": -1, step.signature: held} for held in keys])]
    population = load_population(plan, *([[path] for path in files[0]]))
    table = shared_keys([files[0][1]], step.signature)
    outcome = replay(
        plan, population, {step.signature: SharedKeys(5, *(table[c].to_numpy() for c in ("sample", "key")))}
    )
    assert kept_duplicates(outcome) == [None, None, 0, 1, 0]
    assert outcome.short_texts == {"keys": 2}


def write(folder: Path, plan, shard: int, rows: list[dict]) -> tuple[Path, Path]:
    folder.mkdir(exist_ok=True)
    stats = {
        "shard": pa.array([shard] * len(rows), pa.int32()),
        "row": pa.array(range(len(rows)), pa.int64()),
        "id": pa.array([str(i) for i in range(len(rows))], pa.string()),
    }
    for column in plan.stat_columns:
        stats[column] = pa.array([r[column] for r in rows], pa.float64())
    failed = [r["failed_at"] if r["failed_at"] >= 0 else None for r in rows]
    signatures = {"row": stats["row"], "failed_at": pa.array(failed, pa.int16())}
    for step in plan.deduplicators:
        signatures[step.signature] = pa.array([r[step.signature] for r in rows], step.operator.signature_type)
    paths = folder / f"stats{shard}.parquet", folder / f"signatures{shard}.parquet"
    pq.write_table(pa.table(stats), paths[0])
    pq.write_table(pa.table(signatures), paths[1])
    return paths
