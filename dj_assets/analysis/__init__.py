"""Analyses of a finished run: statistics, one sample, two runs, thresholds. This package draws nothing."""
