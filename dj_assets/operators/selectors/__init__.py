"""Operators that select among all samples that are left, by rank, share or frequency."""
