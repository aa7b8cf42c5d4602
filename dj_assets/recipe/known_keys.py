"""All keys and operator names of Data-Juicer recipes: with effect here, without effect here, or not implemented yet."""

from __future__ import annotations

# Top-level keys that have an effect.
HONOURED = frozenset(
    {
        "asset",
        "audio_key",
        "audio_special_token",
        "custom_operator_paths",
        "dataset_path",
        "eoc_special_token",
        "image_bytes_key",
        "image_key",
        "image_special_token",
        "np",
        # changes and drops of every operator are always recorded
        "open_tracer",
        "process",
        "project_name",
        "text_keys",
        "video_key",
        "video_special_token",
    }
)

# Top-level keys that are accepted and have no effect: the function is always on (tracing, statistics, checkpoints), or
# it does not exist here (caches, monitors).
IGNORED = frozenset(
    """
    adaptive_batch_size auto auto_num auto_op_parallelism backup_count batch_size cache_compress
    checkpoint config conflict_resolve_strategy data_probe_algo data_probe_ratio dataset debug ds_cache_dir
    event_log_dir event_logging executor_type export_aws_credentials export_extra_args export_in_parallel
    export_original_dataset export_path export_shard_size export_type fusion_strategy generated_dataset_config
    hpo_config intermediate_storage job_id keep_hashes_in_res_ds keep_stats_in_res_ds load_data_np
    load_dataset_kwargs max_log_size_mb max_partition_size_mb mem_required metadata min_common_dep_num_to_combine
    num_proc op_fusion op_list_to_trace open_insight_mining open_monitor output_dir partition partition_dir
    partition_size percentiles preserve_intermediate_data ray_address resource_optimization save_stats_in_one_file
    skip_op_error suffixes temp_dir trace_keys trace_num turbo use_cache use_checkpoint validators work_dir
    """.split()
)

# Operator-level keys without effect, unless the class of the operator declares them (see `load.ignored_by`): they never
# change a result in Data-Juicer, or are about media that the operator does not read.
OPERATOR_IGNORED = frozenset(
    """
    accelerator audio_key auto_op_parallelism batch_mode batch_size cpu_required gpu_required history_key
    image_bytes_key image_key index_key instruction_key max_pending_edge_buffer_task max_pending_filter_tasks
    mem_required memory memory_per_sample merge_batch_size minhash_batch_size num_cpus num_edge_buffer_task
    num_filter_task num_gpus num_proc prompt_key query_key ray_execution_mode response_key runtime_env
    skip_op_error system_key trust_remote_code turbo union_find_parallel_num union_threshold video_key work_dir
    """.split()
)

# Special tokens that readers of raw formats write into texts: a recipe over such files must use the same tokens.
WRITTEN_TOKENS = {
    "llava": {"image": "<image>", "eoc": "<|__dj__eoc|>"},
    "video_captions": {"video": "<__dj__video>", "eoc": "<|__dj__eoc|>"},
    "webdataset": {"image": "<__dj__image>", "video": "<__dj__video>", "eoc": "<|__dj__eoc|>"},
}

# Names of Data-Juicer for other engines with the same results; they mean the same operator here.
ALIASES = {"ray_bts_minhash_deduplicator": "document_minhash_deduplicator"}

