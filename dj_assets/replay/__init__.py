"""Decide about every sample by conditions over stored statistics: the second half of a run. No text is read here."""
