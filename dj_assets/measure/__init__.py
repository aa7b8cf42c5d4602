"""Measure every sample once, in worker processes: the first half of a run. No threshold is used here."""
