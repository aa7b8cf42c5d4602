"""Estimate the calls of language models that a run will make, with their tokens and their price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dj_assets.analysis.model_calls import kept_calls
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.models.text.prices import Prices, cost_of, plain_name
from dj_assets.operators.kinds.audited import AuditedFilter
from dj_assets.operators.kinds.language_model import LanguageModelOperator
from dj_assets.publish.database import reading
from dj_assets.recipe.plan import Plan
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

    def model_of(self, operator: str) -> str:
        """Return the model that an operator asked, where the recipe leaves it to the server; empty if none."""
        return next((model for name, model in self.tokens if name == operator), "")


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

    Without an earlier run, every sample reaches every step, so that the number is an upper bound. The calls of a second
    model that audits a step stand after those of the step.
    """
    basis, expected = _Basis(records, earlier, prices), []
    for step in plan.steps:
        operator = step.operator
        if not isinstance(operator, LanguageModelOperator):
            continue
        prompts = earlier.prompts.get(step.label, operator.prompts_a_sample)
        expected.append(basis.calls(step.label, operator, operator.model or earlier.model_of(operator.name), prompts))
        if isinstance(operator, AuditedFilter) and operator.audit_model:
            label = f"{step.label}: {operator.audit_model}"
            expected.append(basis.calls(label, operator, operator.audit_model, prompts * operator.audit_share))
    return expected


@dataclass(frozen=True)
class _Basis:
    records: ExpectedRecords
    earlier: EarlierCalls
    prices: Prices

    def calls(self, label: str, operator: LanguageModelOperator, model: str, prompts: float) -> ExpectedCalls:
        """Return the calls to a model; `prompts` are those for a record of the source."""
        calls = round(self.records.records * prompts)
        each = self.earlier.tokens.get((operator.name, model))
        measured = label in self.earlier.prompts and each is not None
        if each is None:
            written = operator.sampling().get("max_tokens")
            answer = written if isinstance(written, int) else ANSWER_TOKENS
            each = (PROMPT_TOKENS + self.records.text_bytes / BYTES_A_TOKEN, float(answer))
        into, out = round(calls * each[0]), round(calls * each[1])
        return ExpectedCalls(label, model, calls, into, out, cost_of(model, into, out, self.prices), measured)
