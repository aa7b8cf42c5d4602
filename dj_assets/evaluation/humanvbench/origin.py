"""Explain a question in sentences: its clip, its track, the models that made it, the votes, and all decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dj_assets.evaluation.humanvbench.questions import LETTERS
from dj_assets.evaluation.humanvbench.review import REWRITE
from dj_assets.evaluation.humanvbench.selection import AnnotatedClip


def explained(
    content: Mapping[str, Any], clip: AnnotatedClip | None = None, annotators: Sequence[str] = ()
) -> list[str]:
    """Return the origin of a question in lines.

    Parameters
    ----------
    content
        The `publication.provenance` of the question.
    clip
        The annotations of its clip, None if its subset is gone.
    annotators
        The subsets that annotated it, with their operators and models.
    """
    return [
        f"{content['Question_id']}: {content['state']}",
        f"  question: {content['text']}",
        *(f"  {line}" for line in _options(content)),
        f"  clip: {content['clip']} of sample {content['sample']} in {content['subset']}",
        *(f"  {line}" for line in _clip(content, clip)),
        *(f"  made by {line}" for line in annotators),
        *(f"  {line}" for line in _models(content)),
        *(f"  {line}" for line in _decisions(content["decisions"])),
    ]


def _options(content: Mapping[str, Any]) -> Iterator[str]:
    for letter, option in zip(LETTERS, content["options"], strict=False):
        if option == content["key"]:
            by = (
                f"{content['votes']} votes, {', '.join(content['agreed'])}"
                if content["votes"]
                else "by the annotations"
            )
            yield f"{letter}. {option} (right: {by})"
        else:
            yield f"{letter}. {option} (from {', '.join(content['origins'].get(option, ())) or 'the draft'})"


def _clip(content: Mapping[str, Any], clip: AnnotatedClip | None) -> Iterator[str]:
    making = content["making"] or {}
    chosen = making.get("track")
    if clip is None:
        yield "annotations: the subset is not here any more"
    else:
        for number, (start, end) in enumerate(clip.spans, 1):
            speaks = ", speaks" if number <= len(clip.speaks) and clip.speaks[number - 1] else ""
            about = ", the question is about this person" if number == chosen else ""
            yield f"track {number}: seen from {start:.1f} to {end:.1f} s{speaks}{about}"
        yield f"people: {clip.people}; sound: {clip.tag or 'no tag'}; words: {clip.words or 'none'}"
    if making.get("person"):
        yield f"person: {making['person']}, marked by a red box in the frames that models saw"


def _models(content: Mapping[str, Any]) -> Iterator[str]:
    making, blind, families = content["making"], content["blind"], content["families"]
    if making:
        yield f"described by {making['author']}: {making['description']}"
    for model, answer in content["answers"].items():
        call = f", call {making['calls'][model][:12]}" if making and model in making["calls"] else ""
        yield f"{model} (family {families.get(model, '?')}{call}) answered: {answer}"
    if blind:
        yield f"blind test: {blind['model']} was right {blind['right']} of {blind['tries']} times without the video"


def _decisions(decisions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in decisions:
        change = f": {one['text']}" if one["decision"] == REWRITE else ""
        yield f"{one['time']} {one['reviewer']}: {one['decision']}{change}"
