"""What a report is made from: a run that is published, or about to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dj_assets.analysis.verdicts import Evidence
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import Plan


@dataclass(frozen=True)
class Facts:
    """A run: its manifest and plan, where its files lie, and what its checks look at."""

    manifest: RunManifest
    plan: Plan
    layout: Layout
    evidence: Evidence

    @property
    def recipe(self) -> Recipe:
        """The recipe that was run."""
        return self.plan.recipe

    @property
    def database(self) -> Path:
        """The statistics and fates."""
        return self.layout.database


@dataclass(frozen=True)
class Section:
    """A part of the page: its name in links, its title, a sentence below it, and its markup."""

    name: str
    title: str
    about: str
    body: str
