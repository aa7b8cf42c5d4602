"""What a report is made from: a run that is published, or about to be."""

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
    """A run: its manifest and plan, where its files lie, and the input of its checks."""

    manifest: RunManifest
    plan: Plan
    layout: Layout
    check_input: CheckInput

    @property
    def recipe(self) -> Recipe:
        """The recipe that was run."""
        return self.plan.recipe

    @property
    def database(self) -> Path:
        """The statistics and outcomes."""
        return self.layout.database


@dataclass(frozen=True)
class Section:
    """A part of the page: its name in links, its title, a sentence below it, and its markup."""

    name: str
    title: str
    about: str
    body: str
