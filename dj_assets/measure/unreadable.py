"""The files of a source that cannot be read: all of them are named at once, after the others are measured."""

from __future__ import annotations

from dataclasses import dataclass, field

from dj_assets.errors import UnreadableFileError

# A source with as many files that cannot be read is not read to its end.
_MOST = 10


@dataclass
class Unreadable:
    """Collect the files that cannot be read, keyed by their numbers."""

    errors: dict[int, UnreadableFileError] = field(default_factory=dict)

    def add(self, number: int, error: UnreadableFileError) -> None:
        """Add a file."""
        self.errors[number] = error

    @property
    def are_enough(self) -> bool:
        """Return whether no other file should be measured."""
        return len(self.errors) >= _MOST

    def raise_if_any(self) -> None:
        """Raise one error with a line for each file, in the order of the files.

        Raises
        ------
        UnreadableFileError
            If there is any file.
        """
        if self.errors:
            raise UnreadableFileError("\n".join(str(self.errors[number]) for number in sorted(self.errors)))
