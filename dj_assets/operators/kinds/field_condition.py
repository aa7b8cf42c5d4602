"""Conditions in the syntax of Python expressions over fields, interpreted node by node; nothing is executed."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

Values = Mapping[str, object]

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda left, right: operator.contains(right, left),
    ast.NotIn: lambda left, right: not operator.contains(right, left),
}
_SIGNS: Mapping[type[ast.unaryop], Callable[[Any], object]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_LONGEST = 10_000
_CONSTANTS = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class FieldCondition:
    """Hold a parsed condition, and the paths of the fields that it names, such as `stars` or `meta.language`.

    Examples
    --------
    >>> condition = parse_condition("10 < num <= 30 and meta.language in ['en', 'de']")
    >>> condition.paths
    ('num', 'meta.language')
    >>> condition.holds({"num": 20, "meta.language": "de"}), condition.holds({"num": 20, "meta.language": None})
    (True, False)
    """

    root: ast.expr | None
    paths: tuple[str, ...]

    def holds(self, values: Values) -> bool:
        """Return whether the condition is true for the values of the paths.

        Raises
        ------
        TypeError
            If values cannot be compared, such as a text with a number.
        """
        return self.root is None or bool(_value(self.root, values))


@cache
def parse_condition(text: str) -> FieldCondition:
    """Return a condition; an empty one holds always.

    Raises
    ------
    ValueError
        If it is no expression, or has more than comparisons, `and`, `or`, `not`, signs, constants and collections.
    """
    if not text.strip():
        return FieldCondition(None, ())
    if len(text) > _LONGEST:
        raise ValueError(f"has more than {_LONGEST:,} characters")
    try:
        root = ast.parse(text.strip(), mode="eval").body
        paths = tuple(dict.fromkeys(_paths(root)))
    except SyntaxError as error:
        raise ValueError(f"{text!r} is no condition: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise ValueError("is nested too deep") from None
    return FieldCondition(root, paths)


def _paths(node: ast.expr) -> Iterator[str]:
    """Yield the paths in an expression; raise for a node that is not permitted."""
    if isinstance(node, ast.Name | ast.Attribute):
        yield _path(node)
        return
    permitted = (
        isinstance(node, ast.BoolOp | ast.List | ast.Tuple | ast.Set)
        or (isinstance(node, ast.Compare) and all(type(op) in _COMPARISONS for op in node.ops))
        or (isinstance(node, ast.UnaryOp) and type(node.op) in _SIGNS)
        or (isinstance(node, ast.Constant) and isinstance(node.value, _CONSTANTS))
    )
    if not permitted:
        raise ValueError(f"{ast.unparse(node)!r} is not permitted in a condition")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from _paths(child)


def _path(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_path(node.value)}.{node.attr}"
    if isinstance(node, ast.Name):
        return node.id
    raise ValueError(f"{ast.unparse(node)!r} is not permitted in a condition")


def _value(node: ast.expr, values: Values) -> object:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name() | ast.Attribute():
            return values[_path(node)]
        case ast.BoolOp():
            parts = (bool(_value(part, values)) for part in node.values)
            return all(parts) if isinstance(node.op, ast.And) else any(parts)
        case ast.UnaryOp():
            return _SIGNS[type(node.op)](_value(node.operand, values))
        case ast.Compare():
            return _compared(node, values)
        case ast.List() | ast.Tuple() | ast.Set():
            return [_value(element, values) for element in node.elts]
    raise TypeError(f"{type(node).__name__} has no value")


def _compared(node: ast.Compare, values: Values) -> bool:
    """Return whether all comparisons of a chain hold; the first one with a missing value decides it."""
    left = _value(node.left, values)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = _value(comparator, values)
        if left is None or right is None:
            return isinstance(op, ast.NotIn)
        if not _COMPARISONS[type(op)](left, right):
            return False
        left = right
    return True
