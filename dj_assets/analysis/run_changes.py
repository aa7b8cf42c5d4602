"""The changes between two runs, from their manifests alone: recipe, models, versions, source files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dj_assets.home.run_manifest import MeasuredFile, RunManifest


def changed_recipe(before: RunManifest, now: RunManifest) -> list[str]:
    """Return a line for every operator that was added, was removed or has other parameters, in recipe order."""
    old, new = (_operators(manifest) for manifest in (before, now))
    matcher = difflib.SequenceMatcher(None, [name for name, _ in old], [name for name, _ in new], autojunk=False)
    lines: list[str] = []
    for kind, i, j, m, n in matcher.get_opcodes():
        if kind == "equal":
            for (name, earlier), (_, later) in zip(old[i:j], new[m:n], strict=True):
                lines += [f"{name}: {change}" for change in _differing(earlier, later)]
        else:
            lines += [f"{name}: removed" for name, _ in old[i:j]]
            lines += [f"{name}: added{_given(parameters)}" for name, parameters in new[m:n]]
    if before.text_keys != now.text_keys:
        lines.append(f"text_keys: {before.text_keys} → {now.text_keys}")
    return lines


def changed_models(before: RunManifest, now: RunManifest) -> list[str]:
    """Return a line for every model that was added, was removed or has another checksum."""
    old, new = ({model.name: model.sha256 for model in manifest.models} for manifest in (before, now))
    return _changes(old, new, shown=12)


def changed_versions(before: RunManifest, now: RunManifest) -> list[str]:
    """Return a line for every library that has another version."""
    return _changes(before.versions, now.versions)


def changed_files(before: RunManifest, now: RunManifest) -> list[str]:
    """Return a line for every source file that was added, removed or changed; a file that only moved is the same."""
    pairs = paired_files(before.sources, now.sources)
    gone = [file for index, file in enumerate(before.sources) if index not in pairs]
    new = [file for index, file in enumerate(now.sources) if index not in pairs.values()]
    paths = {file.path for file in gone} & {file.path for file in new}
    return [
        *(_file("changed" if file.path in paths else "only before", file) for file in gone),
        *(_file("only now", file) for file in new if file.path not in paths),
    ]


def paired_files(before: Sequence[MeasuredFile], now: Sequence[MeasuredFile]) -> dict[int, int]:
    """Return, for files of the one run, the index of the file with the same content in the other.

    Several files with the same content are paired by path first, then the others in their order.
    """
    free: dict[str, list[int]] = {}
    for index, file in enumerate(now):
        free.setdefault(file.sha256, []).append(index)
    pairs: dict[int, int] = {}
    for same_path in (True, False):
        for index, file in enumerate(before):
            if index in pairs:
                continue
            fitting = [other for other in free.get(file.sha256, []) if not same_path or now[other].path == file.path]
            if fitting:
                pairs[index] = fitting[0]
                free[file.sha256].remove(fitting[0])
    return pairs


def _operators(manifest: RunManifest) -> list[tuple[str, dict[str, object]]]:
    return [item for entry in manifest.process for item in entry.items()]


def _differing(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    names = dict.fromkeys([*before, *now])
    missing = "not given"
    pairs = [(name, before.get(name, missing), now.get(name, missing)) for name in names]
    return [f"{name} {old} → {new}" for name, old, new in pairs if old != new]


def _given(parameters: Mapping[str, object]) -> str:
    return f" ({', '.join(f'{name} {value}' for name, value in parameters.items())})" if parameters else ""


def _changes(before: Mapping[str, str], now: Mapping[str, str], shown: int = 40) -> list[str]:
    return [_change(name, before.get(name), now.get(name), shown) for name in _names(before, now)]


def _names(before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[str]:
    return (name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name))


def _change(name: str, before: str | None, now: str | None, shown: int) -> str:
    if before is None:
        return f"{name}: added"
    return f"{name}: removed" if now is None else f"{name}: {before[:shown]} → {now[:shown]}"


def _file(what: str, shard: MeasuredFile) -> str:
    return f"{what}: {Path(shard.path).name}, {shard.records:,} samples"
