"""Operators of recipes: one class and one short file each."""
