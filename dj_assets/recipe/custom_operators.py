"""Import the Python files of users that register operators."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from dj_assets.errors import ContractError, RecipeError

# Prefix of the modules of custom operators: files of the same name in two folders become two modules.
CUSTOM_MODULE = "dj_assets_custom_"
# Attribute of such a module with the SHA-256 of its file.
CONTENT = "__content_sha256__"


def module_name(path: Path) -> str:
    """Return the name under which a user's operator file is imported."""
    return f"{CUSTOM_MODULE}{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{path.stem}"


def import_operators(modules: Iterable[Path]) -> None:
    """Import Python files whose `@register` adds operators; a file that has changed is imported again."""
    for path in modules:
        name = module_name(path)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        if name in sys.modules and sys.modules[name].__dict__[CONTENT] == content:
            continue
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise RecipeError(str(path), "is no Python file", key="custom_operator_paths")
        module = importlib.util.module_from_spec(spec)
        module.__dict__[CONTENT] = content
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except ContractError:
            del sys.modules[name]
            raise
        except Exception as error:
            del sys.modules[name]
            problem = f"cannot be imported: {type(error).__name__}: {error}".splitlines()[0]
            raise RecipeError(str(path), problem, key="custom_operator_paths") from error
