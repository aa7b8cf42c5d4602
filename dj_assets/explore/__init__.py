"""The pages over finished runs: all samples of a subset, one sample, charts, labels, and the gallery as cards."""
