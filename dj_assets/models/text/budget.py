"""Stop asking models when a subset has made as many calls, or spent as many tokens or as much money, as permitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dj_assets import settings, variables
from dj_assets.errors import TextModelError
from dj_assets.models.text.chat import Answer, KeptAnswers
from dj_assets.models.text.prices import Prices, cost_of, plain_name, price_table

CALLS, TOKENS, COST = "calls", "tokens", "cost"
_VARIABLES = {CALLS: variables.LLM_MAX_CALLS, TOKENS: variables.LLM_MAX_TOKENS, COST: variables.LLM_MAX_COST}


@dataclass(frozen=True)
class Budget:
    """Hold the limits of a subset, and the prices of a million tokens into and out of each model.

    The limits are for all calls that a subset ever made. At a limit the run stops with one line; answers are kept, and
    the next run goes on from them once the limit is higher. Calls under way may exceed a limit of tokens or money.
    """

    limits: Mapping[str, float] = field(default_factory=dict)
    prices: Prices = field(default_factory=dict)

    @classmethod
    def of_settings(cls) -> Budget:
        """Return the budget that the environment sets.

        Raises
        ------
        TextModelError
            If there is a limit of money and no table of prices, or the table cannot be read.
        """
        limits = {name: limit for name, limit in settings.llm_limits().items() if limit is not None}
        if COST in limits and not variables.LLM_PRICES.given():
            raise TextModelError(f"{variables.LLM_MAX_COST.name} needs a table of prices; name it in DJ_LLM_PRICES")
        return cls(limits, price_table() if COST in limits else {})

    def begin(self, model: str, kept: KeptAnswers | None) -> None:
        """Count a call that is about to be made.

        Raises
        ------
        TextModelError
            If a limit is reached, or the table of prices lacks the model.
        """
        if kept is None or not self.limits:
            return
        if COST in self.limits and plain_name(model) not in self.prices:
            raise TextModelError(f"{variables.LLM_PRICES.name}: has no price of {plain_name(model)!r}; add it")
        reached = kept.spend({CALLS: 1}, self.limits)
        if reached is not None:
            variable = _VARIABLES[reached].name
            raise TextModelError(
                f"the budget is spent: {reached} have reached {variable}={self.limits[reached]:g}; answered calls are "
                "kept, raise it and run again"
            )

    def end(self, model: str, answer: Answer, kept: KeptAnswers | None) -> None:
        """Count the tokens of an answer, and their price."""
        if kept is None or not self.limits:
            return
        into, out = answer.tokens_in or 0, answer.tokens_out or 0
        kept.spend({TOKENS: into + out, COST: cost_of(model, into, out, self.prices) or 0.0}, {})