# Operators of Data-Juicer 1.6.1. For one that is not registered here, the error says so instead of "unknown operator".
DATA_JUICER_OPERATORS = frozenset(
    """
    alphanumeric_filter audio_add_gaussian_noise_mapper audio_duration_filter audio_ffmpeg_wrapped_mapper
    audio_nmf_snr_filter audio_size_filter average_line_length_filter calibrate_qa_mapper calibrate_query_mapper
    calibrate_response_mapper character_repetition_filter chinese_convert_mapper clean_copyright_mapper
    clean_email_mapper clean_html_mapper clean_ip_mapper clean_links_mapper dialog_intent_detection_mapper
    dialog_sentiment_detection_mapper dialog_sentiment_intensity_mapper dialog_topic_detection_mapper
    document_deduplicator document_line_deduplicator document_minhash_deduplicator document_simhash_deduplicator
    download_file_mapper entity_attribute_aggregator expand_macro_mapper extract_entity_attribute_mapper
    extract_entity_relation_mapper extract_event_mapper extract_keyword_mapper extract_nickname_mapper
    extract_support_text_mapper extract_tables_from_html_mapper fix_unicode_mapper flagged_words_filter
    frequency_specified_field_selector general_field_filter generate_qa_from_examples_mapper
    generate_qa_from_text_mapper image_aesthetics_filter image_aspect_ratio_filter image_blur_mapper
    image_captioning_from_gpt4v_mapper image_captioning_mapper image_deduplicator image_detection_yolo_mapper
    image_diffusion_mapper image_face_blur_mapper image_face_count_filter image_face_ratio_filter image_nsfw_filter
    image_pair_similarity_filter image_remove_background_mapper image_segment_mapper image_shape_filter
    image_size_filter image_tagging_mapper image_text_matching_filter image_text_similarity_filter
    image_watermark_filter imgdiff_difference_area_generator_mapper imgdiff_difference_caption_generator_mapper
    in_context_influence_filter instruction_following_difficulty_filter key_value_grouper language_id_score_filter
    llm_analysis_filter llm_difficulty_score_filter llm_perplexity_filter llm_quality_score_filter
    llm_task_relevance_filter maximum_line_length_filter meta_tags_aggregator mllm_mapper
    most_relevant_entities_aggregator naive_grouper naive_reverse_grouper nested_aggregator nlpaug_en_mapper
    nlpcda_zh_mapper optimize_prompt_mapper optimize_qa_mapper optimize_query_mapper optimize_response_mapper
    pair_preference_mapper perplexity_filter phrase_grounding_recall_filter punctuation_normalization_mapper
    python_file_mapper python_lambda_mapper query_intent_detection_mapper query_sentiment_detection_mapper
    query_topic_detection_mapper random_selector range_specified_field_selector ray_basic_deduplicator
    ray_bts_minhash_deduplicator ray_document_deduplicator ray_image_deduplicator ray_video_deduplicator
    relation_identity_mapper remove_bibliography_mapper remove_comments_mapper remove_header_mapper
    remove_long_words_mapper remove_non_chinese_character_mapper remove_repeat_sentences_mapper
    remove_specific_chars_mapper remove_table_text_mapper remove_words_with_incorrect_substrings_mapper
    replace_content_mapper s3_download_file_mapper s3_upload_file_mapper sdxl_prompt2prompt_mapper
    sentence_augmentation_mapper sentence_split_mapper special_characters_filter specified_field_filter
    specified_numeric_field_filter stopwords_filter suffix_filter tags_specified_field_selector text_action_filter
    text_chunk_mapper text_embd_similarity_filter text_entity_dependency_filter text_length_filter
    text_pair_similarity_filter text_tagging_by_prompt_mapper token_num_filter topk_specified_field_selector
    vggt_mapper video_aesthetics_filter video_aspect_ratio_filter video_captioning_from_audio_mapper
    video_captioning_from_frames_mapper video_captioning_from_summarizer_mapper video_captioning_from_video_mapper
    video_deduplicator video_depth_estimation_mapper video_duration_filter video_extract_frames_mapper
    video_face_blur_mapper video_ffmpeg_wrapped_mapper video_frames_text_similarity_filter
    video_hand_reconstruction_mapper video_motion_score_filter video_motion_score_raft_filter video_nsfw_filter
    video_object_segmenting_mapper video_ocr_area_ratio_filter video_remove_watermark_mapper
    video_resize_aspect_ratio_mapper video_resize_resolution_mapper video_resolution_filter
    video_split_by_duration_mapper video_split_by_key_frame_mapper video_split_by_scene_mapper
    video_tagging_from_audio_mapper video_tagging_from_frames_filter video_tagging_from_frames_mapper
    video_undistort_mapper video_watermark_filter video_whole_body_pose_estimation_mapper
    whitespace_normalization_mapper word_repetition_filter words_num_filter
    """.split()
)
