"""Materialization in this process, without a server; the demo and the backfill use it for each of their runs."""

from __future__ import annotations

import dagster as dg

# The terminal shows sentences only; the event log keeps every line.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def materialize(
    definitions: dg.Definitions, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None = None
) -> dg.ExecuteInProcessResult:
    """Run the steps and the checks of one asset, like the button Materialize; the result holds a failure."""
    return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[key],
        partition_key=partition,
        raise_on_error=False,
        run_config=_QUIET,
    )


def what_failed(run: dg.ExecuteInProcessResult) -> str:
    """Return the message of the first step that failed."""
    for event in run.filter_events(lambda event: event.is_step_failure):
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        if data.error:
            return (data.error.cause or data.error).message.strip()
    return "the run failed"
