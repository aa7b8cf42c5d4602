"""Running stages: the row stage over batches, the worker pool, the replay."""
