"""Rewrite texts by a lambda expression of the recipe."""

from __future__ import annotations

import ast

from pydantic import field_validator

from dj_assets.operators.kinds.python_code import CodeMapper, Function
from dj_assets.operators.registry import register


@register("python_lambda_mapper")
class PythonLambdaMapper(CodeMapper):
    """Rewrite the text by `lambda_str`, a lambda expression of one argument: the sample as a dict, which it returns.

    Other fields cannot be changed. With `batched`, the dict has a list for each key. The code of a recipe runs only
    with the permission `DJ_ALLOW_CODE=1`. Without an expression, texts stay as they are.
    """

    lambda_str: str = ""

    @field_validator("lambda_str")
    @classmethod
    def _is_lambda(cls, code: str) -> str:
        try:
            body = ast.parse(code.strip() or "lambda sample: sample", mode="eval").body
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise ValueError(f"{code!r} is no expression: {error}") from None
        if not isinstance(body, ast.Lambda) or len(body.args.args) != 1:
            raise ValueError(f"{code!r} is no lambda expression of one argument")
        return code

    def problem(self) -> str | None:
        """Return None: the expression was parsed."""
        return None

    def function(self) -> Function | None:
        """Return the function, None without an expression."""
        if not self.lambda_str.strip():
            return None
        function: Function = eval(compile(self.lambda_str.strip(), "<lambda_str>", "eval"), {})  # noqa: S307 - permitted
        return function
