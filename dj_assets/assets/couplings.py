"""Every use of undocumented parts of Dagster; `docs/couplings.md` lists them with their tests."""

from __future__ import annotations

import dagster as dg
from dagster._core.errors import DagsterUserCodeProcessError
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster_shared.error import SerializableErrorInfo
from sqlalchemy import create_engine


class OneLineError(DagsterUserCodeProcessError, dg.Failure):
    """A failure that Dagster shows as one sentence, without its stack.

    Dagster adds its stack to every failure except those that another process reported; it shows these as they are.
    """

    def __init__(self, sentence: str, *, allow_retries: bool = False) -> None:
        shown = SerializableErrorInfo(message=f"{sentence}\n", stack=[], cls_name=None)
        super().__init__(  # type: ignore[no-untyped-call]
            description=sentence, allow_retries=allow_retries, user_code_process_error_infos=[shown]
        )


def has_local_runs(instance: dg.DagsterInstance) -> bool:
    """Return whether an instance keeps its runs in SQLite files, so that all run processes are on this machine."""
    return isinstance(instance.run_storage, SqliteRunStorage)


def complete_event_log(instance: dg.DagsterInstance) -> None:
    """Make the tables of an event log in SQLite that a killed process did not.

    Dagster makes them only where the file is missing, and the file is there before the tables.
    """
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage) and not storage.has_table("dynamic_partitions"):
        storage._initdb(create_engine(storage.conn_string_for_shard("index")), for_index_shard=True)
        storage.reindex_events()
        storage.reindex_assets()
