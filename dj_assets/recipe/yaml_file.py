"""Read YAML: `2e5` is a number, a key that is given twice is an error, and a syntax error is one line."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path

import yaml

from dj_assets.errors import RecipeError


class _Loader(yaml.SafeLoader):
    """Loader of YAML 1.1 that reads `2e5` as a number and refuses a key that is given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:  # noqa: FBT001
        """Return the mapping; refuse a key that is given twice, of which YAML would silently keep the last."""
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$"),
    list("-+0123456789"),
)


# A recipe has kilobytes. A device or a data file would be read without end.
_MOST_BYTES = 10_000_000
# A recipe has hundreds of values. Aliases of aliases can make billions from a few lines.
_MOST_VALUES = 1_000_000


def _values(content: object, known: dict[int, int]) -> int:
    """Return the number of values in a content, of an alias all of them each time.

    `known` has the numbers of the lists and mappings that were counted, by their identity; 0 while one is counted.

    Raises
    ------
    ValueError
        If there are too many, or an alias contains itself.
    """
    if not isinstance(content, list | dict):
        return 1
    number = known.get(id(content))
    if number is not None:
        if not number:
            raise ValueError("an alias contains itself")
        return number
    known[id(content)] = 0
    entries = [*content, *content.values()] if isinstance(content, dict) else content
    number = 1 + sum(_values(entry, known) for entry in entries)
    if number > _MOST_VALUES:
        raise ValueError(f"its aliases make more than {_MOST_VALUES:,} values")
    known[id(content)] = number
    return number


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"has more than {_MOST_BYTES:,} bytes, which is no recipe")
    return content.decode("utf-8")


def read_yaml(path: Path) -> dict[str, object]:
    """Return the content of a YAML file with one mapping.

    Raises
    ------
    RecipeError
        If the file cannot be read, is not YAML, or is not a mapping; the message has file, line and problem.
    """
    try:
        content = yaml.load(_text_of(path), _Loader)  # noqa: S506 - a SafeLoader
        _values(content, {})
    except FileNotFoundError:
        raise RecipeError(str(path), "no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(str(path), f"cannot be read: {error}") from None
    except RecursionError:
        raise RecipeError(str(path), "its lists or mappings are nested too deep") from None
    except ValueError as error:
        raise RecipeError(str(path), str(error)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise RecipeError(str(path), f"{line}{problem}") from None
    if not isinstance(content, dict):
        raise RecipeError(str(path), f"holds {type(content).__name__}, not a mapping with a 'process' list")
    return content
