"""Change values in the text of a recipe: every other character of the file, with comments, stays unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

Value = int | float
# The top-level key of an operator that is the last one of the recipe.
LAST_STEP = "decontaminate"
Changes = Mapping[int, Mapping[str, Value]]


@dataclass(frozen=True)
class _Edit:
    """Hold the replacement of the characters from `start` up to `end`."""

    start: int
    end: int
    text: str


def set_parameters(text: str, changes: Changes) -> str:
    """Return the text of a recipe with parameters set.

    Parameters
    ----------
    text
        A recipe in YAML, in block or flow style.
    changes
        The new values of the parameters of operators, keyed by their index in `process`; that of a top-level key comes
        after the others. The value of an existing
        parameter is replaced; a new parameter is added after the others.

    Raises
    ------
    ValueError
        If an operator cannot be changed separately, because of an alias or a merge key.
    """
    edits: list[_Edit] = []
    entries = _process(yaml.compose(text, yaml.SafeLoader))
    for index, values in changes.items():
        edits += _entry_edits(text, entries[index], values)
    for edit in sorted(edits, key=lambda change: change.start, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _process(root: yaml.Node | None) -> list[yaml.Node]:
    """Return the entries of `process`; the operator of a top-level key follows them."""
    if not isinstance(root, yaml.MappingNode):
        raise ValueError("there is no list 'process'")  # noqa: TRY004 - the text is wrong, not its type
    keys = {key.value: (key, value) for key, value in root.value}
    _, listed = keys.get("process", (None, None))
    entries = list(listed.value) if isinstance(listed, yaml.SequenceNode) else []
    if LAST_STEP in keys:
        key, value = keys[LAST_STEP]
        entries.append(yaml.MappingNode(root.tag, [(key, value)], key.start_mark, value.end_mark, flow_style=False))
    if not entries:
        raise ValueError("there is no list 'process'")
    return entries


def _entry_edits(text: str, entry: yaml.Node, values: Mapping[str, Value]) -> list[_Edit]:
    if isinstance(entry, yaml.ScalarNode):
        at = entry.end_mark.index
        return [_Edit(at, at, ": " + _flow(values))]
    if not isinstance(entry, yaml.MappingNode):
        raise TypeError(f"line {entry.start_mark.line + 1}: is no operator")
    ((key, parameters),) = entry.value
    if not isinstance(parameters, yaml.MappingNode):
        return [_first_parameters(text, key, parameters, values, flow=bool(entry.flow_style))]
    known = {name.value: value for name, value in parameters.value}
    if "<<" in known or parameters.start_mark.index < key.end_mark.index:
        raise ValueError(f"line {key.start_mark.line + 1}: the parameters of {key.value} are shared by an alias")
    edits = [_replaced(text, known[name], value) for name, value in values.items() if name in known]
    added = {name: value for name, value in values.items() if name not in known}
    return [*edits, _added(text, parameters, added)] if added else edits


def _replaced(text: str, node: yaml.Node, value: Value) -> _Edit:
    start, end = node.start_mark.index, node.end_mark.index
    # the mark of an empty value is after the colon
    gap = " " if start == end and text[start - 1 : start] == ":" else ""
    return _Edit(start, end, gap + _number(value))


def _first_parameters(text: str, key: yaml.Node, empty: yaml.Node, values: Mapping[str, Value], *, flow: bool) -> _Edit:
    """Return the edit that adds the first parameters to an operator without parameters."""
    if flow or empty.start_mark.index != empty.end_mark.index:
        start, end = (empty.start_mark.index, empty.end_mark.index)
        return _Edit(start, end, _flow(values) if text[start - 1 : start].isspace() else " " + _flow(values))
    return _lines(text, key.end_mark.index, key.start_mark.column + 2, values)


def _added(text: str, parameters: yaml.MappingNode, values: Mapping[str, Value]) -> _Edit:
    last_name, last_value = parameters.value[-1] if parameters.value else (None, None)
    if parameters.flow_style or last_name is None or last_value is None:
        at = last_value.end_mark.index if last_value is not None else parameters.end_mark.index - 1
        return _Edit(at, at, (", " if last_value is not None else "") + _flow(values)[1:-1])
    end = max(last_name.end_mark.index, _content_end(text, last_value))
    return _lines(text, end, parameters.start_mark.column, values)


def _content_end(text: str, node: yaml.Node) -> int:
    """Return the end of a value, without trailing blanks, which YAML counts as part of a block collection."""
    return node.start_mark.index + len(text[node.start_mark.index : node.end_mark.index].rstrip())


def _lines(text: str, behind: int, indent: int, values: Mapping[str, Value]) -> _Edit:
    """Return the edit that adds a line for each value after the line of a position."""
    at = _line_end(text, behind)
    start = ("\r\n" if "\r\n" in text else "\n") + " " * indent
    return _Edit(at, at, "".join(f"{start}{name}: {_number(value)}" for name, value in values.items()))


def _flow(values: Mapping[str, Value]) -> str:
    return "{" + ", ".join(f"{name}: {_number(value)}" for name, value in values.items()) + "}"


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if text[end - 1 : end] == "\r" else end


def _number(value: Value) -> str:
    """Return a number in a form that YAML 1.1 reads back: exponents get the required dot and sign."""
    if isinstance(value, int):
        return str(value)
    written = repr(value)
    mantissa, exponent = written.split("e") if "e" in written else (written, "")
    if exponent and "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{exponent}" if exponent else mantissa
