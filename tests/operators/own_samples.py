"""Operators that plain texts cannot try: they need pairs of images, boxes, tracks or models of their own."""

from __future__ import annotations

# Where each is tried with samples of its own.
OWN_SAMPLES = {
    "latex_merge_tex_mapper": "tests/operators/text/test_latex_merge_tex_mapper.py",
    "semantic_deduplicator": "tests/operators/dedup/test_semantic_deduplicator.py",
    **dict.fromkeys(
        (
            "image_pair_natural_filter",
            "img_diff_box_area_filter",
            "img_diff_box_mapper",
            "img_diff_caption_filter",
            "img_diff_crop_similarity_filter",
            "img_diff_difference_mapper",
            "img_diff_object_filter",
            "img_diff_region_caption_mapper",
            "img_diff_region_match_filter",
            "sdxl_prompt2prompt_mapper",
        ),
        "tests/img_diff.py",
    ),
    "image_segment_mapper": "tests/models/test_synthesis_checkpoints.py",
    **dict.fromkeys(
        (
            "img_diff_removal_caption_mapper",
            "img_diff_removal_filter",
            "img_diff_removal_mapper",
            "img_diff_removal_question_mapper",
        ),
        "tests/subset/test_img_diff_removal.py",
    ),
    **dict.fromkeys(
        (
            "video_active_speaker_detect_mapper",
            "video_audio_ASR_mapper",
            "video_captioning_face_attribute_emotion_mapper",
            "video_captioning_from_human_tracks_mapper",
            "video_clip_description_mapper",
            "video_human_tracks_face_demographic_mapper",
            "video_tagging_from_audio_mapper",
        ),
        "tests/operators/video/test_human.py",
    ),
}

# Why some of them are not checked by the generic contract, see test_own_samples.py.
_DIGITS = "scores in single precision differ in the seventh digit with the size of the batch"
_PEOPLE = "tracks of people, voices and faces come from drawn clips, over which a whole recipe runs"
NOT_CHECKED = {
    **dict.fromkeys(("img_diff_object_filter", "img_diff_region_match_filter", "img_diff_removal_filter"), _DIGITS),
    "image_segment_mapper": "masks of a tiny checkpoint are compared with those of transformers",
    **{name: _PEOPLE for name, where in OWN_SAMPLES.items() if where.endswith("test_human.py")},
}
CHECKED = tuple(name for name in OWN_SAMPLES if name not in NOT_CHECKED)
