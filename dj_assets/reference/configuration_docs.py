"""`docs/configuration.md`, made from the declarations in `dj_assets.variables`: `make docs`."""

from __future__ import annotations

from pathlib import Path

from dj_assets import settings, variables
from dj_assets.reference.operator_docs import table
from dj_assets.variables import Variable

_HEAD = """\
# Configuration

Generated from `dj_assets/variables.py` by `make docs`; a test fails when this page is out of date.

Settings are environment variables. An empty variable counts as not set. Only the raw files and the reference set of a
subset can also come from a file: `sources.yaml` in the project folder, see [recipes.md](recipes.md#sources). The
environment goes before `sources.yaml`, and `sources.yaml` goes before the recipe.

`dj-assets config` lists all settings with the value that is in effect, and its origin: the default, the environment or
the file. `dj-assets config --json` prints the same as JSON. The value of a secret is never shown, only that it is set.
The command exits with code 2 if a value cannot be used, and names unknown variables that begin with `DJ_`.

`<SUBSET>` stands for the name of a subset in capital letters: `DJ_SOURCE_C4` is the source of the subset `c4`.
"""


def render_configuration() -> str:
    """Return the page: one table for each group of variables."""
    parts = [_HEAD.strip()]
    for group, declared in variables.GROUPS.items():
        parts += [f"## {group}", table([_row(variable) for variable in declared])]
    return "\n\n".join(parts) + "\n"


def _row(variable: Variable) -> dict[str, str]:
    return {
        "variable": f"`{variable.name}`" + (" (secret)" if variable.secret else ""),
        "unit": variable.unit,
        "default": variable.default,
        "meaning": variable.about,
    }


def write_configuration_page(folder: Path) -> None:
    """Write `configuration.md` into a folder."""
    (folder / "configuration.md").write_text(render_configuration(), "utf-8")


if __name__ == "__main__":
    write_configuration_page(settings.project_root() / "docs")
