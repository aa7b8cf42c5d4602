"""One tree of errors; the class says what the runner must do, the message what the user can do."""

from __future__ import annotations

from dataclasses import dataclass


class DjError(Exception):
    """Root of all errors raised on purpose.

    `exit_code` is what the command line returns: 2 the user's mistake, 1 anything else.
    """

    exit_code = 1


class UserError(DjError):
    """Something the user can put right: one line naming file, position, key and the fix."""

    exit_code = 2


@dataclass
class RecipeError(UserError):
    """A recipe that cannot be used, located as closely as possible."""

    file: str
    problem: str
    index: int | None = None
    operator: str | None = None
    key: str | None = None
    fix: str | None = None

    def __str__(self) -> str:
        where = [self.file]
        if self.index is not None:
            where.append(f"process[{self.index}]")
        where += [part for part in (self.operator, self.key) if part]
        return ": ".join([*where, self.problem]) + (f"; {self.fix}" if self.fix else "")


class ContractError(UserError):
    """Report an operator that breaks its contract: wrong keys, lengths or types, or a class that is not complete.

    The message is one line with file, line, class, the breach and the fix. The run stops and publishes nothing.
    """


class TextModelError(UserError):
    """A language model that cannot be asked: none is configured, the server is not there, or refuses every call."""


class SourceError(UserError):
    """A source that cannot be read at all: no such path, an empty folder, a text key that no record has."""


class UnreadableFileError(SourceError):
    """One file of a source cannot be read: it is cut off, damaged, or of another kind than its name says."""


@dataclass
class MissingModelError(UserError):
    """A model or word list that no folder of the search path holds; found before any data is read."""

    name: str
    searched: tuple[str, ...] = ()
    wanted_by: str = ""
    command: str = ""

    def __str__(self) -> str:
        by = f"{self.wanted_by}: " if self.wanted_by else ""
        where = ", ".join(self.searched) or "no folder"
        get = f'get it with "{self.command}" or ' if self.command else ""
        return (
            f"{by}model {self.name!r} is missing (looked in {where}); "
            f"{get}point DJ_MODELS or --models at a folder that has it"
        )


class DiskError(DjError):
    """The disk is full or cannot be written: what was published stays; one line says how much is needed."""


class StoreError(DjError):
    """An object store that does not answer, or answers with errors for too long; what was published stays."""


class DamagedError(UserError):
    """A file of ours is cut off or gone; the line names it and the command that mends it."""


class SampleError(DjError):
    """One sample cannot be processed: it goes to quarantine, the others go on."""


class MediaError(SampleError):
    """An image or a clip cannot be used: missing, refused, damaged, or too large."""


class WorkerDiedError(DjError):
    """A worker process died; finished files are safe and the next run goes on after them."""


class ConservationError(DjError):
    """Samples in are not kept + dropped + quarantined: a fault of ours, never published."""
