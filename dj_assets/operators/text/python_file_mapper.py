"""Rewrite texts by a function in a Python file that the recipe names."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from pydantic import Field

from dj_assets.operators.kinds.python_code import CodeMapper, Function
from dj_assets.operators.registry import register


@register("python_file_mapper")
class PythonFileMapper(CodeMapper):
    """Rewrite the text by `function_name` of the file `file_path`: it gets the sample as a dict and returns it.

    Other fields cannot be changed. With `batched`, the dict has a list for each key. A relative path is one in the
    working directory. The code of a recipe runs only with the permission `DJ_ALLOW_CODE=1`. Without a
    path, texts stay as they are. If the file changes, samples are measured again.
    """

    file_path: str = ""
    function_name: str = Field("process_single", min_length=1)

    def measuring_parameters(self) -> dict[str, object]:
        """Return the parameters, with the checksum of the file in place of its path."""
        return {**super().measuring_parameters(), "file_path": self._checksum()}

    def problem(self) -> str | None:
        """Return that the file is missing or no Python file, or None."""
        path = Path(self.file_path)
        if not self.file_path or (path.suffix == ".py" and path.is_file()):
            return None
        return f"{self.file_path!r} is no Python file in {Path.cwd()}"

    def function(self) -> Function | None:
        """Return the function, None without a path."""
        return _function(self.file_path, self.function_name, self._checksum()) if self.file_path else None

    def _checksum(self) -> str:
        path = Path(self.file_path)
        found = bool(self.file_path) and path.is_file()
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" if found else ""


@cache
def _function(path: str, name: str, checksum: str) -> Function:  # noqa: ARG001 - a changed file is another one
    spec = importlib.util.spec_from_file_location(f"dj_assets_file_{Path(path).stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Function | None = getattr(module, name, None)
    if callable(function):
        return function
    raise ImportError(f"{path} has no function {name!r}")
