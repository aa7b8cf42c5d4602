"""The first half of a run: every sample is measured once, in worker processes. Knows no threshold."""
