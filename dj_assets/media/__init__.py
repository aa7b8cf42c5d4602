"""Images and clips: where their bytes lie, how they open, and the guarded process in which they are decoded."""
