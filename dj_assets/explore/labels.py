"""Labels that people give to samples: a file to which every label is appended, so that no earlier one is lost.

Each line of `labels.jsonl`, in the folder of the run, is one label: the time, the label (`good`, `bad`, or empty where
it was taken back), the id of the sample, the SHA-256 of its source file and its row, and the run that it was seen in.
The number of lines is the version of the labels. A sample is found again by file and row, also after later runs.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from dj_assets.errors import UserError
from dj_assets.explore.samples import Mask, Samples
from dj_assets.home.json_files import append_line, read_lines
from dj_assets.home.run_manifest import RunManifest

FILE = "labels.jsonl"
GOOD, BAD, NONE = "good", "bad", "none"
LABELS = (GOOD, BAD)


@dataclass(frozen=True)
class Label:
    """One line of the file: a label of a sample; an empty label takes the earlier one back."""

    time: str
    label: str
    id: str
    sha256: str
    row: int
    run: str


class Labels:
    """The labels of the samples of one run."""

    def __init__(self, folder: Path, samples: Samples, manifest: RunManifest) -> None:
        """Read the labels in a folder; there may be none yet.

        Raises
        ------
        DamagedError
            If a line cannot be read.
        """
        self.path = folder / FILE
        self._samples, self._manifest = samples, manifest
        self._writing = threading.Lock()
        self._sha256 = {file.number: file.sha256 for file in manifest.files}
        self._numbers = {file.sha256: file.number for file in reversed(manifest.files)}
        self.version = 0
        self._given: dict[int, Label] = {}
        for label in read_labels(self.path):
            self._take(label)

    def give(self, position: int, name: str, label: str) -> None:
        """Append the label of a sample, whose id is `name`; an empty one takes the label back.

        Raises
        ------
        UserError
            If there is no such label.
        """
        if label not in {*LABELS, ""}:
            raise UserError(f"no such label: {label}; a sample is {GOOD} or {BAD}")
        shard, row = int(self._samples.shard[position]), int(self._samples.row[position])
        time = datetime.now(UTC).isoformat(timespec="seconds")
        given = Label(time, label, name, self._sha256[shard], row, self._manifest.run_id)
        with self._writing:
            append_line(self.path, asdict(given))
            self._take(given)

    def of(self, positions: Iterable[int]) -> list[str]:
        """Return the labels of samples, empty for those without one."""
        return [self._given[position].label if position in self._given else "" for position in positions]

    def with_label(self, label: str) -> Mask:
        """Return the samples that have a label; those without one for `none`."""
        marks = np.zeros(len(self._samples), bool)
        marks[[at for at, given in self._given.items() if label in {given.label, NONE}]] = True
        return ~marks if label == NONE else marks

    def labelled(self) -> Mapping[int, bool]:
        """Return the labelled samples by position: whether each is good."""
        return {at: label.label == GOOD for at, label in self._given.items()}

    def counts(self) -> dict[str, int]:
        """Return the version of the labels, and how many samples are good and bad."""
        given = [label.label for label in self._given.values()]
        return {"version": self.version, GOOD: given.count(GOOD), BAD: given.count(BAD)}

    def exported(self) -> str:
        """Return the newest label of every labelled sample of this run as JSON lines, in the order of the samples."""
        lines = [{"version": self.version, **asdict(self._given[at])} for at in sorted(self._given)]
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)

    def _take(self, label: Label) -> None:
        self.version += 1
        number = self._numbers.get(label.sha256)
        position = None if number is None else self._samples.position(number, label.row)
        if position is None:
            return
        self._given.pop(position, None)
        if label.label:
            self._given[position] = label


def read_labels(path: Path) -> list[Label]:
    """Return all lines of a file of labels; none where there is no file.

    Raises
    ------
    DamagedError
        If a line cannot be read.
    """
    return read_lines(path, lambda content: Label(**content), "label")
