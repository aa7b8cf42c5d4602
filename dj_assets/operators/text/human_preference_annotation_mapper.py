"""Write which of two answers people prefer, as they said in Label Studio."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values

_NOT_GIVEN = (
    "no preferences are given, so that all stay null; write tasks with 'dj-assets export … --format label_studio', let "
    "people answer them in Label Studio, export the answers as JSON and name the file in DJ_LABEL_STUDIO"
)
# The names that tasks of Data-Juicer have for the prompt and the answers.
_USUAL = ("prompt", "answer1", "answer2")


@register("human_preference_annotation_mapper")
class HumanPreferenceAnnotationMapper(FieldMapper):
    """Write the answer that people prefer into the field `chosen_key`, and the other one into `rejected_key`.

    `prompt_key`, `answer1_key` and `answer2_key` name the fields that people see. Their preferences are read from a
    file that Label Studio exports as JSON, which `DJ_LABEL_STUDIO` names; an answer belongs to the sample with the same
    prompt and answers, and of several the last one counts. A sample without an answer has none of both fields.

    Data-Juicer makes the tasks at a server, and waits for people. Here `dj-assets export --format label_studio` writes
    them, and the next run with the answers goes on: the parameters of server, project and notices have no effect.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: dict.fromkeys((operator.chosen_key, operator.rejected_key), pa.string())
    )

    answer1_key: str = Field("answer1", min_length=1)
    answer2_key: str = Field("answer2", min_length=1)
    prompt_key: str = Field("prompt", min_length=1)
    chosen_key: str = Field("chosen", min_length=1)
    rejected_key: str = Field("rejected", min_length=1)

    def lacks(self) -> str | None:
        """Return that no preferences are given, None if some are."""
        return None if settings.label_studio() else _NOT_GIVEN

    def measuring_parameters(self) -> dict[str, object]:
        """Return the parameters, with the checksum of the preferences."""
        path = settings.label_studio()
        content = path.read_bytes() if path and path.is_file() else b""
        return {**super().measuring_parameters(), "preferences": hashlib.sha256(content).hexdigest() if path else None}

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the preferred and the other answer of every sample."""
        names = (self.prompt_key, self.answer1_key, self.answer2_key)
        columns = [
            batch.text.to_pylist() if name == self.text_of_recipe else field_values(batch, name) for name in names
        ]
        path = settings.label_studio()
        preferred = _preferences(path, path.stat().st_mtime_ns if path.exists() else 0, names) if path else {}
        chosen: list[str | None] = []
        rejected: list[str | None] = []
        for key in zip(*columns, strict=True):
            side = preferred.get(key)
            first, second = (value if isinstance(value, str) else None for value in key[1:])
            chosen.append({"left": first, "right": second}.get(side or ""))
            rejected.append({"left": second, "right": first}.get(side or ""))
        return {
            name: pa.array(values, pa.string()) for name, values in zip(self.fields, (chosen, rejected), strict=True)
        }


@cache
def _preferences(path: Path, _mtime_ns: int, names: tuple[str, str, str]) -> Mapping[tuple[object, ...], str]:
    """Return `left` or `right` by prompt and answers.

    Raises
    ------
    UserError
        If the file cannot be read, or is no export of Label Studio.
    """
    try:
        tasks = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"DJ_LABEL_STUDIO: {path} cannot be read: {error}") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise UserError(f"DJ_LABEL_STUDIO: {path} is no list of tasks; export them from Label Studio as JSON")
    found: dict[tuple[object, ...], str] = {}
    for task in tasks:
        data = task.get("data")
        side = _side(task.get("annotations"), names)
        if isinstance(data, dict) and side:
            key = (data.get(name, data.get(usual)) for name, usual in zip(names, _USUAL, strict=True))
            found[tuple(key)] = side
    return found


def _side(annotations: object, names: tuple[str, str, str]) -> str | None:
    """Return the side that the last annotation selects, None if none does; a name of an answer stands for its side."""
    sides = {"left": "left", "right": "right", names[1]: "left", names[2]: "right"}
    selected: str | None = None
    for annotation in annotations if isinstance(annotations, list) else ():
        results: Any = annotation.get("result") if isinstance(annotation, dict) else None
        if not isinstance(results, list) or annotation.get("was_cancelled"):
            continue
        for result in results:
            value = result.get("value") if isinstance(result, dict) and result.get("type") == "pairwise" else None
            selected = sides.get(str(value.get("selected"))) or selected if isinstance(value, dict) else selected
    return selected
