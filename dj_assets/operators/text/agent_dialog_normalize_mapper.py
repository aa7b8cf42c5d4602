"""Turn the messages of an agent into a dialog: text, history, query and response."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, cast

import pyarrow as pa
from pydantic import Field, NonNegativeInt

from dj_assets.errors import SampleError
from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.message_texts import content_text, text_of_choices
from dj_assets.operators.views.sample_fields import field_values

HISTORY = pa.list_(pa.list_(pa.string()))
# Names of skills: the folder of a SKILL.md, and English headings of the second level.
_SKILLS = (
    re.compile(r"[/\\]([a-zA-Z][a-zA-Z0-9_]*)[/\\]SKILL\.md", re.IGNORECASE),
    re.compile(r"##\s+([a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z0-9_]+)?)\s*(?:\n|$)"),
    re.compile(r"Check\s+[\"'].{0,1000}?([a-zA-Z][a-zA-Z0-9_]*)/SKILL\.md", re.IGNORECASE),
)
_TOOL_RESULT = "[Tool result]\n"
_MOST_TOOLS = 10
# Fields of a sample that `copy_lineage_fields` copies, with the names of the copies.
_LINEAGE = {"request_model": "agent_request_model", "pt": "agent_pt"}
_COST = "total_cost_time"

Message = Mapping[str, object]


def _fields(operator: AgentDialogNormalizeMapper) -> Mapping[str, pa.DataType]:
    text = {operator.text_key: pa.string()} if operator.text_key else {}
    tags = {f"{META}.agent_{kind}_types": pa.list_(pa.string()) for kind in ("tool", "skill")}
    lineage = {f"{META}.{name}": pa.string() for name in _LINEAGE.values()}
    return {
        **text,
        operator.history_key: HISTORY,
        operator.query_key: pa.string(),
        operator.response_key: pa.string(),
        f"{META}.agent_dialog_history_compressed": pa.bool_(),
        f"{META}.agent_turn_count": pa.int64(),
        **(tags if operator.extract_tool_skill_tags else {}),
        f"{META}.agent_last_user_msg_idx": pa.int64(),
        f"{META}.agent_last_assistant_msg_idx": pa.int64(),
        **({f"{META}.agent_request_id": pa.string()} if operator.copy_request_id else {}),
        **({**lineage, f"{META}.agent_total_cost_time_ms": pa.float64()} if operator.copy_lineage_fields else {}),
    }


@register("agent_dialog_normalize_mapper")
class AgentDialogNormalizeMapper(FieldMapper):
    """Write the messages of an agent as a dialog: `history_key`, and the last `query_key` and `response_key`.

    The field `messages_key` lists the messages; a turn is a message of the user, with all that the assistant and its
    tools say before the next one. The text becomes the whole dialog with labels; with a `text_key`, that field does,
    and the text stays. If the last turn has no response, that of `choices_key` is taken. Results of tools, answers and
    questions longer than the `history_…_max_chars` (0: no limit) lose their middle. Into `__dj__meta__` go the number
    of turns, the indices of the last messages of user and assistant, the names of called tools and of skills, and, if
    the sample has them, its request id, model, date and cost.

    A record needs a text, as every sample. For records that have messages only, name another field in the recipe's
    `text_keys`, such as `id`, and `text` as the `text_key` of this operator.
    """

    reads_text: ClassVar[bool] = False
    fields: ClassVar[Mapping[str, pa.DataType]] = cast("Mapping[str, pa.DataType]", ByParameters(_fields))

    messages_key: str = Field("messages", min_length=1)
    choices_key: str = Field("choices", min_length=1)
    history_key: str = Field("dialog_history", min_length=1)
    query_key: str = Field("query", min_length=1)
    response_key: str = Field("response", min_length=1)
    extract_tool_skill_tags: bool = True
    include_system_in_first_user: bool = False
    user_label: str = "User"
    assistant_label: str = "Assistant"
    copy_lineage_fields: bool = True
    copy_request_id: bool = True
    request_id_keys: tuple[str, ...] = ("request_id", "trace_id", "id")
    history_tool_result_max_chars: NonNegativeInt = 10_000
    history_max_assistant_trace_chars: NonNegativeInt = 0
    history_max_user_chars: NonNegativeInt = 0
    history_compress_head_ratio: float = 0.62

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with the dialogs as texts; unchanged if they belong into another field."""
        if self.text_key is not None:
            return batch
        return batch.with_text(pa.array([self._flat(dialog) for dialog in self._dialogs(batch)], pa.string()))

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the dialog, its last turn and its tags for every sample."""
        dialogs = self._dialogs(batch)
        choices = field_values(batch, self.choices_key)
        turns = [dialog.turns[-1] if dialog.turns else ("", "") for dialog in dialogs]
        columns: dict[str, Sequence[object]] = {
            self.history_key: [[list(turn) for turn in dialog.turns] for dialog in dialogs],
            self.query_key: [query for query, _ in turns],
            self.response_key: [
                said or text_of_choices(listed) for (_, said), listed in zip(turns, choices, strict=True)
            ],
            f"{META}.agent_dialog_history_compressed": [dialog.shortened for dialog in dialogs],
            f"{META}.agent_turn_count": [len(dialog.turns) for dialog in dialogs],
            f"{META}.agent_tool_types": [_distinct(_tools(dialog.messages)) for dialog in dialogs],
            f"{META}.agent_skill_types": [_distinct(_skills(dialog.messages)) for dialog in dialogs],
            f"{META}.agent_last_user_msg_idx": [_last(dialog.messages, "user") for dialog in dialogs],
            f"{META}.agent_last_assistant_msg_idx": [_last(dialog.messages, "assistant") for dialog in dialogs],
            f"{META}.agent_request_id": self._request_ids(batch),
        }
        if self.text_key is not None:
            columns[self.text_key] = [self._flat(dialog) for dialog in dialogs]
        for key, name in _LINEAGE.items():
            columns[f"{META}.{name}"] = [None if v is None else str(v) for v in field_values(batch, key)]
        columns[f"{META}.agent_total_cost_time_ms"] = [_number(value) for value in field_values(batch, _COST)]
        return {name: pa.array(columns[name], kind) for name, kind in self.fields.items()}

    def _dialogs(self, batch: Batch) -> list[_Dialog]:
        return batch.derive(self, lambda: [_Dialog.of(self, value) for value in field_values(batch, self.messages_key)])

    def _flat(self, dialog: _Dialog) -> str:
        labels = (self.user_label, self.assistant_label)
        said = ((label, text) for turn in dialog.turns for label, text in zip(labels, turn, strict=True))
        return "\n\n".join(f"{label}: {text}" for label, text in said if text)

    def _request_ids(self, batch: Batch) -> list[str | None]:
        # a recipe over messages alone may take the id for the text
        texts = {self.text_of_recipe: batch.text.to_pylist()}
        columns = [texts.get(key) or field_values(batch, key) for key in self.request_id_keys]
        rows = zip(*columns, strict=True) if columns else [()] * len(batch)
        return [
            next(filter(None, ("" if value is None else str(value).strip() for value in row)), None) for row in rows
        ]


class _Dialog:
    """Collect the turns of the messages of one sample."""

    def __init__(self, operator: AgentDialogNormalizeMapper, messages: Sequence[Message]) -> None:
        self.operator = operator
        self.messages = messages
        self.turns: list[tuple[str, str]] = []
        self.shortened = False

    @classmethod
    def of(cls, operator: AgentDialogNormalizeMapper, messages: object) -> _Dialog:
        """Return the dialog of messages, empty if they are no list."""
        listed = messages if isinstance(messages, list) else []
        if not all(isinstance(message, dict) for message in listed):
            raise SampleError(f"{operator.messages_key}: a message is no object")
        dialog = cls(operator, listed)
        system: list[str] = []
        for message in listed:
            role, content = _role(message), content_text(message.get("content"))
            if role == "system" and operator.include_system_in_first_user and content:
                system.append(content)
            elif role == "user":
                question = "\n\n".join([*system, content]).strip() if system else content
                dialog.turns.append((dialog.cut(question, operator.history_max_user_chars), ""))
                system = []
            elif role == "assistant":
                dialog.add(content or _called(message), "\n\n")
            elif role == "tool":
                result = dialog.cut(content, operator.history_tool_result_max_chars)
                if dialog.turns:
                    dialog.add(_TOOL_RESULT + result, "\n")
        return dialog

    def add(self, piece: str, joint: str) -> None:
        """Add what the assistant or a tool said to the last turn."""
        query, said = self.turns.pop() if self.turns else ("", "")
        said = f"{said}{joint}{piece}" if said and piece else said or piece
        self.turns.append((query, self.cut(said, self.operator.history_max_assistant_trace_chars)))

    def cut(self, text: str, most: int) -> str:
        """Return a text without its middle if it is longer than `most` characters."""
        if not most or len(text) <= most:
            return text
        self.shortened = True
        return without_middle(text, most, self.operator.history_compress_head_ratio)


def without_middle(text: str, most: int, head_ratio: float) -> str:
    """Return the head and the tail of a text of more than `most` characters, with the mark of Data-Juicer between."""
    space = most - 128
    if space < 400:
        return text[: max(0, most - 48)] + "\n…[truncated — agent_dialog_normalize_mapper]…"
    head = max(200, int(space * min(0.85, max(0.35, head_ratio))))
    tail = space - head
    if tail < 200:
        tail, head = 200, max(200, space - 200)
    left_out = len(text) - head - tail
    mark = f"\n\n[··· {left_out} chars omitted from middle; head+tail preserved — agent_dialog_normalize_mapper]\n\n"
    too_long = head + len(mark) + tail - most
    if too_long > 0:
        head = max(120, head - too_long)
    return text[:head] + mark + text[-tail:]


def _role(message: Message) -> str:
    return str(message.get("role") or "").lower()


def _calls(message: Message) -> list[dict[str, object]]:
    calls = message.get("tool_calls") or message.get("tool_use")
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def _tools(messages: Sequence[Message]) -> Iterator[str]:
    """Yield the names of the called tools, as OpenAI and Anthropic write them."""
    for call in (call for message in messages for call in _calls(message)):
        function = call.get("function") or call.get("function_call")
        name = function.get("name") if isinstance(function, dict) else None
        if name := name or call.get("name"):
            yield str(name).strip()


def _called(message: Message) -> str:
    names = _distinct(_tools([message]))
    more = [f"...+{len(names) - _MOST_TOOLS}"] if len(names) > _MOST_TOOLS else []
    return f"[Tool calls: {', '.join([*names[:_MOST_TOOLS], *more])}]" if names else ""


def _skills(messages: Sequence[Message]) -> Iterator[str]:
    for text in (content_text(message.get("content")) for message in messages):
        for pattern in _SKILLS:
            yield from (match[1] for match in pattern.finditer(text))


def _distinct(names: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, names)))


def _last(messages: Sequence[Message], role: str) -> int | None:
    return max((index for index, message in enumerate(messages) if _role(message) == role), default=None)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
