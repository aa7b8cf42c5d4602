"""Thresholds tried out on a finished run: sliders over its statistics, answered from stored results."""
