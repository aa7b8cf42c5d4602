"""All keys of Data-Juicer recipes, with or without effect here, and names of earlier versions."""

from __future__ import annotations

# Top-level keys that have an effect.
HONOURED = frozenset(
    {
        "asset",
        "audio_key",
        "audio_special_token",
        "custom_operator_paths",
        "dataset",
        "dataset_path",
        "decontaminate",
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
        "unknown_parameters",
        "video_key",
        "video_special_token",
    }
)

# Top-level keys that are accepted and have no effect: the function is always on (tracing, statistics, checkpoints), or
# it does not exist here (caches, monitors).
IGNORED = frozenset(
    """
    adaptive_batch_size auto auto_num auto_op_parallelism backup_count batch_size cache_compress
    checkpoint checkpoint_dir config conflict_resolve_strategy data_probe_algo data_probe_ratio debug
    decrypt_after_reading ds_cache_dir elastic_juicer_adaptive_batching elastic_juicer_profile_seed
    encrypt_before_export encryption_key_path event_log_dir event_logging executor_type export_aws_credentials
    export_extra_args export_in_parallel export_original_dataset export_path export_shard_size export_type
    fusion_strategy generated_dataset_config hpo_config intermediate_storage job_id keep_hashes_in_res_ds
    keep_stats_in_res_ds load_data_np load_dataset_kwargs load_jsonl_lenient mapper_fusion
    mapper_fusion_vram_limit max_log_size_mb max_partition_size_mb mem_required metadata
    min_common_dep_num_to_combine num_proc op_fusion op_list_to_mine op_list_to_trace open_insight_mining
    open_monitor output_dir override_num_blocks partition partition_dir partition_size percentiles
    preserve_intermediate_data ray_address read_options resource_optimization resume save_stats_in_one_file
    skip_op_error strict_preflight suffixes temp_dir trace_keys trace_num turbo use_cache use_checkpoint use_dag
    validators work_dir
    """.split()
)

# Operator-level keys without effect, unless the class of the operator declares them (see `load.ignored_by`): they never
# change a result in Data-Juicer, or are about media that the operator does not read.
OPERATOR_IGNORED = frozenset(
    """
    accelerator adaptive_batching audio_key auto_op_parallelism batch_mode batch_size cpu_required enable_vllm
    gpu_required history_key image_bytes_key image_key index_key instruction_key is_hf_model
    max_pending_edge_buffer_task max_pending_filter_tasks mem_required memory memory_per_sample merge_batch_size
    minhash_batch_size num_cpus num_edge_buffer_task num_filter_task num_gpus num_proc prompt_key query_key
    ray_execution_mode response_key runtime_env skip_op_error stats_export_path system_key trust_remote_code turbo
    union_find_parallel_num union_threshold video_key work_dir
    """.split()
)

# Special tokens that readers of raw formats write into texts: a recipe over such files must use the same tokens.
WRITTEN_TOKENS = {
    "llava": {"image": "<image>", "eoc": "<|__dj__eoc|>"},
    "video_captions": {"video": "<__dj__video>", "eoc": "<|__dj__eoc|>"},
    "webdataset": {"image": "<__dj__image>", "video": "<__dj__video>", "eoc": "<|__dj__eoc|>"},
}

# Names of Data-Juicer for other engines with the same results; they mean the same operator here.
ALIASES = {
    "ray_bts_minhash_cpp_deduplicator": "document_minhash_deduplicator",
    "ray_bts_minhash_deduplicator": "document_minhash_deduplicator",
    "ray_document_deduplicator": "document_deduplicator",
    "ray_image_deduplicator": "image_deduplicator",
    "ray_video_deduplicator": "video_deduplicator",
}

# Short names of operators that Data-Juicer does not have.
SHORT_NAMES = {"decontaminate": "decontamination_filter"}

# Names that operators had in earlier versions of Data-Juicer.
RENAMED_OPERATORS = {
    "extract_qa_mapper": "generate_qa_from_text_mapper",
    "face_area_filter": "image_face_ratio_filter",
    "generate_instruction_mapper": "generate_qa_from_examples_mapper",
    "most_relavant_entities_aggregator": "most_relevant_entities_aggregator",
    "video_active_speaker_mapper": "video_active_speaker_detect_mapper",
    "video_audio_attribute_mapper": "video_audio_detect_age_gender_mapper",
    "video_audio_speech_ASR_mapper": "video_audio_ASR_mapper",
    "video_humantrack_face_demographic_mapper": "video_human_tracks_face_demographic_mapper",
}

# Parameters that were renamed, by operator: Data-Juicer 1.6.1 ignores the old name, here it means the new one.
RENAMED_PARAMETERS = {
    "generate_qa_from_text_mapper": {"api_model": "hf_model"},
    "image_nsfw_filter": {"score_threshold": "max_score"},
    "llm_analysis_filter": {"api_model": "api_or_hf_model"},
    "llm_difficulty_score_filter": {"api_model": "api_or_hf_model"},
    "llm_quality_score_filter": {"api_model": "api_or_hf_model"},
    "video_nsfw_filter": {"score_threshold": "max_score"},
}

_LABEL_STUDIO = frozenset(
    """
    api_key api_url label_config max_tasks_per_batch notification_config notification_events poll_interval project_id
    project_name_prefix result_key samples_per_task timeout wait_for_annotations
    """.split()
)
_CASCADE = frozenset({"maxSize", "minNeighbors", "minSize", "scaleFactor"})
# Parameters that recipes give although the operator has no use for them, by operator.
DEAD_PARAMETERS = {
    "clean_email_mapper": frozenset({"max_emails", "min_emails"}),
    "clean_links_mapper": frozenset({"max_links", "min_links"}),
    "human_preference_annotation_mapper": _LABEL_STUDIO,
    "image_face_blur_mapper": _CASCADE,
    "image_face_count_filter": _CASCADE,
    "image_face_ratio_filter": _CASCADE,
    "video_face_blur_mapper": _CASCADE,
    "video_human_tracks_extraction_mapper": frozenset({"detect_interval", "original_data_save_path"}),
}
