"""The input of a report: a run that is published, or about to be published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dj_assets.analysis.run_checks import CheckInput
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import Plan


@dataclass(frozen=True)
class ReportInput:
    """A run: its manifest and plan, the layout of its files, and the input of its checks."""

    manifest: RunManifest
    plan: Plan
    layout: Layout
    check_input: CheckInput

    @property
    def recipe(self) -> Recipe:
        """Return the recipe that was run."""
        return self.plan.recipe

    @property
    def database(self) -> Path:
        """Return the path of the database with the statistics and outcomes."""
        return self.layout.database


@dataclass(frozen=True)
class Section:
    """A section of the page: its name in links, its title, the sentence below the title, and its markup."""

    name: str
    title: str
    about: str
    body: str
