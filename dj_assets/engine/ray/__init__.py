"""The engine of a Ray cluster. Its modules import Ray, so they are imported where it was chosen, not before."""
