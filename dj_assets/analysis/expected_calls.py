"""Estimate the calls of language models that a run will make, with their tokens and their price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dj_assets.analysis.model_calls import kept_calls
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.models.text.prices import Prices, cost_of, plain_name
from dj_assets.operators.kinds.language_model import LanguageModelOperator
from dj_assets.publish.database import reading
from dj_assets.recipe.plan import Plan, Step
from dj_assets.sources.expected_records import ExpectedRecords

# Without an earlier run: tokens of the instructions, bytes of text for a token, tokens of an answer without a limit.
PROMPT_TOKENS, BYTES_A_TOKEN, ANSWER_TOKENS = 200, 4, 256
ASSUMPTION = (
    f"assumed: {PROMPT_TOKENS} tokens of instructions and one for {BYTES_A_TOKEN} bytes of text in a prompt, and "
    f"max_tokens of sampling_params in an answer, else {ANSWER_TOKENS}"
)


@dataclass(frozen=True)
class EarlierCalls:
    """Hold what an earlier run says about calls.

    `prompts` are the questions of each step for a record of the source, by its label; `tokens` are the mean tokens into
    and out of a model, by operator and model.
    """

    name: str = ""
    prompts: Mapping[str, float] = field(default_factory=dict)
    tokens: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of_run(cls, layout: Layout, manifest: RunManifest) -> EarlierCalls:
        """Return what a finished run says."""
        with reading(layout.database) as connection:
            kept = kept_calls(connection, {})
        return cls(
            f"{manifest.name} of {manifest.finished}",
            {label: counts.prompts / max(manifest.samples_in, 1) for label, counts in manifest.calls.items()},
            {
                (each.operator, plain_name(each.model)): (each.tokens_in / answered, each.tokens_out / answered)
                for each in kept
                if (answered := each.calls - each.failed) and each.tokens_in + each.tokens_out
            },
        )


@dataclass(frozen=True)
class ExpectedCalls:
    """The calls that a step will make, its tokens, and their price, None without one; `measured` tells from where."""

    step: str
    model: str
    calls: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    measured: bool


def expected_calls(plan: Plan, records: ExpectedRecords, earlier: EarlierCalls, prices: Prices) -> list[ExpectedCalls]:
    """Return the expected calls of every step that asks a language model, in recipe order.

    Without an earlier run, every sample reaches every step, so that the number is an upper bound.
    """
    return [
        _expected(step, step.operator, records, earlier, prices)
        for step in plan.steps
        if isinstance(step.operator, LanguageModelOperator)
    ]


def _expected(
    step: Step, operator: LanguageModelOperator, records: ExpectedRecords, earlier: EarlierCalls, prices: Prices
) -> ExpectedCalls:
    model = operator.model or _model_of(operator.name, earlier)
    prompts = earlier.prompts.get(step.label, operator.prompts_a_sample)
    calls = round(records.records * prompts)
    each = earlier.tokens.get((operator.name, model))
    if each is None:
        written = operator.sampling().get("max_tokens")
        answer = written if isinstance(written, int) else ANSWER_TOKENS
        each = (PROMPT_TOKENS + records.text_bytes / BYTES_A_TOKEN, float(answer))
    into, out = round(calls * each[0]), round(calls * each[1])
    measured = step.label in earlier.prompts and (operator.name, model) in earlier.tokens
    return ExpectedCalls(step.label, model, calls, into, out, cost_of(model, into, out, prices), measured)


def _model_of(operator: str, earlier: EarlierCalls) -> str:
    """Return the model that an operator asked before, where the recipe leaves it to the server."""
    return next((model for name, model in earlier.tokens if name == operator), "")
