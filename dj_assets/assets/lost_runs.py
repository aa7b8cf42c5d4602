"""Lost runs: after a crash or a loss of power, neither their process nor the server that monitored it exists.

Dagster would count them as running forever, and two of them fill the queue.
"""

from __future__ import annotations

import dagster as dg
import psutil

from dj_assets.assets.couplings import has_local_runs

# The clocks of the file system, the process table and this process differ a little.
_SLACK_S = 2.0


def fail_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs as failed that are recorded as running, but whose process does not exist; return their ids.

    This is done only for an instance that is used by this machine alone: elsewhere a process number says nothing. The
    daemon starts the runs again, as it does for every crashed worker.
    """
    if not has_local_runs(instance):
        return []
    records = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    lost = [record.dagster_run for record in records if _is_lost(instance, record)]
    for run in lost:
        instance.report_run_failed(run, "The process of this run is gone; nothing that it finished is lost.")
    return [run.run_id for run in lost]


def _is_lost(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    events = instance.all_logs(record.dagster_run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    reported = [event.dagster_event.engine_event_data.metadata for event in events if event.dagster_event]
    pids = [int(str(metadata["pid"].value)) for metadata in reported if "pid" in metadata]
    return bool(pids) and not is_alive(pids[-1], record.start_time or 0)


def is_alive(pid: int, since_s: float) -> bool:
    """Return whether a process with this number exists that is not younger than the run."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= since_s + _SLACK_S
    except psutil.NoSuchProcess:
        return False
