"""Mixtures: several refined subsets in exact shares, as one published subset."""
