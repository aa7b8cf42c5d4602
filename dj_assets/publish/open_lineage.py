"""Report runs as OpenLineage events where `OPENLINEAGE_URL` is set; the package `openlineage-python` sends them.

A run has a START event and a COMPLETE or FAIL event. The inputs are its source files (of more than 100, their folders),
the output is its location, with the number of samples. A server that does not answer costs a warning, never a run.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from dj_assets import variables
from dj_assets.home.run_manifest import RunManifest
from dj_assets.models.extras import require
from dj_assets.urls import is_url

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset

_LOG = logging.getLogger(__name__)
_PROJECT = "https://pypi.org/project/dj_assets"
_NAMESPACE = "dj_assets"
_MOST_FILES = 100


class LineageRun:
    """Hold a run of a job, and send its events. Without `OPENLINEAGE_URL` nothing is sent and nothing imported.

    Parameters
    ----------
    job
        The name of the job: of the asset or the recipe.
    identity
        Any text that identifies the run: processes with the same text and job report the same run.
    """

    def __init__(self, job: str, identity: str = "") -> None:
        self.job = job
        self.on = bool(variables.OPENLINEAGE_URL.given())
        self.run_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{identity}/{job}") if identity else uuid.uuid4())
        if self.on:
            require("openlineage", "openlineage")

    def start(self) -> None:
        """Report that the run has started."""
        self._send("START")

    def complete(self, manifest: RunManifest, location: str) -> None:
        """Report the sources of a finished run, and its output with the number of samples."""
        if not self.on:
            return
        from openlineage.client.event_v2 import InputDataset, OutputDataset
        from openlineage.client.facet_v2 import output_statistics_output_dataset

        inputs = [InputDataset(*name) for name in datasets([file.path for file in manifest.sources])]
        facet = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=manifest.samples_out, fileCount=len(manifest.refined)
        )
        (output,) = datasets([location])
        self._send("COMPLETE", inputs, [OutputDataset(*output, outputFacets={"outputStatistics": facet})])

    def fail(self, error: BaseException) -> None:
        """Report that the run has failed, with the message of the error."""
        if not self.on:
            return
        from openlineage.client.facet_v2 import error_message_run

        self._send("FAIL", facets={"errorMessage": error_message_run.ErrorMessageRunFacet(str(error), "PYTHON")})

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Report an error of the block; it is raised on."""
        try:
            yield
        except BaseException as error:
            self.fail(error)
            raise

    def _send(
        self,
        state: Literal["START", "COMPLETE", "FAIL"],
        inputs: Sequence[InputDataset] = (),
        outputs: Sequence[OutputDataset] = (),
        facets: dict[str, Any] | None = None,
    ) -> None:
        if not self.on:
            return
        from openlineage.client import OpenLineageClient
        from openlineage.client.event_v2 import Job, Run, RunEvent, RunState

        event = RunEvent(
            eventTime=datetime.datetime.now(datetime.UTC).isoformat(),
            producer=f"{_PROJECT}/{importlib.metadata.version('dj_assets')}",
            run=Run(self.run_id, facets or {}),
            job=Job(variables.OPENLINEAGE_NAMESPACE.given() or _NAMESPACE, self.job),
            eventType=RunState[state],
            inputs=list(inputs),
            outputs=list(outputs),
        )
        try:
            client = OpenLineageClient()
            client.emit(event)
            client.close()
        except Exception as error:  # noqa: BLE001 - no fault of a server may cost a run
            # the library has tried several times: no other event of this run waits for that
            self.on = False
            _LOG.warning("OpenLineage: the event %s of %s was not sent (%s)", state, self.job, error)


def datasets(paths: Sequence[str]) -> list[tuple[str, str]]:
    """Return the namespace and the name of each file or URL, as OpenLineage names datasets; of many, their folders.

    Examples
    --------
    >>> datasets(["/data/a.jsonl", "s3://lake/raw/b.jsonl"])
    [('file', '/data/a.jsonl'), ('s3://lake', 'raw/b.jsonl')]
    """
    if len(paths) > _MOST_FILES:
        paths = [path.rpartition("/")[0] or path for path in paths]
    return [_dataset(path) for path in dict.fromkeys(paths)]


def _dataset(path: str) -> tuple[str, str]:
    if not is_url(path):
        return "file", str(PurePosixPath(path))
    scheme, _, rest = path.partition("://")
    bucket, _, name = rest.partition("/")
    return f"{scheme}://{bucket}", name or "/"
