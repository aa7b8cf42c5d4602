"""The second half of a run: conditions over stored statistics decide about every sample. Reads no text."""
