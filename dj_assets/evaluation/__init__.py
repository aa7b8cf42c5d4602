"""What a subset was worth: records of benchmarks, measured and published, and how they compare."""
