"""Know the operators of Data-Juicer 1.6.1: kinds, parameters, and why some of them are not here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "data_juicer_operators.json"

# Why an operator is not available yet, by the key `needs` of the file, and what to do meanwhile, empty if that is open.
NOT_YET = {
    "clip model": (
        "it describes clips by a model that is made for them alone",
        "video_captioning_from_vlm_mapper describes clips by any vision language model",
    ),
    "diffusion model": (
        "it paints a variant of each image with a diffusion model",
        "sdxl_prompt2prompt_mapper paints pairs of images from captions",
    ),
    "downloaded tagger": (
        "it runs a tagger whose package downloads the weights at the first use",
        "image_tagging_vlm_mapper tags images by any vision language model",
    ),
    "downloaded weights": ("it runs a model whose package downloads the weights at the first use", ""),
    "members of groups": (
        "it works on the members of a group one by one, and a group becomes one sample here",
        "",
    ),
    "optical flow": (
        "it estimates motion by a network",
        "video_motion_score_filter estimates motion without one",
    ),
    "repaired frames": ("it looks for what stays the same in a clip, and paints over it", ""),
    "scores of tokens": (
        "it needs the probability of every token, which servers of language models do not give for a prompt",
        "perplexity_filter has the perplexity by KenLM, llm_difficulty_score_filter asks for the difficulty",
    ),
    "sound model": (
        "it describes sound by a model that is made for it alone",
        "video_tagging_from_audio_mapper tags sounds",
    ),
    "vision language model": ("it asks a model about images", "mllm_mapper asks any question about images"),
}
# Why an operator will not be available, and what to do in its place.
NEVER = {
    "3-D": ("it computes cameras, depths or other geometry", "run it before, and read its results as fields"),
    "AGPL": (
        "its detector is that of Ultralytics under the licence AGPL-3.0",
        "run it before, and read boxes as fields",
    ),
    "code of recipes": (
        "its score is a function in a Python file that the recipe names",
        "write an operator of your own, and choose by topk_specified_field_selector",
    ),
    "poses": ("it computes poses of bodies", "run it before, and read its results as fields"),
    "robotics": ("it computes data for robots", "run it before, and read its results as fields"),
    "transfers files": (
        "it transfers files inside of an operator",
        "fetch the files before with 'dj-assets fetch', or name the store in the source and in the export",
    ),
}


@dataclass(frozen=True)
class DataJuicerOperator:
    """Describe an operator of Data-Juicer 1.6.1: kind, names of its parameters, and what it needs, if that is missing.

    Examples
    --------
    >>> operators()["text_length_filter"].parameters
    ('min_len', 'max_len')
    >>> operators()["vggt_mapper"].why
    'it computes cameras, depths or other geometry'
    """

    kind: str
    parameters: tuple[str, ...]
    needs: str = ""

    @property
    def never(self) -> bool:
        """Return whether the operator is not planned."""
        return self.needs in NEVER

    @property
    def why(self) -> str:
        """Return why the operator is not available, as a clause; empty if it is."""
        return {**NOT_YET, **NEVER}.get(self.needs, ("", ""))[0]

    @property
    def problem(self) -> str:
        """Return the sentence for a recipe that names the operator."""
        status = "dj_assets does not" if self.never else "dj_assets does not yet"
        return f"Data-Juicer has this operator, {status}" + (f": {self.why}" if self.why else "")

    @property
    def fix(self) -> str | None:
        """Return what to do in its place, None if that is open."""
        return {**NOT_YET, **NEVER}.get(self.needs, ("", ""))[1] or None


@cache
def operators() -> Mapping[str, DataJuicerOperator]:
    """Return every operator by its name, sorted."""
    entries = json.loads(_FILE.read_text("utf-8"))
    return {
        name: DataJuicerOperator(entry["kind"], tuple(entry["parameters"]), entry.get("needs", ""))
        for name, entry in entries.items()
    }
