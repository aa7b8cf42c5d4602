"""The way from pools to a recipe: probe, rank, combine, and write the recipe of the best pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dj_assets.errors import UserError
from dj_assets.home.writing import replace_atomically
from dj_assets.sandbox.evaluations import Evaluation, Loop, rankings
from dj_assets.sandbox.experiment import COMBINED, PROBE, Round, Sandbox
from dj_assets.sandbox.pool_recipe import pool_recipe, recipe_subset
from dj_assets.sandbox.pools import Third
from dj_assets.sandbox.ranking import Score, best_thirds


@dataclass(frozen=True)
class Standings:
    """The results of a sandbox so far: its rounds, the scores of each, the correlations of statistics."""

    rounds: tuple[Round, ...]
    scores: dict[str, list[Score]]
    correlations: dict[tuple[str, str], float | None]

    @property
    def missing(self) -> dict[str, dict[int, str]]:
        """Return the reasons for the evaluations without a result, by pool and seed."""
        return {score.pool: dict(score.missing) for scores in self.scores.values() for score in scores if score.missing}


def standings(sandbox: Sandbox) -> Standings:
    """Return the standings over the newest run; evaluations that did not run yet are missing."""
    return Standings(tuple(sandbox.rounds()), rankings(sandbox), sandbox.correlations())


def chosen_thirds(sandbox: Sandbox, known: Standings) -> list[Third]:
    """Return the thirds to combine: the best of each of the best statistics.

    Raises
    ------
    UserError
        If no third is better than the baseline, or nothing was evaluated.
    """
    probe = next((round_ for round_ in known.rounds if round_.name == PROBE), None)
    if probe is None:
        raise UserError(f"{sandbox.recipe.name}: there are no pools yet; make them first ('dj-assets sandbox run')")
    thirds = {entry.pool.name: entry.pool.thirds[0] for entry in probe.entries if entry.pool.thirds}
    block = sandbox.block
    chosen = best_thirds(known.scores[PROBE], thirds, known.correlations, block.combine, block.max_correlation)
    if not chosen:
        raise UserError(f"{sandbox.recipe.name}: no third is better than a random pool, so there is nothing to combine")
    return chosen


def best_pool(known: Standings) -> str | None:
    """Return the best pool that thresholds can describe: a combined one where they are evaluated, else a third.

    It is None where no such pool is better than its baseline.
    """
    for name in (COMBINED, PROBE):
        best_round = next((round_ for round_ in known.rounds if round_.name == name), None)
        if best_round is None:
            continue
        plain = {
            e.pool.name for e in best_round.entries if e.pool.thirds and e.pool.at_least is None and e.pool.repeat == 1
        }
        for score in known.scores[name]:
            if score.pool in plain and score.verdict in {"better", "one run"} and (score.mean or 0) > 0:
                return score.pool
    return None


def discover(sandbox: Sandbox, done: Callable[[Evaluation], None] = lambda _: None) -> Standings:
    """Probe, evaluate, combine the best thirds, and evaluate these; finished evaluations are not run again."""
    loop = Loop(sandbox, done)
    loop.run([entry.pool.name for entry in sandbox.probe().entries])
    combined = sandbox.combine(chosen_thirds(sandbox, standings(sandbox)))
    loop.run([entry.pool.name for entry in combined.entries])
    return standings(sandbox)


def write_best(sandbox: Sandbox, known: Standings) -> tuple[str, Path]:
    """Write the recipe of the best pool into the folder of the sandbox's files; return the pool and the file.

    Raises
    ------
    UserError
        If no pool is better than its baseline.
    """
    best = best_pool(known)
    if best is None:
        raise UserError(f"{sandbox.recipe.name}: no pool is better than a random one, so there is no recipe to propose")
    target = sandbox.folder / "recipes" / f"{recipe_subset(sandbox, best)}.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    with replace_atomically(target) as temporary:
        temporary.write_text(pool_recipe(sandbox, best), "utf-8")
    return best, target
