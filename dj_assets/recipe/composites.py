"""Read operators of Data-Juicer that are whole pipelines as the steps that they consist of.

Each threshold inside of such an operator becomes that of a step: it is judged over stored statistics, and boxes are
samples, which the funnel counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dj_assets.errors import UserError

Parameters = Mapping[str, Any]
Steps = list[tuple[str, dict[str, object]]]
SHARED = frozenset({"batch_size", "cpu_required", "gpu_required", "mem_required", "num_proc", "skip_op_error"})
_PAIR = "image_pair_similarity_filter_args"
_MATCHING = "image_text_matching_filter_args"
_SEGMENT = "image_segment_mapper_args"
_MLLM = "mllm_mapper_args"
_TEXTS = "text_pair_similarity_filter_args"
# Checkpoints of Ultralytics, whose code has another licence than this project can use.
_OTHER_LICENCE = ("FastSAM", "yolo")


def _areas(given: Parameters, notices: list[str]) -> Steps:
    """Return the steps of `imgdiff_difference_area_generator_mapper`."""
    pair, matching = dict(given.get(_PAIR) or {}), dict(given.get(_MATCHING) or {})
    clip = _named(pair, "hf_clip")
    return [
        ("image_pair_similarity_filter", {**clip, **_bounds(pair, 0.1, 1.0, "_1")}),
        ("img_diff_box_mapper", _finder(dict(given.get(_SEGMENT) or {}), notices)),
        ("img_diff_box_area_filter", {"max_area": 1.0}),
        ("img_diff_object_filter", {**_named(matching, "hf_blip"), **_bounds(matching, 0.1, 1.0)}),
        ("img_diff_crop_similarity_filter", {**clip, **_bounds(pair, 0.1, 1.0, "_2")}),
        ("img_diff_box_selector", {}),
    ]


def _captions(given: Parameters, _: list[str]) -> Steps:
    """Return the steps of `imgdiff_difference_caption_generator_mapper`."""
    matching, texts = dict(given.get(_MATCHING) or {}), dict(given.get(_TEXTS) or {})
    asked: dict[str, object] = {"max_new_tokens": 256, "temperature": 0.2}
    asked |= _named(given.get(_MLLM) or {}, "hf_model", "max_new_tokens", "temperature", "top_p", "num_beams")
    second = {"text_key": "region_caption1", "text_key_second": "region_caption2"}
    return [
        ("img_diff_box_area_filter", {}),
        ("img_diff_region_caption_mapper", asked),
        ("img_diff_region_match_filter", {**_named(matching, "hf_blip"), **_bounds(matching, 0.1, 1.0)}),
        ("text_pair_similarity_filter", {**_named(texts, "hf_clip"), **_bounds(texts, 0.1, 1.0), **second}),
        ("img_diff_difference_mapper", asked),
        ("text_length_filter", {"text_key": "difference_caption", "min_len": 1}),
    ]


def _finder(given: dict[str, Any], notices: list[str]) -> dict[str, object]:
    model = str(given.pop("model_path", "FastSAM-x.pt"))
    ignored = ", ".join(sorted({*given} - SHARED))
    if ignored:
        notices.append(f"{_SEGMENT}: {ignored} without effect; the masks are those of another model")
    if model.startswith(_OTHER_LICENCE):
        notices.append(f"{_SEGMENT}: {model} is replaced by a model of the SAM family, for its licence; boxes differ")
        return {}
    return {"hf_sam": model}


def _named(given: Parameters, *names: str) -> dict[str, object]:
    return {name: given[name] for name in names if given.get(name) is not None}


def _bounds(given: Parameters, low: float, high: float, ending: str = "") -> dict[str, object]:
    names = {"min_score": low, "max_score": high}
    return {name: given.get(f"{name}{ending}", usual) for name, usual in names.items()}


_STEPS: Mapping[str, tuple[Callable[[Parameters, list[str]], Steps], tuple[str, ...]]] = {
    "imgdiff_difference_area_generator_mapper": (_areas, (_PAIR, _SEGMENT, _MATCHING)),
    "imgdiff_difference_caption_generator_mapper": (_captions, (_MLLM, _MATCHING, _TEXTS)),
}
PARAMETERS: Mapping[str, tuple[str, ...]] = {name: known for name, (_, known) in _STEPS.items()}
NAMES = frozenset(_STEPS)


def steps_of(name: str, parameters: Parameters) -> tuple[Steps, list[str]]:
    """Return the steps that an operator consists of, and sentences about what is read otherwise than written.

    Raises
    ------
    UserError
        If a parameter is unknown, or is no mapping.

    Examples
    --------
    >>> steps, notices = steps_of("imgdiff_difference_area_generator_mapper", {})
    >>> [name for name, _ in steps][:2]
    ['image_pair_similarity_filter', 'img_diff_box_mapper']
    """
    make, known = _STEPS[name]
    for key, value in parameters.items():
        if key not in known and key not in SHARED:
            raise UserError(f"{key}: unknown parameter; known are {', '.join(known)}")
        if key in known and not isinstance(value, Mapping | None):
            raise UserError(f"{key}: must be a mapping, not {value!r}")
    notices: list[str] = []
    return make(parameters, notices), notices
